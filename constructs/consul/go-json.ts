import { toTerraformJson } from "../core/terraform-json";
import { isToken } from "../core/token";

/**
 * Renders a value as the Consul provider reads it from Consul: with sorted keys, and with the characters escaped that Go escapes.
 * Otherwise, every plan would show a difference.
 *
 * @see https://pkg.go.dev/encoding/json#Marshal
 */
export function goJson(value: Readonly<Record<string, unknown>>): string {
  return toTerraformJson(sorted(value)).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(sorted);
  }
  if (typeof value !== "object" || value === null || isToken(value)) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => [key, sorted(field)]),
  );
}
