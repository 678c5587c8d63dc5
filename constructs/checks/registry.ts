import type { IConstruct } from "constructs";
import { MeshError } from "../core/errors";
import type { Check } from "./check";

/** A named list of rules, for a package to export. */
export interface CheckPack {
  /** E.g. the name of the package. */
  readonly name: string;
  readonly checks: readonly Check[];
}

/** Shared by all copies of the library that an app may have. */
const CHECKS = Symbol.for("meshform.checks");

type Root = IConstruct & { [CHECKS]?: Map<string, Check> };

/**
 * Adds rules of your own to the checks of an app.
 *
 * @param scope any construct of the app
 * @throws MeshError for an id that is taken, or that is not made of small letters and dashes
 *
 * @example
 * registerCheck(app, {
 *   id: "acme-team-tag",
 *   reason: "The on-call page is chosen by the tag.",
 *   level: "error",
 *   *find({ graph }) {
 *     for (const { key, tags, service } of graph.data.instances.values()) {
 *       if (!tags.some((tag) => tag.startsWith("team-"))) {
 *         yield { at: key, problem: `${service} has no tag team-….`, fix: "Give its tags one." };
 *       }
 *     }
 *   },
 * });
 */
export function registerCheck(scope: IConstruct, added: Check | CheckPack): void {
  const known = checksOf(scope);
  for (const check of "checks" in added ? added.checks : [added]) {
    if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(check.id)) {
      throw new MeshError(
        scope,
        `"${check.id}" cannot be the id of a check.`,
        "Use lower-case letters, digits and dashes.",
      );
    }
    if (known.has(check.id) && known.get(check.id) !== check) {
      throw new MeshError(scope, `There is a check "${check.id}" already.`, "Give one of them another id.");
    }
    known.set(check.id, check);
  }
}

/** The checks of the construct's app by id, in the order in which they run. */
export function checksOf(scope: IConstruct): Map<string, Check> {
  const root: Root = scope.node.root;
  return (root[CHECKS] ??= new Map<string, Check>());
}
