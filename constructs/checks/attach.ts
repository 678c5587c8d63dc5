import { Annotations, TerraformStack } from "cdktf";
import type { IConstruct } from "constructs";
import { constructAt } from "../model/origin";
import type { Check } from "./check";
import { registerCheck } from "./registry";
import { runChecks, SILENCE_CHECKS, type Report } from "./run";

/** One pass of the checks over an app, which answers for all its stacks. */
interface Run {
  readonly report: Report;
  readonly answered: Set<TerraformStack>;
}

const attached = new WeakSet<TerraformStack>();
const packs = new WeakMap<IConstruct, Set<readonly Check[]>>();
const runs = new WeakMap<IConstruct, Run>();
const warned = new WeakMap<IConstruct, Set<string>>();

/**
 * Sees to it that these checks run when the construct's stack is synthesized. They look at the whole app, so that whichever
 * stack comes first reports all errors of the run together.
 */
export function attachChecks(scope: IConstruct, checks: readonly Check[]): void {
  const { root } = scope.node;
  const known = packs.get(root) ?? new Set([SILENCE_CHECKS]);
  if (!known.has(checks)) {
    packs.set(root, known.add(checks));
    registerCheck(root, { name: "built in", checks: [...checks, ...SILENCE_CHECKS] });
  }
  const stack = TerraformStack.of(scope);
  if (!attached.has(stack)) {
    attached.add(stack);
    stack.node.addValidation({ validate: () => errorsOf(stack) });
  }
}

function errorsOf(stack: TerraformStack): string[] {
  const { root } = stack.node;
  let run = runs.get(root);
  // A synthesis asks once for each stack, and the whole app is checked once for all of them. Another synthesis gets a new answer.
  if (run === undefined || run.answered.has(stack)) {
    run = { report: runChecks(root), answered: new Set() };
    runs.set(root, run);
    warn(root, run.report);
  }
  run.answered.add(stack);
  return run.report.findings
    .filter(({ check }) => check.level === "error")
    .map(({ check, path, problem, fix }) => `${path || "the app"}: ${problem} ${fix} (${check.id})`);
}

/** Once for each construct, however often it is synthesized. */
function warn(root: IConstruct, { findings }: Report): void {
  for (const { check, path, problem, fix } of findings.filter((finding) => finding.check.level === "warning")) {
    const construct = constructAt(root, path) ?? root;
    const message = `${problem} ${fix} (${check.id})`;
    const messages = warned.get(construct) ?? new Set();
    warned.set(construct, messages);
    if (!messages.has(message)) {
      messages.add(message);
      Annotations.of(construct).addWarning(message);
    }
  }
}
