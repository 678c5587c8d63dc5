/** Names that are given once. */
export class Names {
  private readonly taken: Set<string>;

  constructor(...taken: readonly string[]) {
    this.taken = new Set(taken);
  }

  /** The first of the suggestions that is free, else the last one with a number. */
  give(...suggestions: readonly [string, ...string[]]): string {
    const last = suggestions.at(-1) ?? suggestions[0];
    const name = suggestions.find((it) => !this.taken.has(it)) ?? this.numbered(last, 2);
    this.taken.add(name);
    return name;
  }

  private numbered(name: string, number: number): string {
    return this.taken.has(`${name}${number}`) ? this.numbered(name, number + 1) : `${name}${number}`;
  }
}

/** An identifier of TypeScript, such as `countApi` for `count-api`. */
export function identifier(text: string): string {
  const words = text.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
  const joined = words.map((word, index) => (index === 0 ? lowerFirst(word) : upperFirst(word))).join("");
  return /^[A-Za-z]/.test(joined) ? joined : `x${upperFirst(joined)}`;
}

/** A construct's id: `/` separates constructs. */
export function constructId(text: string): string {
  return text.replace(/\//g, "-");
}

function upperFirst(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}

function lowerFirst(word: string): string {
  return word.slice(0, 1).toLowerCase() + word.slice(1);
}

/** Words that cannot be variables, and those that the generated app uses. */
export const RESERVED = [
  ...["abstract", "any", "app", "arguments", "as", "async", "await", "boolean", "break", "case", "catch", "class"],
  ...["const", "constructor", "continue", "debugger", "declare", "default", "delete", "do", "else", "enum", "eval"],
  ...["export", "extends", "false", "finally", "for", "from", "function", "get", "if", "implements", "import", "in"],
  ...["instanceof", "interface", "is", "keyof", "let", "mesh", "module", "namespace", "never", "new", "null"],
  ...["number", "object", "of", "package", "private", "protected", "public", "readSettings", "return", "set"],
  ...[
    "silence",
    "stack",
    "static",
    "string",
    "super",
    "switch",
    "symbol",
    "synthesize",
    "this",
    "throw",
    "true",
    "try",
    "type",
    "typeof",
  ],
  ...["undefined", "unknown", "var", "void", "while", "with", "yield"],
];
