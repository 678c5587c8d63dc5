/** A service as the benchmark's apps describe it. */
export interface RingService {
  readonly name: string;
  /** The two services that it connects to. */
  readonly targets: readonly [next: string, far: string];
}

/** Port of every service, and image of every workload. */
export const PORT = 8080;
export const IMAGE = "example/service:1.0.0";

/** Name of the variable that tells a service where its next neighbour is. */
export const NEXT_URL = "NEXT_URL";

const FAR = 7;

/** Services in a ring: each connects to the next one and to one further on, so that each has two sources as well. */
export function ringOf(size: number): readonly RingService[] {
  const nameAt = (index: number): string => `service-${index % size}`;
  return Array.from({ length: size }, (_, index) => ({
    name: nameAt(index),
    targets: [nameAt(index + 1), nameAt(index + FAR)],
  }));
}
