import type { IConstruct } from "constructs";
import { DURATION_ALLOWED, isDuration } from "./duration";
import { MeshError } from "./errors";
import { Place, Shown, textOf } from "./problems";
import { isToken, isTokenObject } from "./token";

/** Says what is wrong with a value that was given for a property: TypeScript's types hold for those who compile with them. */
export type Rule = (place: Place, property: string, value: unknown) => void;

/** A rule for each property of an interface. */
export type Shape<T> = { readonly [Property in keyof T]-?: Rule };

/** What a builder knows of what it was given. A builder has no construct that a message could name. */
export interface Examinable {
  /** @internal */
  examine(place: Place): void;
}

/**
 * Refuses what was given to a construct, where it was given.
 *
 * @param block what the properties are of, where they are not the construct's own, such as `route` or `upstream`
 * @param label which one
 * @throws MeshError with everything that is wrong
 */
export function refuseWrongValues(
  scope: IConstruct,
  given: object,
  shape: Readonly<Record<string, Rule>>,
  block?: string,
  label?: string,
): void {
  const problems = Place.problemsOf((root) => {
    const place = label === undefined ? root : root.labelled(block ?? "", label);
    examineProperties(block === undefined || label !== undefined ? place : root.block(block), given, shape);
  });
  const last = problems.at(-1);
  if (last !== undefined) {
    const others = problems.slice(0, -1).map((problem) => `${textOf(problem)} ${problem.fix}`);
    throw new MeshError(scope, [...others, textOf(last)].join(" "), last.fix);
  }
}

/** Examines each property. */
export function examineProperties(place: Place, given: object, shape: Readonly<Record<string, Rule>>): void {
  for (const property in shape) {
    shape[property](place, property, (given as Readonly<Record<string, unknown>>)[property]);
  }
}

/** A value that may be omitted. Of one that only Terraform knows, its type is Terraform's to judge. */
function rule(allowed: string, fix: string, fits: (value: unknown) => boolean): Rule {
  return (place, property, value) => {
    if (value !== undefined && !isToken(value) && !fits(value)) {
      place.refuse(property, value, allowed, fix);
    }
  };
}

export const text = rule("text", "Give a text.", (value) => typeof value === "string");
export const name = rule(
  "text, and no empty one",
  "Give a name, or omit it.",
  (value) => typeof value === "string" && value !== "",
);
/** Which numbers, and whether NaN, the rules of the engines judge, of all that was given together. */
export const number = rule("a number", "Give a number.", (value) => typeof value === "number");
export const flag = rule("true or false", "Give one of them.", (value) => typeof value === "boolean");
export const textOrNumber = rule("text or a number", "Give one of them.", (value) =>
  ["string", "number"].includes(typeof value),
);

/** Whatever it is, the engine is told. */
export const anything: Rule = () => undefined;

/** A length of time for Nomad, which takes numbers. */
export const duration: Rule = (place, property, value) => {
  if (isToken(value)) {
    const fix = "Give a number: Duration.seconds(variable.numberValue).";
    place.refuse(property, UNKNOWN, "text that is known before, or a Duration", fix);
  } else if (value !== undefined && !isDuration(value)) {
    place.refuse(property, value, DURATION_ALLOWED, "Correct it.");
  }
};

/** A length of time for Consul, which takes text. */
export const durationText = rule(DURATION_ALLOWED, "Correct it.", isDuration);

const UNKNOWN = new Shown("known only to Terraform");

/** A value by which the graph is built, or which an Envoy is told while the job is rendered. */
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

/** One of these texts, or of those that a pattern knows. */
export function oneOf(allowed: readonly string[], further?: RegExp): Rule {
  return (place, property, value) => {
    if (typeof value !== "string" || further?.test(value) !== true) {
      place.oneOf(property, value, allowed);
    }
  };
}

/** An object with whatever fields. */
export const fields = rule("an object", "Give an object with fields.", isPlain);

/** A list of such values. */
export function list(inner: Rule): Rule {
  return (place, property, value) => {
    if (value === undefined || isToken(value)) {
      return;
    }
    if (!Array.isArray(value)) {
      place.refuse(property, value, "a list", "Give a list.");
      return;
    }
    value.forEach((item: unknown, index) => {
      required(inner, "Omit the item.")(place, `${property}[${index}]`, item);
    });
  };
}

/** One such value, or a list of them. */
export function oneOrMore(inner: Rule): Rule {
  return (place, property, value) => {
    (Array.isArray(value) ? list(inner) : inner)(place, property, value);
  };
}

/** A map of such values, whatever the keys. */
export function map(inner: Rule): Rule {
  return (place, property, value) => {
    if (value === undefined || isToken(value)) {
      return;
    }
    if (!isPlain(value)) {
      place.refuse(property, value, "an object", "Give an object: a value for each key.");
      return;
    }
    for (const [key, field] of Object.entries(value)) {
      if (field !== undefined) {
        required(inner, "Omit the key.")(place.block(property), key, field);
      }
    }
  };
}

/** A map whose keys are names of things that are rendered here. */
export function named(inner: Rule): Rule {
  const why = "Write its names out: they are names of things in the job.";
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
export function block(shape: Readonly<Record<string, Rule>>): Rule {
  return (place, property, value) => {
    if (value === undefined || isToken(value)) {
      return;
    }
    if (isPlain(value)) {
      examineProperties(place.block(property), value, shape);
    } else {
      place.refuse(property, value, "an object", "Give an object with properties.");
    }
  };
}

/** Refuses fields of an opaque configuration that have properties of their own, and are set there too. */
export function refuseRepeated(place: Place, options: object, configuration: object | undefined): void {
  for (const [field, value] of Object.entries(isPlain(configuration) ? configuration : {}) as [string, unknown][]) {
    if ((options as Readonly<Record<string, unknown>>)[field] !== undefined) {
      place.refuse(field, value, `no second ${field}`, `Omit it: the property ${field} is set too.`);
    }
  }
}

/** Something that a builder makes. @param example completes "allowed is …" */
export function made(example: string): Rule {
  return (place, property, value) => {
    if (value === undefined) {
      return;
    }
    const { examine } = Object(value) as Partial<Examinable>;
    if (typeof examine === "function") {
      examine.call(value, place.block(property));
    } else {
      place.refuse(property, value, example, "Make one with the builder.");
    }
  };
}

/** Whatever one of the rules lets pass. */
export function either(first: { readonly fits: (value: unknown) => boolean; readonly rule: Rule }, other: Rule): Rule {
  return (place, property, value) => {
    (first.fits(value) ? first.rule : other)(place, property, value);
  };
}

function isPlain(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isTokenObject(value);
}
