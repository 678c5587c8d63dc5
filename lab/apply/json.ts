import { createHash } from "node:crypto";

export type JsonObject = Record<string, unknown>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Terraform writes a nested block as an object, and several as a list. */
export function blocksOf(value: unknown): JsonObject[] {
  return [value].flat().filter(isObject);
}

/** The same for values that differ in nothing but the order of their keys. */
export function digest(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value, sortKeys)).digest("hex");
}

function sortKeys(_key: string, value: unknown): unknown {
  return isObject(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value;
}
