import { Annotations, App, TerraformStack } from "cdktf";
import type { IConstruct } from "constructs";
import { constructAt } from "../model/origin";
import type { Check } from "./check";
import { addChecks, type CheckPack } from "./registry";
import { remarkOf, sentenceOf, writeReport, type Report } from "./report";
import { runChecks, SILENCE_CHECKS } from "./run";

/** The state of an app's checks. */
interface State {
  /** Lists of checks that are attached. Each member of a mesh attaches the same list. */
  readonly packs: Set<readonly Check[]>;
  /** Ids of the checks of Meshform. */
  readonly builtIn: Set<string>;
  /** The stacks, and the app, to which a validation was added that returns the errors. */
  readonly attached: Set<IConstruct>;
  /** Annotations that were already added. */
  readonly told: Set<string>;
  /** The last run of the checks, whose result is returned once for each of them. */
  run?: { readonly errors: string[]; readonly answered: Set<IConstruct> };
}

/** Shared by all copies of the library that an app may have. */
const STATE = Symbol.for("meshform.check-state");

function stateOf(root: IConstruct & { [STATE]?: State }): State {
  return (root[STATE] ??= { packs: new Set(), builtIn: new Set(), attached: new Set(), told: new Set() });
}

/**
 * Makes these checks run when the construct's stack is synthesized. They check the whole app, so the first stack reports all
 * errors together.
 */
export function attachChecks(scope: IConstruct, checks: readonly Check[]): void {
  const { root } = scope.node;
  const { packs, builtIn } = stateOf(root);
  if (!packs.has(checks)) {
    packs.add(checks);
    addBuiltIn(root, builtIn, checks);
  }
  answerFor(TerraformStack.of(scope));
}

/** Checks of another copy of the library are recognized by their ids. */
function addBuiltIn(root: IConstruct, builtIn: Set<string>, checks: readonly Check[]): void {
  const added = [...checks, ...SILENCE_CHECKS].filter(({ id }) => !builtIn.has(id));
  addChecks(root, added);
  for (const { id } of added) {
    builtIn.add(id);
  }
}

/**
 * Adds your own rules to the checks of an app.
 *
 * @param scope any construct in the app
 * @throws MeshError if the id is already used, or contains characters other than lower-case letters, digits and dashes
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
  addChecks(scope, "checks" in added ? added.checks : [added]);
  // The checks are attached to the app, because it may have no other construct that attaches them.
  answerFor(scope.node.root);
}

function answerFor(construct: IConstruct): void {
  const { attached } = stateOf(construct.node.root);
  if (!attached.has(construct)) {
    attached.add(construct);
    construct.node.addValidation({ validate: () => errorsOf(construct) });
  }
}

function errorsOf(asked: IConstruct): string[] {
  const { root } = asked.node;
  const state = stateOf(root);
  // A synthesis calls this once for each stack, and the whole app is checked once for all of them. Another synthesis checks it
  // again.
  if (state.run === undefined || state.run.answered.has(asked)) {
    const report = runChecks(root);
    state.run = {
      errors: report.findings.filter(({ level }) => level === "error").map(sentenceOf),
      answered: new Set(),
    };
    annotate(root, report);
    if (App.isApp(root)) {
      writeReport(root.outdir, report);
    }
  }
  state.run.answered.add(asked);
  return state.run.errors;
}

/** Adds warnings and silences as annotations, once, even if the app is synthesized several times. */
function annotate(root: IConstruct, { findings, silences }: Report): void {
  for (const { level, path, problem, fix, id } of findings) {
    if (level === "warning") {
      tell(root, path, "addWarning", `${problem} ${fix} (${id})`);
    }
  }
  for (const silence of silences) {
    tell(root, silence.path, "addInfo", remarkOf(silence));
  }
}

function tell(root: IConstruct, path: string, how: "addWarning" | "addInfo", message: string): void {
  const { told } = stateOf(root);
  const key = `${path}\n${message}`;
  if (!told.has(key)) {
    told.add(key);
    Annotations.of(constructAt(root, path) ?? root)[how](message);
  }
}
