const NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/**
 * A length of time as Nomad and Consul write it, e.g. `"30s"`, `"1m30s"`, `"500ms"`.
 *
 * @see https://pkg.go.dev/time#ParseDuration
 */
export type Duration = string;

/**
 * The same length in nanoseconds, the unit of Nomad's API.
 *
 * @throws RangeError for text which is no duration
 */
export function nanoseconds(duration: Duration): number {
  if (duration === "0") {
    return 0;
  }
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(duration)) {
    throw new RangeError(
      `"${duration}" is not a duration. Write a number and a unit (ns, us, ms, s, m, h), such as "30s" or "1m30s".`,
    );
  }
  let total = 0;
  for (const [, amount, unit] of duration.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(amount) * NANOSECONDS[unit];
  }
  return Math.round(total);
}

const UNITS = [
  ["h", 3600e9],
  ["m", 60e9],
] as const;

/** A length in nanoseconds as Go writes it, e.g. `"1m30s"`. */
export function durationOf(length: number): Duration {
  if (length < 0) {
    return `-${durationOf(-length)}`;
  }
  if (length < 1e9) {
    const [unit, size] = length >= 1e6 ? ["ms", 1e6] : length >= 1e3 ? ["µs", 1e3] : ["ns", 1];
    return length === 0 ? "0s" : `${length / size}${unit}`;
  }
  let rest = length;
  let text = "";
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    text += count > 0 || text !== "" ? `${count}${unit}` : "";
  }
  return `${text}${rest / 1e9}s`;
}

/** {@link nanoseconds} of an optional duration. */
export function optionalNanoseconds(duration: Duration | undefined): number | undefined {
  return duration === undefined ? undefined : nanoseconds(duration);
}

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
