import { RE2JS } from "re2js";
import { itemsOf, type Place, Shown } from "../../core/problems";
import type * as nomad from "../generated/job";

const SETS = ["set_contains", "set_contains_all", "set_contains_any"];
const COMPARISONS = ["=", "==", "is", "!=", "not", "<", "<=", ">", ">="];
const PRESENCE = ["is_set", "is_not_set"];
const DISTINCT = ["distinct_hosts", "distinct_property"];

/** Attributes of a node that constraints can compare, in addition to literals. */
const TARGETS = /^\$\{(?:(?:node\.(?:unique\.id|unique\.name|datacenter|class|pool))\}|(?:attr|device|meta)\.[^]*\})$/;

/** Patterns of versions as in go-version. @see https://pkg.go.dev/github.com/hashicorp/go-version#pkg-constants */
const NUMBER = String.raw`v?[0-9]+(?:\.[0-9]+)*`;
const PART = String.raw`[0-9A-Za-z\-~]`;
const BUILD = String.raw`(?:\+${PART}+(?:\.${PART}+)*)?`;
const LABEL = String.raw`[A-Za-z\-~]+[0-9A-Za-z\-~]*(?:\.${PART}+)*`;
const VERSION = String.raw`${NUMBER}(?:-[0-9]+${PART}*(?:\.${PART}+)*|-?${LABEL})?${BUILD}`;
const SEMVER = String.raw`${NUMBER}(?:-[0-9]+${PART}*(?:\.${PART}+)*|-${LABEL})?${BUILD}`;
const VERSION_RANGE = new RegExp(String.raw`^\s*(?:<=|>=|!=|~>|<|>|=|)\s*${VERSION}\s*$`);
const SEMVER_RANGE = new RegExp(String.raw`^\s*(?:<=|>=|!=|<|>|=|)\s*${SEMVER}\s*$`);

/** @param level constraints of tasks and devices cannot use `distinct_hosts` and `distinct_property` */
export function examineConstraints(
  place: Place,
  constraints: readonly nomad.Constraint[] | undefined,
  level: "node" | "task",
): void {
  itemsOf(constraints).forEach((constraint, index) => {
    const here = place.block(`constraint ${index + 1}`);
    const { LTarget, Operand } = constraint;
    const operators = [...COMPARISONS, "regexp", "version", "semver", ...SETS, ...PRESENCE];
    here.oneOf("operator", Operand ?? "", level === "node" ? [...operators, ...DISTINCT] : operators);
    examineComparison(here, constraint);
    if (Operand !== "distinct_hosts" && !isTarget(LTarget)) {
      here.refuse(
        "attribute",
        LTarget,
        "${node.unique.id}, ${node.unique.name}, ${node.datacenter}, ${node.class}, ${node.pool}, ${attr.…}, ${meta.…}, ${device.…} or text without a leading $",
        "Name an attribute of the node.",
      );
    }
  });
}

export function examineAffinities(
  place: Place,
  affinities: readonly nomad.Affinity[] | undefined,
  jobType: string,
): void {
  if (jobType === "system") {
    refuseInSystemJob(place, "affinity", affinities);
    return;
  }
  itemsOf(affinities).forEach((affinity, index) => {
    const here = place.block(`affinity ${index + 1}`);
    here.oneOf("operator", affinity.Operand ?? "", [...COMPARISONS, "regexp", "version", "semver", ...SETS]);
    examineComparison(here, affinity);
    here.required("attribute", affinity.LTarget, "Name an attribute of the node.");
    const { Weight = 50 } = affinity;
    if (Weight === 0 || Weight < -100 || Weight > 100) {
      here.refuse(
        "weight",
        Weight,
        "-100 to 100, but not 0",
        "Use a weight in this range; a negative weight avoids the nodes.",
      );
    }
  });
}

export function examineSpreads(place: Place, spreads: readonly nomad.Spread[] | undefined, jobType: string): void {
  if (jobType === "system") {
    refuseInSystemJob(place, "spread", spreads);
    return;
  }
  itemsOf(spreads).forEach((spread, index) => {
    const here = place.block(`spread ${index + 1}`);
    here.required("attribute", spread.Attribute, "Name an attribute of the node.");
    const { Weight = 50 } = spread;
    if (Weight <= 0 || Weight > 100) {
      here.refuse("weight", Weight, "1 to 100", "Use a weight in this range.");
    }
    examineTargets(here, itemsOf(spread.SpreadTarget));
  });
}

function examineTargets(place: Place, targets: readonly nomad.SpreadTarget[]): void {
  const seen = new Set<string>();
  for (const { Value = "", Percent = 0 } of targets) {
    const here = place.labelled("target", Value);
    if (seen.has(Value)) {
      here.refuse("value", Value, "must be unique", "Keep one of the two targets.");
    }
    seen.add(Value);
    if (Percent < 0 || Percent > 100) {
      here.refuse("percent", Percent, "0 to 100", "Use a percentage in this range.");
    }
  }
  const percents = targets.map(({ Percent = 0 }) => Percent);
  const total = percents.reduce((sum, percent) => sum + percent, 0);
  if (total > 100) {
    place.refuse("target", new Shown(`${total} percent in total`), "100 percent or less", "Lower the percentages.", {
      comparedWith: percents,
    });
  }
}

function refuseInSystemJob(place: Place, block: string, given: readonly unknown[] | undefined): void {
  if (given !== undefined && given.length > 0) {
    place.refuse(block, given, "cannot be set in a job of type system, which runs on every node", "Omit it.");
  }
}

function examineComparison(place: Place, { Operand = "", RTarget = "" }: nomad.Constraint): void {
  const refuse = (allowed: string, fix: string) => place.refuse("value", RTarget, allowed, fix);
  if ([...COMPARISONS, ...SETS].includes(Operand) && RTarget === "") {
    refuse(`a non-empty string with the operator "${Operand}"`, "Set the value to compare with.");
  } else if (PRESENCE.includes(Operand) && RTarget !== "") {
    refuse(`cannot be set with the operator "${Operand}"`, "Omit it.");
  } else if (Operand === "distinct_property" && RTarget !== "" && !/^0*[1-9]\d*$/.test(RTarget)) {
    refuse("a whole number, 1 or more", "Set the number of allocations per value.");
  } else if (Operand === "version" && !isRange(RTarget, VERSION_RANGE)) {
    refuse('a range of versions such as ">= 1.2, < 2"', "Correct the range.");
  } else if (Operand === "semver" && !isRange(RTarget, SEMVER_RANGE)) {
    refuse('a range of semantic versions such as ">= 1.2.0, < 2.0.0"', "Correct the range.");
  } else if (Operand === "regexp") {
    const error = errorInPattern(RTarget);
    if (error !== undefined) {
      refuse(`a regular expression in RE2 syntax (${error})`, "Correct the expression.");
    }
  }
}

function isTarget(target: string | undefined): boolean {
  return target !== undefined && target !== "" && (!target.startsWith("$") || TARGETS.test(target));
}

function isRange(text: string, range: RegExp): boolean {
  return text.split(",").every((each) => range.test(each));
}

function errorInPattern(pattern: string): string | undefined {
  try {
    RE2JS.compile(pattern);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
