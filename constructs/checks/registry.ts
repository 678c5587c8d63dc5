import type { IConstruct } from "constructs";
import { MeshError } from "../core/errors";
import type { Check } from "./check";

/** A named list of rules that a package can export. */
export interface CheckPack {
  /** Name of the pack, e.g. that of its package. */
  readonly name: string;
  /** The rules, in the order in which they run. */
  readonly checks: readonly Check[];
}

/** Shared by all copies of the library that an app may have. */
const CHECKS = Symbol.for("meshform.checks");

type Root = IConstruct & { [CHECKS]?: Map<string, Check> };

/**
 * Adds checks to the app of a construct.
 * @throws MeshError if an id is already used or is invalid
 */
export function addChecks(scope: IConstruct, added: readonly Check[]): void {
  const known = checksOf(scope);
  for (const check of added) {
    if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(check.id)) {
      throw new MeshError(
        scope,
        `"${check.id}" cannot be the id of a check.`,
        "Use lower-case letters, digits and dashes.",
      );
    }
    if (known.has(check.id) && known.get(check.id) !== check) {
      throw new MeshError(scope, `The check "${check.id}" is already registered.`, "Change one of the ids.");
    }
    known.set(check.id, check);
  }
}

/** Returns the checks of a construct's app by id, in the order in which they run. */
export function checksOf(scope: IConstruct): Map<string, Check> {
  const root: Root = scope.node.root;
  return (root[CHECKS] ??= new Map<string, Check>());
}
