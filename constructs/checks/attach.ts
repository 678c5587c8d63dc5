import { Annotations, TerraformStack } from "cdktf";
import type { IConstruct } from "constructs";
import { describe } from "../errors";
import { findingsOf } from "./run";

const attached = new WeakSet<TerraformStack>();
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
  const findings = findingsOf(stack.node.root);
  for (const { check, construct, problem, fix } of findings) {
    if (check.level === "warning" && TerraformStack.of(construct) === stack) {
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
