/**
 * Has `instanceof` tell objects of a class by a mark of theirs, which they have from whichever copy of this package: a
 * project whose own constructs come from another package may have two.
 *
 * @param name of the class, the same in every copy
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
      // A subclass inherits this function, but is not told by the mark of what it extends.
      return this === type && typeof candidate === "object" && candidate !== null
        ? mark in candidate
        : Function.prototype[Symbol.hasInstance].call(this, candidate);
    },
  });
}
