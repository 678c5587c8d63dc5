import { nanoseconds, type Duration } from "../nomad/duration";

const UNITS = [
  ["h", 3600e9],
  ["m", 60e9],
] as const;

/**
 * A duration as Consul answers with it, e.g. `"1m30s"` for `"90s"`, so that what is written and what is read look alike.
 *
 * @throws RangeError for text which is no duration
 */
export function consulDuration(duration: Duration): string {
  let rest = nanoseconds(duration);
  if (rest < 1e9) {
    const [unit, size] = rest >= 1e6 ? ["ms", 1e6] : rest >= 1e3 ? ["µs", 1e3] : ["ns", 1];
    return rest === 0 ? "0s" : `${rest / size}${unit}`;
  }
  let text = "";
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    text += count > 0 || text !== "" ? `${count}${unit}` : "";
  }
  return `${text}${rest / 1e9}s`;
}

/** {@link consulDuration} of an optional duration. */
export function optionalConsulDuration(duration: Duration | undefined): string | undefined {
  return duration === undefined ? undefined : consulDuration(duration);
}
