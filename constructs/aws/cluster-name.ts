import type { IConstruct } from "constructs";
import { MeshError } from "../core/errors";

/**
 * Checks and returns the name of a cluster.
 *
 * @throws MeshError if the names of its resources could not contain it
 */
export function clusterName(scope: IConstruct, name: string): string {
  if (!/^[a-z][a-z0-9-]{0,19}$/.test(name)) {
    throw new MeshError(
      scope,
      `The name of the cluster is "${name}".`,
      "Use 1 to 20 lower-case letters, digits and dashes, starting with a letter, because the names of buckets, roles and tags contain it.",
    );
  }
  return name;
}

/** Name of the SSM parameter that tells other apps what a cluster is. */
export function clusterParameter(name: string): string {
  return `/meshform/${name}/cluster`;
}
