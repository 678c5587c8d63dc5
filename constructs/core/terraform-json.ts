import { Fn, Token, Tokenization } from "cdktf";
import { holdsToken, isToken } from "./token";

/** Marks the place of an expression in the text: a private-use character, which no field of Consul or Nomad contains. */
const MARK = "\uE000";

/**
 * Renders a value as a JSON document inside a Terraform string.
 *
 * Literal parts of the value reach Consul or Nomad unchanged: `${NOMAD_ALLOC_ID}` and `%{` are escaped, since Terraform would read them
 * as its own templates. A Terraform token (an attribute of another resource, a variable) becomes `${jsonencode(…)}`, so that Terraform
 * writes its value as correct JSON, whatever its type.
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
 * Parses the output of {@link toTerraformJson}, or JSON that a user has written.
 *
 * @returns `undefined` if parts of it are known only to Terraform, or if it is not JSON
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

/** A JSON document as a string inside another document, such as a field of Envoy's configuration. */
export function jsonText(value: unknown): string {
  return holdsToken(value) ? Fn.jsonencode(asExpression(value)) : JSON.stringify(value);
}

/**
 * A value as an argument of a Terraform function, with its literal text escaped.
 *
 * cdktf does not escape such text, and for keys that are tokens, and fields that are undefined, its output is refused by Terraform.
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
 * cdktf's `Lazy` is not used, since it captures a stack trace of each object, which takes more time than the rendering.
 */
export function lazyText(produce: () => string): string {
  return Token.asString({ creationStack: [], resolve: produce, toString: () => "<rendered at synthesis>" });
}

/** Escapes text so that its value in Terraform is the original text. */
export function escapeTemplate(text: string): string {
  return text.replace(/\$\{/g, () => "$${").replace(/%\{/g, () => "%%{");
}

/** Replaces keys of a map that are known only to Terraform by marks of expressions. */
function withMarkedKeys(field: unknown, mark: (expression: string) => string): unknown {
  if (typeof field !== "object" || field === null || Array.isArray(field) || !Object.keys(field).some(isToken)) {
    return field;
  }
  return Object.fromEntries(
    // Keys are strings: Terraform's `join` also converts a number.
    Object.entries(field).map(([key, value]) => [
      isToken(key) ? mark(Fn.jsonencode(Fn.join("", [withLiteralsQuoted(key)]))) : key,
      value as unknown,
    ]),
  );
}

/** The expression for the JSON of a field that is a token or contains tokens; `undefined` for other fields. */
function expressionOf(field: unknown): string | undefined {
  if (!isToken(field)) {
    return undefined;
  }
  return Fn.jsonencode(typeof field === "string" ? withLiteralsQuoted(field) : field);
}

/** Joins literal text and tokens with Terraform's `join`, which avoids nested quoting. */
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

/** Escape sequences of JSON that HCL does not have. */
const UNKNOWN_TO_HCL: Readonly<Record<string, string | undefined>> = { "\\b": "\\u0008", "\\f": "\\u000c" };

/** Text as a quoted string of a Terraform expression. `Fn.rawString` does not escape backslashes and `%{`. */
function literal(text: string): string {
  const quoted = JSON.stringify(text).replace(/\\./g, (escaped) => UNKNOWN_TO_HCL[escaped] ?? escaped);
  return lazyText(() => escapeTemplate(quoted));
}
