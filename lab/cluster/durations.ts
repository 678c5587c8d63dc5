/** How long requests took, as Envoy's histograms count them. */
export interface Durations {
  /** How many requests there were. */
  readonly count: number;
  /** The time of all of them together, in milliseconds. */
  readonly sumMs: number;
  /** How many took at most so many milliseconds, by that bound, in ascending order. */
  readonly atMost: ReadonlyMap<number, number>;
}

export const NO_DURATIONS: Durations = { count: 0, sumMs: 0, atMost: new Map() };

/** Those of both together. */
export function addDurations(left: Durations, right: Durations): Durations {
  const bounds = [...new Set([...left.atMost.keys(), ...right.atMost.keys()])].sort((a, b) => a - b);
  return {
    count: left.count + right.count,
    sumMs: left.sumMs + right.sumMs,
    atMost: new Map(bounds.map((bound) => [bound, (left.atMost.get(bound) ?? 0) + (right.atMost.get(bound) ?? 0)])),
  };
}

/** The average, in milliseconds; undefined if there was no request. */
export function meanMs({ count, sumMs }: Durations): number | undefined {
  return count > 0 ? sumMs / count : undefined;
}

/**
 * The time within which a share of the requests was answered, in milliseconds: within the range of the histogram that it is in, as if
 * the requests there were spread evenly, which is what Prometheus' `histogram_quantile` does. Undefined if there was no request.
 *
 * @param share from 0 to 1
 */
export function quantileMs({ count, atMost }: Durations, share: number): number | undefined {
  if (count <= 0) return undefined;
  const rank = share * count;
  let [lower, below] = [0, 0];
  for (const [bound, within] of atMost) {
    if (within >= rank && within > below) return lower + ((bound - lower) * (rank - below)) / (within - below);
    [lower, below] = [bound, within];
  }
  // Beyond the last range nothing is known but its bound.
  return lower;
}
