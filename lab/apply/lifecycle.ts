import { blocksOf, type JsonObject } from "./json";

/**
 * What a resource says of its own changes.
 *
 * @see https://developer.hashicorp.com/terraform/language/meta-arguments/lifecycle
 */
export interface Lifecycle {
  readonly isCreatedFirst: boolean;
  /** Addresses within the stack, as `terraform_data.<name>`. */
  readonly triggers: readonly string[];
  readonly isProtected: boolean;
  /** Whether it stays as it was made, whatever its arguments say by now. */
  readonly isFrozen: boolean;
  /** Arguments that count only when it is created. */
  readonly kept: readonly string[];
}

/** Arguments that hold all that an engine is sent, apart from what tells the object from others. */
const contents = new Set(["config_json", "jobspec"]);

/** Arguments without which an object that exists can be written: the engine then leaves that part of it as it is. */
const separate = new Set(["check"]);

/** @param refuse is told what Terraform would understand and the offline apply does not */
export function readLifecycle(block: unknown, refuse: (why: string) => void): Lifecycle {
  const rules: JsonObject = Object.assign({}, ...blocksOf(block)) as JsonObject;
  const known = new Set(["create_before_destroy", "replace_triggered_by", "prevent_destroy", "ignore_changes"]);
  for (const rule of Object.keys(rules).filter((each) => !known.has(each))) {
    refuse(`its lifecycle.${rule} is not supported`);
  }
  const { replace_triggered_by: triggers = [], ignore_changes: ignored = [] } = rules;
  for (const trigger of triggers as string[]) {
    if (!/^terraform_data\.[\w-]+$/.test(trigger)) {
      refuse(`its lifecycle.replace_triggered_by names ${trigger}, and only a terraform_data is supported there`);
    }
  }
  const ignoredArguments = ignored === "all" ? [] : (ignored as string[]);
  for (const argument of ignoredArguments) {
    if (!contents.has(argument) && !separate.has(argument))
      refuse(`its lifecycle.ignore_changes of ${argument} is not supported`);
  }
  return {
    isCreatedFirst: rules.create_before_destroy === true,
    triggers: triggers as string[],
    isProtected: rules.prevent_destroy === true,
    isFrozen: ignored === "all" || ignoredArguments.some((argument) => contents.has(argument)),
    kept: ignoredArguments.filter((argument) => separate.has(argument)),
  };
}
