import { nanoseconds } from "../../core/duration";
import { entriesOf, type Place, Shown } from "../../core/problems";
import { isTokenObject } from "../../core/token";

const MOST_PAIRS = 64;
const LONGEST_KEY = 128;
/** Maximum length of a metadata value and of a description, in bytes. */
export const LONGEST_TEXT = 512;

/** Fields with durations in all kinds of entries. */
const DURATIONS = new Set([
  "BaseEjectionTime",
  "BaseInterval",
  "CacheDuration",
  "ConnectTimeout",
  "IdleTimeout",
  "Interval",
  "MaxInterval",
  "RequestTimeout",
  "TTL",
]);

/** Fields whose content Consul does not interpret. */
const OPAQUE = new Set(["Add", "Arguments", "Config", "Meta", "Set"]);

/** A duration in Go's format. @see https://pkg.go.dev/time#ParseDuration */
const DURATION = /^[-+]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;

export const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"];

/** Checks fields that all kinds of entries have: metadata, durations, numbers. */
export function examineCommon(place: Place, entry: object): void {
  examineMeta(place, (entry as { readonly Meta?: Readonly<Record<string, string>> }).Meta);
  examineLeaves(place, entry);
}

function examineMeta(place: Place, meta: Readonly<Record<string, string>> | undefined): void {
  const pairs = entriesOf(meta);
  if (pairs.length > MOST_PAIRS) {
    place.refuse("Meta", new Shown(`${pairs.length} pairs`), `at most ${MOST_PAIRS} pairs`, "Omit some.", {
      comparedWith: meta,
    });
  }
  for (const [key, value] of pairs) {
    if (Buffer.byteLength(key) > LONGEST_KEY) {
      place.block("Meta").refuse(key, value, `a key of at most ${LONGEST_KEY} characters`, "Shorten the key.");
    }
    if (typeof value === "string" && Buffer.byteLength(value) > LONGEST_TEXT) {
      place.block("Meta").refuse(key, value, `at most ${LONGEST_TEXT} characters`, "Shorten it.");
    }
  }
}

function examineLeaves(place: Place, fields: object): void {
  for (const [key, value] of Object.entries(fields) as [string, unknown][]) {
    if (DURATIONS.has(key) && typeof value === "string" && !DURATION.test(value)) {
      place.refuse(key, value, 'a number with a unit (ns, us, ms, s, m, h), such as "30s"', "Correct it.");
    } else if (typeof value === "number" && !Number.isFinite(value)) {
      place.refuse(key, value, "a number", "Use a number.");
    } else if (Array.isArray(value)) {
      value.forEach((item: unknown, index) => {
        if (typeof item === "object" && item !== null) {
          examineLeaves(place.block(`${key}[${index}]`), item);
        }
      });
    } else if (typeof value === "object" && value !== null && !OPAQUE.has(key) && !isTokenObject(value)) {
      examineLeaves(place.block(key), value);
    }
  }
}

/** Rejects a negative duration. */
export function notNegative(place: Place, field: string, duration: string | number | undefined): void {
  const isNegative = typeof duration === "number" ? duration < 0 : /^-.*[1-9]/.test(duration ?? "");
  if (isNegative) {
    place.refuse(field, duration, "0 or more", "Use a duration of 0 or more.");
  }
}

/** Returns a duration in nanoseconds, or `undefined` if the value is not a duration. */
export function lengthOf(duration: string | number | undefined): number | undefined {
  if (typeof duration !== "string") {
    return duration;
  }
  try {
    return nanoseconds(duration);
  } catch {
    return undefined;
  }
}

/** Rejects values in addition to the first one that is set. @returns the number of values that are set */
export function atMostOne(place: Place, fields: Readonly<Record<string, unknown>>, saidBy?: string): number {
  const given = Object.keys(fields).filter((field) => isSet(fields[field]));
  for (const field of given.slice(1)) {
    place.refuse(field, fields[field], `cannot be set with ${given[0]}`, "Omit one of the two.", {
      comparedWith: fields[given[0]],
      saidBy,
    });
  }
  return given.length;
}

/** Rejects entries in which none of the fields, or more than one, is set. */
export function exactlyOne(place: Place, block: string, fields: Readonly<Record<string, unknown>>): void {
  if (atMostOne(place.block(block), fields) === 0) {
    const names = Object.keys(fields);
    place.refuse(block, "", `one with ${names.slice(0, -1).join(", ")} or ${names.at(-1)}`, "Set one of them.");
  }
}

export function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== "" && value !== false;
}

/** Rejects a path without a leading slash. */
export function examinePath(place: Place, field: string, path: string | undefined, saidBy?: string): void {
  if (path !== undefined && path !== "" && !path.startsWith("/")) {
    place.refuse(field, path, "a path that starts with a slash", "Add the slash.", { saidBy });
  }
}

/** Rejects unknown HTTP methods, and methods that are set twice. */
export function examineMethods(place: Place, methods: readonly string[]): void {
  const seen = new Set<string>();
  for (const given of methods) {
    const method = given.toUpperCase();
    if (!METHODS.includes(method)) {
      place.oneOf("Methods", given, METHODS);
    } else if (seen.has(method)) {
      place.refuse("Methods", given, "must be unique", "Keep one of the two.");
    }
    seen.add(method);
  }
}
