import { Fn, Token, Tokenization } from "cdktf";

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
  const expressions: string[] = [];
  const text = JSON.stringify(value, function (this: Record<string, unknown>, key: string, field: unknown) {
    // `this[key]` and not `field`: a token's own toJSON has already run on `field`.
    const expression = expressionOf(this[key]);
    return expression === undefined ? field : `${MARK}${expressions.push(expression) - 1}${MARK}`;
  });
  return escapeTemplate(text).replace(
    new RegExp(`"${MARK}(\\d+)${MARK}"`, "g"),
    (_, index: string) => expressions[Number(index)],
  );
}

/** The same for a value that is known only once the graph is complete. */
export function lazyTerraformJson(produce: () => unknown): string {
  return lazyText(() => toTerraformJson(produce()));
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

/** The expression that yields the JSON of a field which holds tokens, `undefined` for a field which holds none. */
function expressionOf(field: unknown): string | undefined {
  if (!Token.isUnresolved(field)) {
    return undefined;
  }
  return Fn.jsonencode(typeof field === "string" ? withLiteralsQuoted(field) : field);
}

/**
 * Joins literal text and tokens by Terraform's own `join`, which spares us its nested quoting rules. `rawString` quotes and
 * escapes `${`, but leaves `%{` to us.
 */
function withLiteralsQuoted(text: string): unknown {
  const parts = Tokenization.reverseString(text).join({
    join: (left: unknown, right: unknown) => [left, right].flat(),
  }) as string | string[];
  if (!Array.isArray(parts)) {
    return text;
  }
  return Fn.join(
    "",
    parts.map((part) => (Token.isUnresolved(part) ? part : Fn.rawString(part.replace(/%\{/g, () => "%%{")))),
  );
}
