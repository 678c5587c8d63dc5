import { isToken } from "../core/token";

/** The message for a property that only Terraform knows. */
export const UNRESOLVED = {
  problem: "is known only to Terraform, and user data is compressed before Terraform runs.",
  fix: 'Use a literal value. For a string, you can use instanceFact("a-name", value), which machines read from their tags at boot.',
};

/**
 * Yields the paths of values that only Terraform knows, in data that becomes user data. Constructs and other objects with their
 * own class are skipped.
 *
 * @param path name of the data in messages; "" if the value is an object whose properties are named directly
 */
export function* unresolvedIn(value: unknown, path: string): Generator<string> {
  if (isToken(value)) yield path;
  else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* unresolvedIn(item, `${path}[${index}]`);
  } else if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    for (const [key, item] of Object.entries(value)) {
      const here = path === "" ? key : `${path}.${key}`;
      if (isToken(key)) yield `A key of ${path}`;
      yield* unresolvedIn(item, here);
    }
  }
}
