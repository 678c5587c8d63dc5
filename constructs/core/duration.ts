import { Op, Token, Tokenization } from "cdktf";
import { isToken } from "./token";

const NANOSECONDS = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };
const ONE = /(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g;
const ALL = new RegExp(`^(?:${ONE.source})+$`);

type Unit = keyof typeof NANOSECONDS;

/** A duration: a {@link Duration}, or a string in the format of Nomad and Consul, such as `"30s"`, `"1m30s"`, `"500ms"`. */
export type DurationLike = Duration | string;

/**
 * A duration.
 *
 * @example
 * { interval: Duration.seconds(30) }
 */
export class Duration {
  private constructor(
    /** Length in nanoseconds, the unit of Nomad's API. */
    readonly nanoseconds: number,
    private readonly text: string,
  ) {}

  /** @param count 0 or more @throws RangeError for anything else */
  static milliseconds(count: number): Duration {
    return Duration.of("milliseconds", count, "ms");
  }

  /** @param count 0 or more @throws RangeError for anything else */
  static seconds(count: number): Duration {
    return Duration.of("seconds", count, "s");
  }

  /** @param count 0 or more @throws RangeError for anything else */
  static minutes(count: number): Duration {
    return Duration.of("minutes", count, "m");
  }

  /** @param count 0 or more @throws RangeError for anything else */
  static hours(count: number): Duration {
    return Duration.of("hours", count, "h");
  }

  /** @param count 0 or more @throws RangeError for anything else */
  static days(count: number): Duration {
    return Duration.of("days", count, "h", 24);
  }

  /**
   * @param text a duration in the format of Nomad and Consul, such as `"1m30s"`, or `"0"`
   * @throws RangeError for text that is not a duration
   * @see https://pkg.go.dev/time#ParseDuration
   */
  static parse(text: string): Duration {
    const length = lengthOfText(text);
    if (length === undefined) {
      throw new RangeError(`${JSON.stringify(text)} is not a duration. Use ${DURATION_ALLOWED}.`);
    }
    return new Duration(length, durationText(length));
  }

  private static of(factory: string, count: number, unit: Unit, factor = 1): Duration {
    if (isToken(count)) {
      const inUnit = factor === 1 ? count : Token.asNumber(Op.mul(count, factor));
      return new Duration(
        Token.asNumber(Op.mul(count, factor * NANOSECONDS[unit])),
        `${Tokenization.stringifyNumber(inUnit)}${unit}`,
      );
    }
    if (typeof count !== "number" || !Number.isFinite(count) || count < 0) {
      throw new RangeError(`Duration.${factory} takes a number, 0 or more, not ${String(count)}.`);
    }
    const length = Math.round(count * factor * NANOSECONDS[unit]);
    return new Duration(length, durationText(length));
  }

  /** The duration as a string, such as `"1m30s"`. */
  toJSON(): string {
    return this.text;
  }

  /** The duration in the format of Go, Nomad and Consul, such as `"1m30s"`. */
  toString(): string {
    return this.text;
  }
}

/** @internal Completes "expected …". */
export const DURATION_ALLOWED = 'a number and a unit (ns, us, ms, s, m, h), such as "30s" or "1m30s"';

/** @internal Whether a value is a literal duration, or a {@link Duration}, whose number may be known only to Terraform. */
export function isDuration(value: unknown): value is DurationLike {
  return typeof value === "string"
    ? lengthOfText(value) !== undefined
    : typeof (value as Duration | null | undefined)?.nanoseconds === "number";
}

/**
 * A duration in nanoseconds, the unit of Nomad's API.
 *
 * @throws RangeError for text that is not a duration, or that is known only to Terraform
 */
export function nanoseconds(duration: DurationLike): number {
  if (typeof duration !== "string") {
    return duration.nanoseconds;
  }
  if (isToken(duration)) {
    throw new RangeError(
      "The duration is a string that only Terraform knows, but Nomad needs nanoseconds. Use a number: Duration.seconds(variable.numberValue).",
    );
  }
  return Duration.parse(duration).nanoseconds;
}

/** {@link nanoseconds} of an optional duration. */
export function optionalNanoseconds(duration: DurationLike | undefined): number | undefined {
  return duration === undefined ? undefined : nanoseconds(duration);
}

/** @internal A duration in milliseconds; `undefined` if the argument is. */
export function optionalMilliseconds(duration: DurationLike | undefined): number | undefined {
  const length = optionalNanoseconds(duration);
  return length !== undefined && isToken(length) ? Token.asNumber(Op.div(length, 1e6)) : length && length / 1e6;
}

/**
 * A duration in the format in which Consul returns it, such as `"1m30s"` for `"90s"`, so that plans show no difference. Text that is known
 * only to Terraform is returned unchanged.
 *
 * @throws RangeError for text that is not a duration
 */
export function consulDuration(duration: DurationLike): string {
  return typeof duration !== "string" || isToken(duration) ? String(duration) : String(Duration.parse(duration));
}

/** {@link consulDuration} of an optional duration. */
export function optionalConsulDuration(duration: DurationLike | undefined): string | undefined {
  return duration === undefined ? undefined : consulDuration(duration);
}

/** A number of nanoseconds in the format of Go, such as `"1m30s"`. */
export function durationText(length: number): string {
  if (length < 0) {
    return `-${durationText(-length)}`;
  }
  if (length < 1e9) {
    const [unit, size] = length >= 1e6 ? ["ms", 1e6] : length >= 1e3 ? ["µs", 1e3] : ["ns", 1];
    return length === 0 ? "0s" : `${length / size}${unit}`;
  }
  let rest = length;
  let text = "";
  for (const unit of ["h", "m"] as const) {
    const count = Math.floor(rest / NANOSECONDS[unit]);
    rest -= count * NANOSECONDS[unit];
    text += count > 0 || text !== "" ? `${count}${unit}` : "";
  }
  return `${text}${rest / 1e9}s`;
}

/** @returns nanoseconds; `undefined` for text that is not a duration */
function lengthOfText(text: string): number | undefined {
  if (text === "0") {
    return 0;
  }
  if (!ALL.test(text)) {
    return undefined;
  }
  const parts = [...text.matchAll(ONE)].map(([, amount, unit]) => Number(amount) * NANOSECONDS[unit as Unit]);
  return Math.round(parts.reduce((total, part) => total + part, 0));
}
