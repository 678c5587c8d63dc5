import { holdsToken, isToken, isTokenObject } from "./token";

/** A value that an engine would refuse. */
export interface Problem {
  /** Where it was given, in the words of the engine's own specification: `group "web" > task "api" > resources.memory`. */
  readonly place: string;
  /** What was given, as text. */
  readonly received: string;
  /** What is expected there: completes "expected …", or "it …" where it begins with "cannot", "must" or "is not". */
  readonly allowed: string;
  /** One sentence: what to do. */
  readonly fix: string;
  /** Id of the check that reports the same of what constructs render, in their words. @default none */
  readonly saidBy?: string;
}

/** One sentence: what is wrong, with the value received and what is expected. */
export function textOf({ place, received, allowed }: Problem): string {
  const expectation = /^(?:cannot|must|is not) /.test(allowed) ? `it ${allowed}` : `expected ${allowed}`;
  return `${place} is ${received}; ${expectation}.`;
}

/** A value with the text that shows it, for one that would be hard to read as it is. */
export class Shown {
  constructor(
    readonly text: string,
    /** @default nothing that Terraform could know alone */
    readonly value?: unknown,
  ) {}
}

/** Something else to say of a problem. */
export interface Remarks {
  /** Other values that the rule compared. A rule says nothing where one of them is known only to Terraform. @default none */
  readonly comparedWith?: unknown;
  /** @default none */
  readonly saidBy?: string;
}

/**
 * A place in a specification, with the problems found there and below it. Values that only Terraform knows are never refused:
 * the engine judges them when they are there.
 */
export class Place {
  private constructor(
    private readonly found: Problem[],
    private readonly parent?: Place,
    private readonly name = "",
    /** Of a block that has one. */
    private readonly label?: { readonly value: unknown },
  ) {}

  /** @returns the problems that `examine` reports */
  static problemsOf(examine: (root: Place) => void): readonly Problem[] {
    const found: Problem[] = [];
    examine(new Place(found));
    return found;
  }

  /** The block of this name here, such as `update`. */
  block(name: string): Place {
    return new Place(this.found, this, name);
  }

  /** The block of this name and label here, such as `task "api"`. */
  labelled(name: string, label: unknown): Place {
    return new Place(this.found, this, name, { value: label });
  }

  /**
   * Reports a value.
   *
   * @param field its name here
   * @param allowed completes "expected …"
   * @param fix one sentence: what to do
   */
  refuse(field: string, received: unknown, allowed: string, fix: string, remarks: Remarks = {}): void {
    const value = received instanceof Shown ? received.value : received;
    if (!holdsToken(value) && !holdsToken(remarks.comparedWith)) {
      this.add({ place: this.pathOf(field), received: show(received), allowed, fix, saidBy: remarks.saidBy });
    }
  }

  /** Refuses what is missing or empty. */
  required(field: string, value: unknown, fix: string): void {
    if (value === undefined || value === null || value === "") {
      this.refuse(field, value, "a non-empty string", fix);
    }
  }

  /** Refuses a number below the least that is allowed. */
  atLeast(field: string, value: number | undefined, least: number, fix: string): void {
    if (value !== undefined && value < least) {
      this.refuse(field, value, `${least} or more`, fix);
    }
  }

  /** Refuses a value that is none of those allowed. */
  oneOf(field: string, value: unknown, allowed: readonly string[], fix = "Use one of them."): void {
    if (value !== undefined && !allowed.includes(value as string)) {
      this.refuse(field, value, listOf(allowed), fix);
    }
  }

  /** Of one value, the first problem is enough. */
  private add(problem: Problem): void {
    if (!this.found.some(({ place, received }) => place === problem.place && received === problem.received)) {
      this.found.push(problem);
    }
  }

  /** Put together only where there is something to report. */
  private pathOf(step: string): string {
    if (this.parent === undefined) {
      return step;
    }
    const joint = this.label === undefined ? "." : " > ";
    const own = this.label === undefined ? this.name : `${this.name} ${show(this.label.value)}`;
    return this.parent.pathOf(`${own}${joint}${step}`);
  }
}

/** The items of a list that can be looked at: neither the list nor they are known only to Terraform. */
export function itemsOf<T extends object>(list: readonly T[] | undefined): readonly T[] {
  return Array.isArray(list) ? (list as readonly T[]).filter(isPlainObject) : [];
}

/** The texts of a list that can be looked at. */
export function textsOf(list: readonly string[] | undefined): readonly string[] {
  return Array.isArray(list) ? (list as readonly string[]) : [];
}

/** The entries of a map that can be looked at. */
export function entriesOf<T>(map: Readonly<Record<string, T>> | undefined): [key: string, value: T][] {
  return isPlainObject(map) ? Object.entries(map).filter(([key]) => !isToken(key)) : [];
}

/** A block that can be looked at, `undefined` where it is not given or known only to Terraform. */
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
