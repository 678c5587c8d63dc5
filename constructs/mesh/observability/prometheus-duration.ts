import { nanoseconds, type DurationLike } from "../../core/duration";

/** As Prometheus writes it, which knows days, weeks and years, and no fractions. */
const OWN = /^(?:0|(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?(?:\d+ms)?)$/;

/**
 * A length of time as Prometheus takes it.
 *
 * @throws RangeError for text which is no duration
 * @see https://prometheus.io/docs/prometheus/latest/configuration/configuration/
 */
export function prometheusDuration(duration: DurationLike): string {
  if (typeof duration === "string" && duration !== "" && OWN.test(duration)) {
    return duration;
  }
  const milliseconds = nanoseconds(duration) / 1e6;
  return milliseconds % 1000 === 0 ? `${milliseconds / 1000}s` : `${Math.round(milliseconds)}ms`;
}
