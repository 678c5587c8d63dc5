import * as is from "../../core/shape";
import type { Reference } from "../../model/records";
import { referenceTo, type IMeshService } from "../mesh-member";
import type { Mesh } from "../mesh";
import { Subset } from "./subset";

/**
 * The destination of a traffic rule: a subset, a version of a service, a service, or the name of a service in the mesh.
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

/** An object with a subset, such as a {@link ServiceVersion}. */
export interface HasSubset {
  /** The subset, such as that of a {@link ServiceVersion}. */
  readonly subset: Subset;
}

/** @internal The subset itself, or the subset of an object that has one. */
export function subsetOf(choice: Subset | HasSubset): Subset {
  return choice instanceof Subset ? choice : choice.subset;
}

/**
 * @internal Reference to a destination, for records. If the destination is in the mesh of another datacenter, the reference contains
 * the cluster peer. An explicit `datacenter` is one of a WAN federation.
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
  const place = referenceTo(service, own);
  return {
    ...{ service: service.serviceName, member: service.node.path, subset, tenancy: place.tenancy },
    datacenter: datacenter ?? (peer === undefined ? place.datacenter : undefined),
    peer: peer ?? (datacenter === undefined ? place.peer : undefined),
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
