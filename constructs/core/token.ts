import { Token } from "cdktf";

// The toolkit's own `Token.isUnresolved` compiles what it looks for into several patterns and buffers at each call. Here it is asked of
// every field of every job, so what cannot be a token is told by its first sight.

/** How every token looks in a text: `${TfToken[…]}`, and `#{…` and `&{…` for those of lists and maps. */
const MARK = "{TfToken[";

/** How a number that stands for a token goes on behind its digits, once it is a part of a text. */
const SPELLED = "e+2";

/** Every number that stands for a token is far below it. */
const ABOVE_NUMBER_TOKENS = -1e200;

/** Whether a value is known only to Terraform; `Token.isUnresolved`, but quick. */
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

/** A token that is an object is one by its method, one that stands for a map by its key. */
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

/** Whether an object, which is no list, cannot be looked at: it is a token, or its keys are. */
export function isTokenObject(value: object): boolean {
  if (isResolvable(value)) {
    return true;
  }
  for (const key in value) {
    return (key.startsWith("${") && Token.isUnresolved(key)) || (key.startsWith("&{") && Token.isUnresolved(value));
  }
  return false;
}

/** How deep values are looked into. What goes deeper leads back to itself, and is for the toolkit to refuse. */
const DEEPEST = 200;

/** Whether a value, or something in it, is known only to Terraform. */
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
 * What the toolkit would resolve a value to, where that is the value itself without the fields that are `undefined`. It is not where the value
 * holds a token, a number that stands for one and is spelled out in a text, or something else than data.
 *
 * @returns `undefined` where the toolkit has to resolve it
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

/** Whether it is a list, or an object of no class. */
function isData(value: object): boolean {
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}

/** The same for a value that is none of several. */
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
