import type { IMeshService } from "../mesh-member";
import { Subset } from "./subset";

/**
 * Where traffic rules send requests: a subset, a version of a service (its subset), a service, or a service's name in the
 * mesh.
 */
export type TrafficDestination = Subset | HasSubset | IMeshService | string;

/** What stands for a subset. */
export interface HasSubset {
  readonly subset: Subset;
}

/** A destination, by names. */
export interface NamedDestination {
  readonly service: string;
  readonly subset?: string;
}

/** @internal The names of a destination. */
export function namesOf(destination: TrafficDestination): NamedDestination {
  if (typeof destination === "string") {
    return { service: destination };
  }
  if (destination instanceof Subset) {
    const { service, name } = destination;
    return { service: typeof service === "string" ? service : service.serviceName, subset: name };
  }
  return "subset" in destination ? namesOf(destination.subset) : { service: destination.serviceName };
}

/** @internal The service of a destination, where it was given as such. */
export function serviceOf(destination: TrafficDestination): IMeshService | undefined {
  if (typeof destination === "string") {
    return undefined;
  }
  if (destination instanceof Subset) {
    return typeof destination.service === "string" ? undefined : destination.service;
  }
  return "subset" in destination ? serviceOf(destination.subset) : destination;
}
