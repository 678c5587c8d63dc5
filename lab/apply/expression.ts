import { createHash } from "node:crypto";

/**
 * The part of Terraform's template language which the synthesized stacks of this library need: references, variables, a few
 * functions, and the arithmetic of lengths of time. Everything else is refused, never guessed.
 *
 * @see https://developer.hashicorp.com/terraform/language/expressions/strings
 */
export type Expression =
  | { readonly kind: "literal"; readonly value: string | number | boolean | null }
  | { readonly kind: "template"; readonly parts: readonly Expression[] }
  | { readonly kind: "list"; readonly items: readonly Expression[] }
  | { readonly kind: "object"; readonly fields: readonly (readonly [key: string, value: Expression])[] }
  | {
      readonly kind: "operation";
      readonly operator: keyof typeof operators;
      readonly operands: readonly [Expression, Expression];
    }
  | { readonly kind: "call"; readonly name: FunctionName; readonly parameters: readonly Expression[] }
  | Reference;

/** `consul_acl_role.web.id` as its three names. */
export interface Reference {
  readonly kind: "reference";
  readonly path: readonly string[];
}

const functions = {
  jsonencode: (value: unknown) => JSON.stringify(value),
  sha256: (text: unknown) => createHash("sha256").update(toText(text)).digest("hex"),
  join: (separator: unknown, items: unknown) => toList(items).map(toText).join(toText(separator)),
  concat: (...lists: unknown[]) => lists.flatMap(toList),
  merge: (...maps: unknown[]) => Object.assign({}, ...maps.map(toMap)) as unknown,
  zipmap: (keys: unknown, values: unknown) => {
    const fields = toList(values);
    return Object.fromEntries(toList(keys).map((key, index) => [toText(key), fields[index]]));
  },
} as const;

const operators = {
  "-": (left: number, right: number) => left - right,
  "*": (left: number, right: number) => left * right,
  "/": (left: number, right: number) => left / right,
} as const;

type FunctionName = keyof typeof functions;

/** @throws Error that quotes what is not understood */
export function parseTemplate(text: string): Expression {
  return new Parser(text).template(false);
}

export function referencesOf(expression: Expression): Reference[] {
  switch (expression.kind) {
    case "literal":
      return [];
    case "reference":
      return [expression];
    case "template":
      return expression.parts.flatMap(referencesOf);
    case "list":
      return expression.items.flatMap(referencesOf);
    case "object":
      return expression.fields.flatMap(([, field]) => referencesOf(field));
    case "operation":
      return expression.operands.flatMap(referencesOf);
    case "call":
      return expression.parameters.flatMap(referencesOf);
  }
}

export function evaluate(expression: Expression, lookUp: (reference: Reference) => unknown): unknown {
  const value = (inner: Expression) => evaluate(inner, lookUp);
  switch (expression.kind) {
    case "literal":
      return expression.value;
    case "reference":
      return lookUp(expression);
    case "template":
      // A lone reference keeps its type: a list stays a list.
      return expression.parts.length === 1
        ? value(expression.parts[0])
        : expression.parts.map((part) => toText(value(part))).join("");
    case "list":
      return expression.items.map(value);
    case "object":
      return Object.fromEntries(expression.fields.map(([key, field]) => [key, value(field)]));
    case "operation": {
      const [left, right] = expression.operands.map((operand) => toNumber(value(operand)));
      return operators[expression.operator](left, right);
    }
    case "call": {
      const call: (...values: unknown[]) => unknown = functions[expression.name];
      return call(...expression.parameters.map(value));
    }
  }
}

/** As Terraform turns what stands inside a template into text. */
function toText(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw new Error(`${JSON.stringify(value)} is used where a string is needed`);
}

function toNumber(value: unknown): number {
  if (typeof value === "number") return value;
  throw new Error(`${JSON.stringify(value)} is used where a number is needed`);
}

function toMap(value: unknown): object {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new Error(`${JSON.stringify(value)} is used where a map is needed`);
}

function toList(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  throw new Error(`${JSON.stringify(value)} is used where a list is needed`);
}

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\" };

class Parser {
  private position = 0;

  constructor(private readonly text: string) {}

  /** Text with `${…}` in it, up to the end, or up to the closing quote of a string inside an expression. */
  template(quoted: boolean): Expression {
    const parts: Expression[] = [];
    let literal = "";
    const flush = () => {
      if (literal !== "") parts.push({ kind: "literal", value: literal });
      literal = "";
    };
    while (this.position < this.text.length && !(quoted && this.text[this.position] === '"')) {
      if (this.take("$${")) literal += "${";
      else if (this.take("%%{")) literal += "%{";
      else if (this.take("${")) {
        flush();
        parts.push(this.expression());
        this.expect("}");
      } else if (this.text.startsWith("%{", this.position)) this.refuse();
      else if (quoted && this.text[this.position] === "\\") literal += this.escape();
      else literal += this.text[this.position++];
    }
    flush();
    return parts.length === 0 ? { kind: "literal", value: "" } : { kind: "template", parts };
  }

  private expression(): Expression {
    this.skipBlanks();
    const inner = this.term();
    this.skipBlanks();
    return inner;
  }

  private term(): Expression {
    if (this.take('"')) {
      const string = this.template(true);
      this.expect('"');
      return string;
    }
    if (this.take("[")) return { kind: "list", items: this.sequence("]") };
    if (this.take("{")) return { kind: "object", fields: this.fields() };
    if (this.take("(")) return this.operation();
    const [word] = /^(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.-])/.exec(
      this.text.slice(this.position),
    ) ?? [""];
    if (this.take(word) && word !== "") {
      return { kind: "literal", value: JSON.parse(word) as number | boolean | null };
    }
    const [path] = /^[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*/.exec(this.text.slice(this.position)) ?? this.refuse();
    this.position += path.length;
    if (!this.take("(")) return path.includes(".") ? { kind: "reference", path: path.split(".") } : this.refuse();
    if (!(path in functions)) this.refuse();
    return { kind: "call", name: path as FunctionName, parameters: this.sequence(")") };
  }

  private sequence(end: string): Expression[] {
    const items: Expression[] = [];
    this.skipBlanks();
    while (!this.take(end)) {
      items.push(this.expression());
      if (!this.take(",") && this.text[this.position] !== end) this.refuse();
      this.skipBlanks();
    }
    return items;
  }

  /** `"key" = value, …` up to the closing brace, as cdktf writes it. */
  private fields(): (readonly [string, Expression])[] {
    const fields: (readonly [string, Expression])[] = [];
    this.skipBlanks();
    while (!this.take("}")) {
      const [key] = /^"[^"\\$%]*"/.exec(this.text.slice(this.position)) ?? this.refuse();
      this.position += key.length;
      this.skipBlanks();
      this.expect("=");
      fields.push([key.slice(1, -1), this.expression()]);
      if (!this.take(",") && this.text[this.position] !== "}") this.refuse();
      this.skipBlanks();
    }
    return fields;
  }

  /** What follows a parenthesis: cdktf puts each operation into a pair of its own. */
  private operation(): Expression {
    const left = this.expression();
    const operator = this.text[this.position];
    if (!(operator in operators)) this.refuse();
    this.position++;
    const right = this.expression();
    this.expect(")");
    return { kind: "operation", operator: operator as keyof typeof operators, operands: [left, right] };
  }

  private escape(): string {
    const unicode = /^\\u([0-9a-fA-F]{4})/.exec(this.text.slice(this.position, this.position + 6));
    if (unicode) {
      this.position += 6;
      return String.fromCharCode(parseInt(unicode[1], 16));
    }
    const plain = escapes[this.text[this.position + 1]] ?? this.refuse();
    this.position += 2;
    return plain;
  }

  private take(token: string): boolean {
    if (!this.text.startsWith(token, this.position)) return false;
    this.position += token.length;
    return true;
  }

  private expect(token: string): void {
    if (!this.take(token)) this.refuse();
  }

  private skipBlanks(): void {
    while (/\s/.test(this.text[this.position] ?? "")) this.position++;
  }

  private refuse(): never {
    const start = Math.max(this.text.lastIndexOf("${", this.position), this.text.lastIndexOf("%{", this.position), 0);
    const excerpt = this.text.slice(start, Math.max(start, this.position) + 40);
    throw new Error(`the expression \`${excerpt}\` is not understood`);
  }
}
