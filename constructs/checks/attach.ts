import { Annotations, TerraformStack } from "cdktf";
import type { IConstruct } from "constructs";
import { describe } from "../core/errors";
import { findingsOf, revisionOf } from "./run";

/** One pass of the checks over an app, which answers for all its stacks. */
interface Run {
  readonly revision: number;
  readonly errors: string[];
  readonly answered: Set<TerraformStack>;
}

const attached = new WeakSet<TerraformStack>();
const runs = new WeakMap<IConstruct, Run>();
const warned = new WeakMap<IConstruct, Set<string>>();

/**
 * Sees to it that the checks run when the construct's stack is synthesized. They look at the whole app, so that whichever
 * stack comes first reports all errors of the run together.
 */
export function attachChecks(scope: IConstruct): void {
  const stack = TerraformStack.of(scope);
  if (attached.has(stack)) {
    return;
  }
  attached.add(stack);
  stack.node.addValidation({ validate: () => report(stack) });
}

function report(stack: TerraformStack): string[] {
  const { root } = stack.node;
  const revision = revisionOf(root);
  let run = runs.get(root);
  // A synthesis asks once for each stack, and the whole app is checked once for all of them. Who asks again, or has
  // changed the graph, gets a new answer.
  if (run?.revision !== revision || run.answered.has(stack)) {
    run = { revision, errors: check(root), answered: new Set() };
    runs.set(root, run);
  }
  run.answered.add(stack);
  return run.errors;
}

/** Warns of what is a matter of taste, and returns what is wrong. */
function check(root: IConstruct): string[] {
  const findings = findingsOf(root);
  for (const { check, construct, problem, fix } of findings) {
    if (check.level === "warning") {
      warnOnce(construct, `${problem} ${fix} (${check.id})`);
    }
  }
  return findings
    .filter(({ check }) => check.level === "error")
    .map(({ check, construct, problem, fix }) => `${describe(construct)}: ${problem} ${fix} (${check.id})`);
}

function warnOnce(construct: IConstruct, message: string): void {
  const messages = warned.get(construct) ?? new Set();
  warned.set(construct, messages);
  if (!messages.has(message)) {
    messages.add(message);
    Annotations.of(construct).addWarning(message);
  }
}
