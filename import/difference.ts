import { NAMES_OF_ITEMS, overridden } from "../constructs/nomad/override";
import type { Override } from "../constructs/core/override";
import { ImportProblem } from "./problem";
import { Commented, type Call, evaluate, type Code, type Fields } from "./code";

/** The comment at each override. */
const COMMENT = "The typed options cannot express these fields.";

/** Blocks that have a meaning even if nothing is set in them. */
const MEANINGFUL = new Set(["Gateway", "Ingress", "Mesh", "SidecarService", "Terminating", "TransparentProxy"]);

/** Fields in which 0 and false always mean that nothing is set: Nomad's API has no pointer for them. */
const PLAIN = new Set([
  ...["Advertise", "DisableDefaultTCPCheck", "EnableTagOverride", "Expose", "GRPCUseTLS", "IgnoreCollision", "Leader"],
  ...["FailuresBeforeCritical", "FailuresBeforeWarning", "LocalBindPort", "LocalServicePort", "Native", "PerAlloc"],
  ...["SuccessBeforePassing", "TLSSkipVerify", "To", "Value"],
]);

type Json = Readonly<Record<string, unknown>>;

/**
 * A call whose result renders what is wanted: with an override of the fields that its options cannot express.
 *
 * @param make the call, with an override or without one
 * @param render what the result of the call becomes
 */
export function expressing<Rendered extends object>(
  make: (override?: Code) => Call,
  render: (made: unknown) => Rendered,
  wanted: Rendered,
): Call {
  return make(overrideFor(render(evaluate(make())), wanted));
}

/** The override that makes what is wanted of what is rendered; `undefined` if they are the same for Nomad. */
export function overrideFor<T extends object>(rendered: T, wanted: T): Code {
  const difference = differenceOf(rendered as Json, wanted as Json);
  if (Object.keys(difference).length === 0) return undefined;
  const result = overridden(rendered, difference as Override<T>, "the imported job");
  if (!isSame(result, wanted)) {
    throw new ImportProblem(
      `An override cannot express ${JSON.stringify(difference)} in ${JSON.stringify(wanted)}.`,
      "Give items of lists different names, or write this job manually.",
    );
  }
  return new Commented(COMMENT, difference as Fields);
}

function differenceOf(rendered: Json, wanted: Json): Record<string, unknown> {
  const difference: Record<string, unknown> = {};
  for (const field of new Set([...Object.keys(rendered), ...Object.keys(wanted)])) {
    const [before, after] = [rendered[field], wanted[field]];
    if (isSame(before, after, field)) continue;
    difference[field] = isNothing(after, field) ? null : changeOf(before, after, field);
  }
  return difference;
}

function changeOf(before: unknown, after: unknown, field: string): unknown {
  if (isObject(before) && isObject(after)) return differenceOf(before, after);
  const names = Object.hasOwn(NAMES_OF_ITEMS, field) ? NAMES_OF_ITEMS[field] : undefined;
  if (names !== undefined && isList(before) && isList(after) && before.length === after.length) {
    return after.map((item, index) => {
      const { Name, Label } = item as Json;
      return {
        ...(Name !== undefined && { Name }),
        ...(Label !== undefined && { Label }),
        ...differenceOf(before[index] as Json, item as Json),
      };
    });
  }
  return withoutNothing(after);
}

/** Without what Nomad reads as not set. */
function withoutNothing(value: unknown): unknown {
  if (isList(value)) return value.map(withoutNothing);
  if (!isObject(value)) return value;
  const isSet = ([field, it]: [string, unknown]) =>
    it !== undefined && it !== null && it !== "" && !(isList(it) && it.length === 0) && !(PLAIN.has(field) && !it);
  return Object.fromEntries(
    Object.entries(value)
      .filter(isSet)
      .map(([field, it]) => [field, withoutNothing(it)]),
  );
}

function isSame(one: unknown, other: unknown, field = ""): boolean {
  if (isNothing(one, field) && isNothing(other, field)) return true;
  if (isList(one) && isList(other)) {
    return one.length === other.length && one.every((item, index) => isSame(item, other[index]));
  }
  if (isObject(one) && isObject(other)) {
    if (MEANINGFUL.has(field)) return isSame(one, other);
    return [...new Set([...Object.keys(one), ...Object.keys(other)])].every((key) => isSame(one[key], other[key], key));
  }
  return one === other;
}

function isNothing(value: unknown, field: string): boolean {
  if (isObject(value)) {
    return !MEANINGFUL.has(field) && Object.entries(value).every(([key, it]) => isNothing(it, key));
  }
  return (
    value === undefined ||
    value === null ||
    value === "" ||
    value === 0 ||
    value === false ||
    (isList(value) && value.length === 0)
  );
}

/** Whether Terraform's provider sees no difference between the contents of two config entries. A block without fields is not the same as none. */
export function isSameEntry(one: unknown, other: unknown): boolean {
  if (isList(one) && isList(other)) {
    return one.length === other.length && one.every((item, index) => isSameEntry(item, other[index]));
  }
  if (isObject(one) && isObject(other)) {
    return [...new Set([...Object.keys(one), ...Object.keys(other)])].every((key) => isSameEntry(one[key], other[key]));
  }
  return one === other || (!isObject(one) && !isObject(other) && isNothing(one, "") && isNothing(other, ""));
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !isList(value);
}
