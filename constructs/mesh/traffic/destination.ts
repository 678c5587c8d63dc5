import * as is from "../../core/shape";
import type { Reference } from "../../model/records";
import { peerName } from "../../model/cluster";
import type { IMeshService } from "../mesh-member";
import type { Mesh } from "../mesh";
import { Subset } from "./subset";

/**
 * Where traffic rules send requests: a subset, a version of a service (its subset), a service, or a service's name in the
 * mesh.
 */
export type TrafficDestination = Subset | HasSubset | IMeshService | string;

/** @internal */
export const DESTINATION = is.rule(
  "a subset, a version, a service, or its name",
  "Set it.",
  (value) =>
    (typeof value === "string" && value !== "") ||
    value instanceof Subset ||
    is.has(value, "serviceName") ||
    (is.has(value, "subset") && value.subset instanceof Subset),
);

/** @internal */
export const SUBSET = is.rule(
  "a subset or a version",
  "Set it.",
  (value) => value instanceof Subset || (is.has(value, "subset") && value.subset instanceof Subset),
);

/** What stands for a subset. */
export interface HasSubset {
  /** The subset: that of a {@link ServiceVersion}, for example. */
  readonly subset: Subset;
}

/** @internal The subset that a choice stands for. */
export function subsetOf(choice: Subset | HasSubset): Subset {
  return choice instanceof Subset ? choice : choice.subset;
}

/**
 * @internal How records name a destination, with its cluster peer if it is of another datacenter's mesh. A datacenter that is
 * stated is one of a WAN federation.
 */
export function referenceToDestination(
  destination: TrafficDestination,
  own: Mesh,
  { datacenter, peer }: Pick<Reference, "datacenter" | "peer"> = {},
): Reference {
  const { service, subset } = partsOf(destination);
  if (typeof service === "string") {
    return { service, subset, datacenter, peer };
  }
  return {
    ...{ service: service.serviceName, member: service.node.path, subset, datacenter },
    peer: peer ?? (datacenter === undefined ? peerName(service.mesh, own) : undefined),
  };
}

function partsOf(destination: TrafficDestination): {
  readonly service: IMeshService | string;
  readonly subset?: string;
} {
  if (typeof destination === "string") {
    return { service: destination };
  }
  if (destination instanceof Subset) {
    return { service: destination.service, subset: destination.name };
  }
  return "subset" in destination ? partsOf(destination.subset) : { service: destination };
}
