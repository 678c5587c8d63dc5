import type { IConstruct } from "constructs";
import { DURATION_ALLOWED, isDuration } from "./duration";
import { closestTo } from "./closest";
import { MeshError, ValueError } from "./errors";
import { Place, Shown, textOf } from "./problems";
import { isToken, isTokenObject } from "./token";

/** Reports what is wrong with the value of a property. Users whose code is not type-checked can pass any value. */
export type Rule = (place: Place, property: string, value: unknown) => void;

/** A rule for each property of an interface. */
export type Shape<T> = { readonly [Property in keyof T]-?: Rule };

/** A shape without these properties. */
export function without<Full extends object, Name extends keyof Full>(shape: Full, ...names: Name[]): Omit<Full, Name> {
  return Object.fromEntries(Object.entries(shape).filter(([name]) => !names.includes(name as Name))) as Omit<
    Full,
    Name
  >;
}

/** A builder that can examine its arguments. The construct that gets the builder reports the problems, with its path. */
export interface Examinable {
  /** @internal */
  examine(place: Place): void;
}

/**
 * Refuses values of the wrong type, and unknown properties, in the props of a construct or the options of a method.
 *
 * @param block what the options configure, such as `route` or `upstream`; omitted for the props of the construct
 * @param label name of that object, such as the destination of the upstream
 * @throws MeshError with all problems
 */
export function refuseWrongValues<T extends object>(
  scope: IConstruct,
  given: T,
  shape: Shape<T>,
  block?: string,
  label?: string,
): void {
  refuseProblems(scope, (root) => {
    const place = label === undefined ? root : root.labelled(block ?? "", label);
    examineProperties(block === undefined || label !== undefined ? place : root.block(block), given, shape);
  });
}

/** Refuses a wrong argument of a construct's method. @param name name of the parameter, such as `target` */
export function refuseWrongArgument(scope: IConstruct, name: string, value: unknown, rule: Rule): void {
  refuseProblems(scope, (root) => {
    required(rule, "Set it.")(root, name, value);
  });
}

/** Reports all problems in one error. @throws MeshError if there are any */
export function refuseProblems(scope: IConstruct, examine: (root: Place) => void): void {
  const problems = Place.problemsOf(examine);
  const last = problems.at(-1);
  if (last !== undefined) {
    const others = problems.slice(0, -1).map((problem) => `${textOf(problem)} ${problem.fix}`);
    throw new MeshError(scope, [...others, textOf(last)].join(" "), last.fix);
  }
}

/** Examines each property, and refuses unknown properties. */
export function examineProperties<T extends object>(place: Place, given: T, shape: Shape<T>): void {
  if (examineNames(place, given, shape)) {
    const values = given as Readonly<Record<string, unknown>>;
    for (const { property, rule, mindsAbsence } of rulesOf(shape)) {
      const value = values[property];
      if (value !== undefined || mindsAbsence) {
        rule(place, property, value);
      }
    }
  }
}

interface PropertyRule {
  readonly property: string;
  readonly rule: Rule;
  /** Whether the rule refuses a property that is not set. Other rules are skipped for such properties. */
  readonly mindsAbsence: boolean;
}

const rulesByShape = new WeakMap<object, readonly PropertyRule[]>();

function rulesOf(shape: object): readonly PropertyRule[] {
  const known = rulesByShape.get(shape);
  if (known !== undefined) {
    return known;
  }
  const rules = Object.entries(shape as Readonly<Record<string, Rule>>).map(([property, rule]) => {
    const problems = Place.problemsOf((place) => {
      rule(place, property, undefined);
    });
    return { property, rule, mindsAbsence: problems.length > 0 };
  });
  rulesByShape.set(shape, rules);
  return rules;
}

/** Refuses unknown properties. @returns whether the value is an object */
export function examineNames(place: Place, given: object, shape: object): boolean {
  if (!isPlain(given)) {
    place.refuse("options", shown(given), "an object", "Use an object.");
    return false;
  }
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(shape, name) && value !== undefined) {
      // The value may be a secret, so the message does not contain it.
      place.refuse(name, SET, "is not a known property", closestTo(name, Object.keys(shape)));
    }
  }
  return true;
}

const SET = new Shown("set");

/** The value for a message. `null` is shown as null, to distinguish it from a value that is not set. */
function shown(value: unknown): unknown {
  return value === null ? NULL : value;
}

const NULL = new Shown("null");

/**
 * Refuses options of a builder that are not an object. @param builder name of the builder, for the message
 *
 * @throws ValueError
 */
export function optionsOf<T extends object>(builder: string, options: T): T {
  if (!isPlain(options) && !isToken(options)) {
    throw new ValueError(
      `${builder} is given ${typeof options === "object" ? "no object" : typeof options}.`,
      "Pass an object with options.",
    );
  }
  return options;
}

/** A value that can be omitted. A value that is known only to Terraform is accepted: Terraform checks its type. */
export function rule(allowed: string, fix: string, fits: (value: unknown) => boolean): Rule {
  return (place, property, value) => {
    if (value !== undefined && !isToken(value) && !fits(value)) {
      place.refuse(property, shown(value), allowed, fix);
    }
  };
}

export const text = rule("a string", "Use a string.", (value) => typeof value === "string");
/** A string that messages do not contain. */
export const secret: Rule = (place, property, value) => {
  text(place, property, typeof value === "string" ? "" : new Shown(`a ${typeof value}`));
};
export const name = rule(
  "a non-empty string",
  "Set a name, or omit it.",
  (value) => typeof value === "string" && value !== "",
);
/** An address with https or http; `undefined` for any other value. */
export function httpUrl(value: unknown): URL | undefined {
  const url = typeof value === "string" && URL.canParse(value) ? new URL(value) : undefined;
  return url !== undefined && ["https:", "http:"].includes(url.protocol) ? url : undefined;
}

/** Any number, including NaN. The rules of Consul and Nomad check its range later, together with the other fields. */
export const number = rule("a number", "Use a number.", (value) => typeof value === "number");
/** A whole number from 1. @param most the greatest one. @default none */
export function count(fix: string, most = Infinity): Rule {
  const allowed = `a whole number from 1${most === Infinity ? "" : ` to ${most}`}`;
  return rule(allowed, fix, (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= most);
}
export const port = count("Use a valid port.", 65_535);
export const flag = rule("true or false", "Use one of them.", (value) => typeof value === "boolean");
export const textOrNumber = rule("a string or a number", "Use one of them.", (value) =>
  ["string", "number"].includes(typeof value),
);

/** Any value, which is passed to Consul or Nomad unchanged. */
export const anything: Rule = () => undefined;

/** A duration for Nomad, whose API has numbers. */
export const duration: Rule = (place, property, value) => {
  if (isToken(value)) {
    const fix = "Use a number: Duration.seconds(variable.numberValue).";
    place.refuse(property, UNKNOWN, "a literal string or a Duration", fix);
  } else if (value !== undefined && !isDuration(value)) {
    place.refuse(property, shown(value), DURATION_ALLOWED, "Correct it.");
  }
};

/** A duration for Consul, whose API has strings. */
export const durationText = rule(DURATION_ALLOWED, "Correct it.", isDuration);

const UNKNOWN = new Shown("known only to Terraform");

/** A value that must be known at synthesis: the graph, or Envoy's configuration in the job, depends on it. */
export function literal(inner: Rule, why: string): Rule {
  return (place, property, value) => {
    if (isToken(value)) {
      place.refuse(property, UNKNOWN, "a literal value", why);
    } else {
      inner(place, property, value);
    }
  };
}

/** A value that must not be omitted. */
export function required(inner: Rule, fix = "Set it."): Rule {
  return (place, property, value) => {
    if (value === undefined || value === null) {
      place.refuse(property, undefined, "a value", fix);
    } else {
      inner(place, property, value);
    }
  };
}

/** One of these strings, or a string that matches the pattern. */
export function oneOf(allowed: readonly string[], further?: RegExp): Rule {
  return (place, property, value) => {
    if (typeof value !== "string" || further?.test(value) !== true) {
      place.oneOf(property, shown(value), allowed);
    }
  };
}

/** `false`, or a value that the rule accepts. */
export function falseOr(inner: Rule): Rule {
  return (place, property, value) => {
    if (value !== false) {
      inner(place, property, value);
    }
  };
}

/** An object with any fields. */
export const fields = rule("an object", "Use an object.", isPlain);

/** A list of such values. */
export function list(inner: Rule): Rule {
  return (place, property, value) => {
    if (value === undefined || isToken(value)) {
      return;
    }
    if (!Array.isArray(value)) {
      place.refuse(property, shown(value), "a list", "Use a list.");
      return;
    }
    value.forEach((item: unknown, index) => {
      required(inner, "Omit the item.")(place, `${property}[${index}]`, item);
    });
  };
}

/** A list of such values whose length must be known at synthesis. */
export function literalList(inner: Rule): Rule {
  return literal(list(inner), "Use a literal list.");
}

/** One such value, or a list of them. */
export function oneOrMore(inner: Rule): Rule {
  return (place, property, value) => {
    (Array.isArray(value) ? list(inner) : inner)(place, property, value);
  };
}

/** A map of such values, with any keys. */
export function map(inner: Rule): Rule {
  return (place, property, value) => {
    if (value === undefined || isToken(value)) {
      return;
    }
    if (!isPlain(value)) {
      place.refuse(property, shown(value), "an object", "Use an object with a value for each key.");
      return;
    }
    for (const [key, field] of Object.entries(value)) {
      if (field !== undefined) {
        required(inner, "Omit the key.")(place.block(property), key, field);
      }
    }
  };
}

/** A map whose keys become names in the job, so that they must be literals. */
export function named(inner: Rule): Rule {
  const why = "Use literal names: they become names in the job.";
  const literalMap = literal(map(inner), why);
  return (place, property, value) => {
    if (typeof value === "object" && value !== null && Object.keys(value).some((key) => isToken(key))) {
      place.refuse(property, new Shown("an object with a key that is known only to Terraform"), "literal keys", why);
    } else {
      literalMap(place, property, value);
    }
  };
}

/** An object with these properties. */
export function block<T extends object>(shape: Shape<T>): Rule {
  return (place, property, value) => {
    if (value === undefined || isToken(value)) {
      return;
    }
    if (isPlain(value)) {
      examineProperties(place.block(property), value as T, shape);
    } else {
      place.refuse(property, shown(value), "an object", "Use an object.");
    }
  };
}

/** Refuses fields of an opaque configuration that are also set as a property of the options. */
export function refuseRepeated(place: Place, options: object, configuration: object | undefined): void {
  for (const [field, value] of Object.entries(isPlain(configuration) ? configuration : {}) as [string, unknown][]) {
    if ((options as Readonly<Record<string, unknown>>)[field] !== undefined) {
      place.refuse(field, value, `cannot be set with the property ${field}`, "Omit one of the two.");
    }
  }
}

/** An object of a builder. @param example completes "expected …" */
export function made(example: string): Rule {
  return (place, property, value) => {
    if (value === undefined) {
      return;
    }
    const { examine } = Object(value) as Partial<Examinable>;
    if (typeof examine === "function") {
      examine.call(value, place.block(property));
    } else {
      place.refuse(property, shown(value), example, "Create it with the builder.");
    }
  };
}

/** An object with this method or property. @param example completes "expected …" */
export function like(example: string, member: string): Rule {
  return rule(example, "Use one.", (value) => has(value, member));
}

/** Whether a value is an object with this member. */
export function has<Member extends string>(value: unknown, member: Member): value is Readonly<Record<Member, unknown>> {
  return typeof value === "object" && value !== null && member in value;
}

/** Whether a value is an object of a builder. */
export function isMade(value: unknown): boolean {
  return typeof (Object(value) as Partial<Examinable>).examine === "function";
}

/** A value that the first rule accepts if it fits, and otherwise the other rule. */
export function either(first: { readonly fits: (value: unknown) => boolean; readonly rule: Rule }, other: Rule): Rule {
  return (place, property, value) => {
    (first.fits(value) ? first.rule : other)(place, property, value);
  };
}

function isPlain(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isTokenObject(value);
}
