/** What an app of the benchmark is made of. */
export interface RingShape {
  readonly services: number;
  /** How many stacks share them; one holds them all, and the mesh. */
  readonly stacks: number;
  /** How many others each service connects to. */
  readonly connections: number;
}

/** A service as the benchmark's apps describe it. */
export interface RingService {
  readonly name: string;
  /** Name of the stack that it is in. */
  readonly stack: string;
  /** The services that it connects to. */
  readonly targets: readonly string[];
}

/** Port of every service, and image of every workload. */
export const PORT = 8080;
export const IMAGE = "example/service:1.0.0";

/** Name of the stack of the mesh. */
export const MESH_STACK = "mesh";

/** Name of the variable that tells a service where its next neighbour is. */
export const NEXT_URL = "NEXT_URL";

/** How far the second connection of a service leads; further ones go on from there. */
const FAR = 7;

/**
 * Services in a ring: each connects to the next one and to some further on, so that each has as many sources. Neighbours are in one
 * stack, and those at its end connect to services of the next stack.
 */
export function ringOf({ services, stacks, connections }: RingShape): readonly RingService[] {
  const nameAt = (index: number): string => `service-${index % services}`;
  return Array.from({ length: services }, (_, index) => ({
    name: nameAt(index),
    stack: stacks === 1 ? MESH_STACK : `team-${Math.floor((index * stacks) / services)}`,
    targets: Array.from({ length: connections }, (_, step) => nameAt(index + (step === 0 ? 1 : FAR + step - 1))),
  }));
}
