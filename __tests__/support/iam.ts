/** A statement of an IAM policy that allows. */
export interface Statement {
  readonly Sid: string;
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
}

/**
 * The statements that allow an action on a resource. In both, `*` stands for any text and `?` for any character; actions have no case. Conditions
 * are not evaluated.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
 */
export function statementsFor(statements: readonly Statement[], action: string, resource: string): Statement[] {
  return statements.filter(
    ({ Action, Resource }) =>
      Action.some((pattern) => matches(pattern.toLowerCase(), action.toLowerCase())) &&
      Resource.some((pattern) => matches(pattern, resource)),
  );
}

function matches(pattern: string, text: string): boolean {
  const parts = pattern
    .replace(/[\\^$.+()|[\]{}]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${parts}$`, "s").test(text);
}
