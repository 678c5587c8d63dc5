import { Token } from "cdktf";

// cdktf's `Token.isUnresolved` compiles several patterns and creates buffers in each call. These functions are called for every field of
// every job, so a quick test first excludes most values that cannot be tokens.

/** Part of every token in a string: `${TfToken[…]}`, `#{TfToken[…]}` for lists and `&{TfToken[…]}` for maps. */
const MARK = "{TfToken[";

/** Part of the string of a number that represents a token, after its digits. */
const SPELLED = "e+2";

/** All numbers that represent tokens are below this number. */
const ABOVE_NUMBER_TOKENS = -1e200;

/** Whether a value is known only to Terraform. It returns the same as `Token.isUnresolved`, but is faster. */
export function isToken(value: unknown): boolean {
  switch (typeof value) {
    case "string":
      return value.includes(MARK) && Token.isUnresolved(value);
    case "number":
      return value < ABOVE_NUMBER_TOKENS && Token.isUnresolved(value);
    case "object":
      if (value === null) {
        return false;
      }
      return Array.isArray(value) ? value.length === 1 && Token.isUnresolved(value) : isMarked(value);
    default:
      return false;
  }
}

/** Whether an object is a token (it has the method `resolve`), or represents a map token (it has a marked key). */
function isMarked(value: object): boolean {
  if (isResolvable(value)) {
    return true;
  }
  for (const key in value) {
    if (key.startsWith("&{")) {
      return Token.isUnresolved(value);
    }
  }
  return false;
}

function isResolvable(value: object): boolean {
  return typeof (value as { readonly resolve?: unknown }).resolve === "function";
}

/** Whether the fields of an object, which is not a list, are known only to Terraform: it is a token, or its keys are tokens. */
export function isTokenObject(value: object): boolean {
  if (isResolvable(value)) {
    return true;
  }
  for (const key in value) {
    return (key.startsWith("${") && Token.isUnresolved(key)) || (key.startsWith("&{") && Token.isUnresolved(value));
  }
  return false;
}

/** Maximum depth to which values are examined. A value that is deeper is circular, and cdktf refuses it. */
const DEEPEST = 200;

/** Whether a value, or a part of it, is known only to Terraform. */
export function holdsToken(value: unknown, depth = 0): boolean {
  if (isToken(value) || depth > DEEPEST) {
    return true;
  }
  if (typeof value !== "object" || value === null) {
    return false;
  }
  for (const key in value) {
    if (key.includes(MARK) || holdsToken((value as Readonly<Record<string, unknown>>)[key], depth + 1)) {
      return true;
    }
  }
  return false;
}

/**
 * The result of resolving a value with cdktf, if that is the value itself without the fields that are `undefined`. This is not so if the
 * value contains a token, the string of a number that represents a token, or an object that is not plain data.
 *
 * @returns `undefined` if cdktf must resolve the value
 */
export function literalOf(value: object, depth = 0): object | undefined {
  if (isResolvable(value) || !isData(value) || depth > DEEPEST) {
    return undefined;
  }
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value) ? [] : {};
  for (const key in value) {
    const field = (value as Readonly<Record<string, unknown>>)[key];
    if (field === undefined) {
      continue;
    }
    const literal = typeof field === "object" && field !== null ? literalOf(field, depth + 1) : field;
    if (literal === undefined || !isLiteral(literal) || !isLiteral(key)) {
      return undefined;
    }
    if (Array.isArray(copy)) {
      copy.push(literal);
    } else {
      copy[key] = literal;
    }
  }
  return copy;
}

/** Whether a value is a list, or a plain object. */
function isData(value: object): boolean {
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}

/** Whether a string, number or other primitive value resolves to itself. */
function isLiteral(value: unknown): boolean {
  switch (typeof value) {
    case "string":
      return !value.includes(MARK) && !value.includes(SPELLED);
    case "number":
      return !(value < ABOVE_NUMBER_TOKENS);
    default:
      return typeof value !== "function";
  }
}
