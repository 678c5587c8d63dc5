import type { IConstruct } from "constructs";
import { MeshError } from "../core/errors";

/** An accepted finding with the reason. */
export interface Silence {
  /** Id of the check. */
  readonly id: string;
  /** Why the finding is acceptable here; never empty. */
  readonly reason: string;
  /** Path of the construct. The silence applies to it and to all constructs below it. */
  readonly path: string;
}

/** Shared by all copies of the library that an app may have. */
const SILENCES = Symbol.for("meshform.silences");

type Root = IConstruct & { [SILENCES]?: Map<string, Map<string, Silence>> };

/**
 * Accepts the findings of a check at a construct and below it.
 *
 * @param checkId the id at the end of the message; an unknown id is reported at synthesis
 * @param reason why the finding is acceptable here, for readers of the code; it must not be empty
 * @throws MeshError if the reason is empty
 */
export function silence(construct: IConstruct, checkId: string, reason: string): void {
  if (reason.trim() === "") {
    throw new MeshError(
      construct,
      `The check "${checkId}" is silenced without a reason.`,
      "State why the finding is acceptable here.",
    );
  }
  const { path } = construct.node;
  const silences = silencesByPath(construct.node.root);
  const here = silences.get(path) ?? new Map<string, Silence>();
  silences.set(path, here.set(checkId, { id: checkId, reason, path }));
}

/** Returns all silences of an app. */
export function silencesOf(root: IConstruct): readonly Silence[] {
  return [...silencesByPath(root).values()].flatMap((here) => [...here.values()]);
}

/** Returns the silence of a check at a path, or `undefined` if the check is not silenced there. */
export function silenceAt(root: IConstruct, path: string, checkId: string): Silence | undefined {
  const silences = silencesByPath(root);
  if (silences.size === 0) {
    return undefined;
  }
  for (let end = path.length; end >= 0; end = end === 0 ? -1 : Math.max(path.lastIndexOf("/", end - 1), 0)) {
    const found = silences.get(path.slice(0, end))?.get(checkId);
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}

function silencesByPath(root: Root): Map<string, Map<string, Silence>> {
  return (root[SILENCES] ??= new Map<string, Map<string, Silence>>());
}
