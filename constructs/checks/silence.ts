import type { IConstruct } from "constructs";
import { MeshError } from "../core/errors";
import { closestTo } from "./closest";
import { CHECKS } from "./rules";

const silenced = new WeakMap<IConstruct, Set<string>>();

/**
 * Accepts what a check finds at a construct and below it.
 *
 * @param checkId the id at the end of the message
 * @param reason why it is right here; it is for those who read the code after you, and must not be empty
 * @throws MeshError for an unknown id, or without a reason
 */
export function silence(construct: IConstruct, checkId: string, reason: string): void {
  if (!CHECKS.some(({ id }) => id === checkId)) {
    throw new MeshError(
      construct,
      `There is no check "${checkId}" to silence.`,
      closestTo(
        checkId,
        CHECKS.map(({ id }) => id),
      ),
    );
  }
  if (reason.trim() === "") {
    throw new MeshError(
      construct,
      `The check "${checkId}" is silenced without a reason.`,
      "Write why it is right here.",
    );
  }
  const ids = silenced.get(construct) ?? new Set();
  silenced.set(construct, ids.add(checkId));
}

/** @internal Whether a finding at the construct is accepted. */
export function isSilenced(construct: IConstruct, checkId: string): boolean {
  return construct.node.scopes.some((scope) => silenced.get(scope)?.has(checkId));
}
