import { durationOf, nanoseconds, type Duration } from "../nomad/duration";

/**
 * A duration as Consul answers with it, e.g. `"1m30s"` for `"90s"`, so that what is written and what is read look alike.
 *
 * @throws RangeError for text which is no duration
 */
export function consulDuration(duration: Duration): string {
  return durationOf(nanoseconds(duration));
}

/** {@link consulDuration} of an optional duration. */
export function optionalConsulDuration(duration: Duration | undefined): string | undefined {
  return duration === undefined ? undefined : consulDuration(duration);
}
