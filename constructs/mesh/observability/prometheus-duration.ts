import { DURATION_ALLOWED, isDuration, nanoseconds, type DurationLike } from "../../core/duration";
import * as is from "../../core/shape";

/** Prometheus' own format, which has days, weeks and years, but no fractions. */
const OWN = /^(?:0|(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?(?:\d+ms)?)$/;

/** A duration that can be converted to Prometheus' format. */
export const PROMETHEUS_DURATION = is.literal(
  is.rule(DURATION_ALLOWED, "Correct it.", (value) => isOwn(value) || isDuration(value)),
  "Use a literal value: it is part of Prometheus' configuration.",
);

function isOwn(value: unknown): value is string {
  return typeof value === "string" && value !== "" && OWN.test(value);
}

/**
 * A duration in Prometheus' format.
 *
 * @throws RangeError for text that is not a duration
 * @see https://prometheus.io/docs/prometheus/latest/configuration/configuration/
 */
export function prometheusDuration(duration: DurationLike): string {
  if (isOwn(duration)) {
    return duration;
  }
  const milliseconds = nanoseconds(duration) / 1e6;
  return milliseconds % 1000 === 0 ? `${milliseconds / 1000}s` : `${Math.round(milliseconds)}ms`;
}
