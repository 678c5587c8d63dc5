import { Fn, Token, Tokenization } from "cdktf";
import { holdsToken, isToken } from "./token";

/** Marks the place of an expression in the text; a private-use character, which no engine's field holds. */
const MARK = "\uE000";

/**
 * Renders a value as a JSON document inside a Terraform string.
 *
 * What the value spells out literally reaches the engine letter by letter: `${NOMAD_ALLOC_ID}` and `%{` are escaped once,
 * since Terraform would read them as its own templates. A Terraform token (another resource's attribute, a variable)
 * becomes `${jsonencode(…)}`, so that Terraform writes its value, of whatever type, as correct JSON when it is known.
 *
 * @see https://developer.hashicorp.com/terraform/language/expressions/strings#escape-sequences
 */
export function toTerraformJson(value: unknown): string {
  return holdsToken(value) ? withExpressions(value) : escapeTemplate(JSON.stringify(value));
}

function withExpressions(value: unknown): string {
  const expressions: string[] = [];
  const mark = (expression: string) => `${MARK}${expressions.push(expression) - 1}${MARK}`;
  const text = JSON.stringify(value, function (this: Record<string, unknown>, key: string, field: unknown) {
    // `this[key]` and not `field`: a token's own toJSON has already run on `field`.
    const expression = expressionOf(this[key]);
    return expression === undefined ? withMarkedKeys(field, mark) : mark(expression);
  });
  return escapeTemplate(text).replace(
    new RegExp(`"${MARK}(\\d+)${MARK}"`, "g"),
    (_, index: string) => expressions[Number(index)],
  );
}

/**
 * Reads what {@link toTerraformJson} writes, or what others have written.
 *
 * @returns `undefined` where parts of it are known only to Terraform, or where it is no JSON
 */
export function fromTerraformJson(text: unknown): object | undefined {
  if (typeof text !== "string" || isToken(text)) {
    return undefined;
  }
  try {
    return JSON.parse(text.replace(/\$\$\{/g, "${").replace(/%%\{/g, "%{")) as object;
  } catch {
    return undefined;
  }
}

/** A JSON document inside another one, such as a field that an engine hands on as text. */
export function jsonText(value: unknown): string {
  return holdsToken(value) ? Fn.jsonencode(asExpression(value)) : JSON.stringify(value);
}

/**
 * A value as an argument of Terraform's functions, with its literal text escaped.
 *
 * cdktf itself leaves that to its users, and writes keys that are tokens, and fields that are undefined, as what Terraform refuses.
 */
export function asExpression(value: unknown): unknown {
  if (typeof value === "string") {
    return withLiteralsQuoted(value);
  }
  if (typeof value !== "object" || value === null || isToken(value)) {
    return value;
  }
  if (Array.isArray(value)) {
    return value.map(asExpression);
  }
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  const fields = entries.map(([, field]) => asExpression(field));
  return entries.some(([key]) => isToken(key) || /[$%]\{/.test(key))
    ? Fn.zipmap(
        entries.map(([key]) => withLiteralsQuoted(key)),
        fields,
      )
    : Object.fromEntries(entries.map(([key], index) => [key, fields[index]]));
}

/**
 * A string that is rendered at synthesis.
 *
 * Not cdktf's own `Lazy`, which takes a stack trace of each: that costs more than all the rendering.
 */
export function lazyText(produce: () => string): string {
  return Token.asString({ creationStack: [], resolve: produce, toString: () => "<rendered at synthesis>" });
}

/** Escapes text so that Terraform yields it unchanged. */
export function escapeTemplate(text: string): string {
  return text.replace(/\$\{/g, () => "$${").replace(/%\{/g, () => "%%{");
}

/** Has Terraform write the keys of a map that only it knows. */
function withMarkedKeys(field: unknown, mark: (expression: string) => string): unknown {
  if (typeof field !== "object" || field === null || Array.isArray(field) || !Object.keys(field).some(isToken)) {
    return field;
  }
  return Object.fromEntries(
    // Inside a text even a number is one.
    Object.entries(field).map(([key, value]) => [
      isToken(key) ? mark(Fn.jsonencode(Fn.join("", [withLiteralsQuoted(key)]))) : key,
      value as unknown,
    ]),
  );
}

/** The expression that yields the JSON of a field which holds tokens, `undefined` for a field which holds none. */
function expressionOf(field: unknown): string | undefined {
  if (!isToken(field)) {
    return undefined;
  }
  return Fn.jsonencode(typeof field === "string" ? withLiteralsQuoted(field) : field);
}

/** Joins literal text and tokens by Terraform's own `join`, which spares us its nested quoting rules. */
function withLiteralsQuoted(text: string): string {
  const parts = Tokenization.reverseString(text).join({
    join: (left: unknown, right: unknown) => [left, right].flat(),
  }) as string | string[];
  if (!Array.isArray(parts)) {
    return isToken(text) ? text : literal(text);
  }
  return Fn.join(
    "",
    parts.map((part) => (isToken(part) ? part : literal(part))),
  );
}

/** Escapes of JSON that HCL does not have. */
const UNKNOWN_TO_HCL: Readonly<Record<string, string | undefined>> = { "\\b": "\\u0008", "\\f": "\\u000c" };

/** Text as Terraform's expressions quote it. `Fn.rawString` leaves backslashes and `%{` as they are. */
function literal(text: string): string {
  const quoted = JSON.stringify(text).replace(/\\./g, (escaped) => UNKNOWN_TO_HCL[escaped] ?? escaped);
  return lazyText(() => escapeTemplate(quoted));
}
