import { holdsToken, isToken, isTokenObject } from "./token";

/** A value that Consul or Nomad would refuse. */
export interface Problem {
  /** Path of the field in the specification of Consul or Nomad: `group "web" > task "api" > resources.memory`. */
  readonly place: string;
  /** The received value, as text. */
  readonly received: string;
  /** What is expected: completes "expected …", or "it …" if it begins with "cannot", "must" or "is not". */
  readonly allowed: string;
  /** One sentence: what to do. */
  readonly fix: string;
  /** Id of a check that reports the same problem for constructs, with the names of their props. @default none */
  readonly saidBy?: string;
}

/** One sentence: what is wrong, with the received value and what is expected. */
export function textOf({ place, received, allowed }: Problem): string {
  const expectation = /^(?:cannot|must|is not) /.test(allowed) ? `it ${allowed}` : `expected ${allowed}`;
  return `${place} is ${received}; ${expectation}.`;
}

/** A value together with its text for messages, for values whose JSON would be hard to read. */
export class Shown {
  constructor(
    readonly text: string,
    /** The value, to find out whether it is known only to Terraform. @default undefined, which is known */
    readonly value?: unknown,
  ) {}
}

/** Additional information about a problem. */
export interface Remarks {
  /** Other values that the rule compared. If one of them is known only to Terraform, nothing is reported. @default none */
  readonly comparedWith?: unknown;
  /** Id of a check that reports the same problem, see {@link Problem.saidBy}. @default none */
  readonly saidBy?: string;
}

/**
 * A place in a specification, which collects the problems there and in nested blocks. Values that are known only to Terraform are never
 * refused: Consul or Nomad validates them during the apply.
 */
export class Place {
  private constructor(
    private readonly found: Problem[],
    private readonly parent?: Place,
    private readonly name = "",
    /** Label of the block, if it has one. */
    private readonly label?: { readonly value: unknown },
  ) {}

  /** @returns the problems that `examine` reports */
  static problemsOf(examine: (root: Place) => void): readonly Problem[] {
    const found: Problem[] = [];
    examine(new Place(found));
    return found;
  }

  /** A nested block without a label, such as `update`. */
  block(name: string): Place {
    return new Place(this.found, this, name);
  }

  /** A nested block with a label, such as `task "api"`. */
  labelled(name: string, label: unknown): Place {
    return new Place(this.found, this, name, { value: label });
  }

  /**
   * Reports a value.
   *
   * @param field name of the field with the value
   * @param allowed completes "expected …"
   * @param fix one sentence: what to do
   */
  refuse(field: string, received: unknown, allowed: string, fix: string, remarks: Remarks = {}): void {
    const value = received instanceof Shown ? received.value : received;
    if (!holdsToken(value) && !holdsToken(remarks.comparedWith)) {
      this.add({ place: this.pathOf(field), received: show(received), allowed, fix, saidBy: remarks.saidBy });
    }
  }

  /** Refuses a value that is missing or empty. */
  required(field: string, value: unknown, fix: string): void {
    if (value === undefined || value === null || value === "") {
      this.refuse(field, value, "a non-empty string", fix);
    }
  }

  /** Refuses a number below a minimum. */
  atLeast(field: string, value: number | undefined, least: number, fix: string): void {
    if (value !== undefined && value < least) {
      this.refuse(field, value, `${least} or more`, fix);
    }
  }

  /** Refuses a value that is not one of the allowed values. */
  oneOf(field: string, value: unknown, allowed: readonly string[], fix = "Use one of them."): void {
    if (value !== undefined && !allowed.includes(value as string)) {
      this.refuse(field, value, listOf(allowed), fix);
    }
  }

  /** Adds a problem. Only the first problem of each value is kept. */
  private add(problem: Problem): void {
    if (!this.found.some(({ place, received }) => place === problem.place && received === problem.received)) {
      this.found.push(problem);
    }
  }

  /** Path of a field. It is built only if there is a problem to report. */
  private pathOf(step: string): string {
    if (this.parent === undefined) {
      return step;
    }
    const joint = this.label === undefined ? "." : " > ";
    const own = this.label === undefined ? this.name : `${this.name} ${show(this.label.value)}`;
    return this.parent.pathOf(`${own}${joint}${step}`);
  }
}

/** The items of a list, without those that are known only to Terraform; an empty list if the whole list is. */
export function itemsOf<T extends object>(list: readonly T[] | undefined): readonly T[] {
  return Array.isArray(list) ? (list as readonly T[]).filter(isPlainObject) : [];
}

/** The strings of a list; an empty list if the value is not a list. */
export function textsOf(list: readonly string[] | undefined): readonly string[] {
  return Array.isArray(list) ? (list as readonly string[]) : [];
}

/** The entries of a map, without those whose keys are known only to Terraform; an empty list if the whole map is. */
export function entriesOf<T>(map: Readonly<Record<string, T>> | undefined): [key: string, value: T][] {
  return isPlainObject(map) ? Object.entries(map).filter(([key]) => !isToken(key)) : [];
}

/** A block; `undefined` if it is not set, or known only to Terraform. */
export function known<T extends object>(block: T | undefined): T | undefined {
  return isPlainObject(block) ? block : undefined;
}

/** `"a", "b" or "c"` */
export function listOf(values: readonly string[]): string {
  const quoted = values.map((value) => JSON.stringify(value));
  return quoted.length < 2 ? quoted.join("") : `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`;
}

function isPlainObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isTokenObject(value);
}

function show(value: unknown): string {
  if (value instanceof Shown) {
    return value.text;
  }
  if (value === undefined || value === null) {
    return "not set";
  }
  const text = typeof value === "number" ? String(value) : jsonOf(value);
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}

function jsonOf(value: unknown): string {
  const maker = Array.isArray(value)
    ? undefined
    : (value as { readonly constructor?: { readonly name: string } }).constructor;
  if (typeof value === "function" || (typeof value === "object" && maker !== undefined && maker.name !== "Object")) {
    return `a ${maker?.name ?? "Function"}`;
  }
  if (typeof value === "symbol" || typeof value === "bigint") {
    return String(value);
  }
  try {
    return JSON.stringify(value);
  } catch {
    return "an object";
  }
}
