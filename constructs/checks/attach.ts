import { Annotations, App, TerraformStack } from "cdktf";
import type { IConstruct } from "constructs";
import { constructAt } from "../model/origin";
import type { Check } from "./check";
import { addChecks, type CheckPack } from "./registry";
import { remarkOf, sentenceOf, writeReport, type Report } from "./report";
import { runChecks, SILENCE_CHECKS } from "./run";

/** What is known of an app's checks. */
interface State {
  /** Lists of checks that were attached, since each member of a mesh attaches the same one. */
  readonly packs: Set<readonly Check[]>;
  /** Ids of checks that come with the library. */
  readonly builtIn: Set<string>;
  /** Stacks, and the app itself, that answer with what is wrong. */
  readonly attached: Set<IConstruct>;
  /** What the toolkit was told already. */
  readonly told: Set<string>;
  /** The last pass over the app, which answers once for each of them. */
  run?: { readonly errors: string[]; readonly answered: Set<IConstruct> };
}

/** Shared by all copies of the library that an app may have. */
const STATE = Symbol.for("meshform.check-state");

function stateOf(root: IConstruct & { [STATE]?: State }): State {
  return (root[STATE] ??= { packs: new Set(), builtIn: new Set(), attached: new Set(), told: new Set() });
}

/**
 * Sees to it that these checks run when the construct's stack is synthesized. They look at the whole app, so that whichever
 * stack comes first reports all errors of the run together.
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

/** Those of another copy of the library are the same by their ids. */
function addBuiltIn(root: IConstruct, builtIn: Set<string>, checks: readonly Check[]): void {
  const added = [...checks, ...SILENCE_CHECKS].filter(({ id }) => !builtIn.has(id));
  addChecks(root, added);
  for (const { id } of added) {
    builtIn.add(id);
  }
}

/**
 * Adds rules of your own to the checks of an app.
 *
 * @param scope any construct of the app
 * @throws MeshError for an id that is taken, or that is not made of lower-case letters and dashes
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
  // Nothing else of an app may have checks that are attached to its stacks.
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
  // A synthesis asks once for each stack, and the whole app is checked once for all of them. Another synthesis gets a new answer.
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

/** Has the toolkit print warnings and what was silenced, once, however often the app is synthesized. */
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
