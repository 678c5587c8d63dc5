/**
 * Makes `instanceof` recognize objects of a class from any copy of this package, by a symbol in their prototype. A project can have two
 * copies if some of its constructs come from another package.
 *
 * @param name name of the class, the same in every copy
 *
 * @example
 * class Subset {
 *   static {
 *     sharedClass(this, "Subset");
 *   }
 * }
 */
export function sharedClass(type: { readonly prototype: object }, name: string): void {
  const mark = Symbol.for(`meshform.class.${name}`);
  Object.defineProperty(type.prototype, mark, { value: true });
  Object.defineProperty(type, Symbol.hasInstance, {
    value(this: unknown, candidate: unknown): boolean {
      // A subclass inherits this function, but the symbol of its base class does not identify objects of the subclass.
      return this === type && typeof candidate === "object" && candidate !== null
        ? mark in candidate
        : Function.prototype[Symbol.hasInstance].call(this, candidate);
    },
  });
}
