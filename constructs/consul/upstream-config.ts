import * as is from "../core/shape";
import { optionalConsulDuration, optionalMilliseconds, type DurationLike } from "../core/duration";
import type * as consul from "./generated/config-entries";
import { isToken } from "../core/token";

/**
 * How much one Envoy asks of an upstream at the same time. What is more, Envoy answers itself, at once and with status 503:
 * a circuit breaker. Each instance of the source counts for itself, and each subset of the destination.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/service-defaults#upstreamconfig-overrides-limits
 */
export interface UpstreamLimits {
  /** Connections. What http/1.1 requests find no free one wait, see `maxPendingRequests`. @default 1024 */
  readonly maxConnections?: number;
  /** Requests that wait for a connection. @default 1024 */
  readonly maxPendingRequests?: number;
  /** Requests under way; the one that counts for http2 and gRPC, where a connection carries many. @default 1024 */
  readonly maxConcurrentRequests?: number;
}

/** @internal */
export const UPSTREAM_LIMITS_SHAPE: is.Shape<UpstreamLimits> = {
  maxConnections: is.number,
  maxPendingRequests: is.number,
  maxConcurrentRequests: is.number,
};

/**
 * When an Envoy stops asking an instance that fails, for a while: it is ejected, and comes back automatically. Ejections of one
 * instance last longer each time. Behind http, http2 and gRPC a status from 500 counts as a failure, and a connection that
 * cannot be opened; behind tcp the latter alone. An instance is ejected at its last failure in a row, not at the next look.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/service-defaults#upstreamconfig-overrides-passivehealthcheck
 */
export interface PassiveHealthCheck {
  /** Time between two looks at which instances are to come back. @default "10s" */
  readonly interval?: DurationLike;
  /** Failures in a row that eject. @default 5 */
  readonly maxFailures?: number;
  /** How likely it is, in percent, that so many statuses from 500 eject; 0 only counts them. @default 100 */
  readonly enforcingConsecutive5xx?: number;
  /**
   * Instances that may be ejected at the same time, in percent, rounded down to whole instances. Envoy's own default is 10,
   * which ejects none of nine or fewer. The default here ejects one of two or three, two of four, and never the only one; with
   * 100 all may be, and until the first is back Envoy answers requests itself, with status 503.
   *
   * @default 50
   */
  readonly maxEjectionPercent?: number;
  /** How long the first ejection of an instance lasts. @default "30s" */
  readonly baseEjectionTime?: DurationLike;
}

/** @internal */
export const PASSIVE_HEALTH_CHECK_SHAPE: is.Shape<PassiveHealthCheck> = {
  interval: is.durationText,
  maxFailures: is.number,
  enforcingConsecutive5xx: is.number,
  maxEjectionPercent: is.number,
  baseEjectionTime: is.durationText,
};

/** How any upstream is dealt with. */
export interface UpstreamPolicy {
  /** @default Envoy's own: 1024 of each */
  readonly limits?: UpstreamLimits;
  /** @default ejected for 30 s after 5 failures in a row, at most half of the instances */
  readonly passiveHealthCheck?: PassiveHealthCheck;
  /** How long a connection to an instance may take to open. @default the destination's resolver, else "5s" */
  readonly connectTimeout?: DurationLike;
}

/** @internal */
export const UPSTREAM_POLICY_SHAPE: is.Shape<UpstreamPolicy> = {
  limits: is.block(UPSTREAM_LIMITS_SHAPE),
  passiveHealthCheck: is.block(PASSIVE_HEALTH_CHECK_SHAPE),
  connectTimeout: is.durationText,
};

/**
 * @internal Envoy's own default rounds down to no instance where there are fewer than ten, and no current Envoy ejects one
 * regardless.
 */
export const MAX_EJECTION_PERCENT = 50;

/** @internal Upstream configuration of any origin, with the share of instances that may be ejected where it names none. */
export function withEjection(config: consul.UpstreamConfig = {}): consul.UpstreamConfig {
  return { ...config, PassiveHealthCheck: { MaxEjectionPercent: MAX_EJECTION_PERCENT, ...config.PassiveHealthCheck } };
}

/** @internal */
export function renderUpstreamPolicy({
  limits,
  passiveHealthCheck: check,
  connectTimeout,
}: UpstreamPolicy): Omit<consul.UpstreamConfig, "Name"> {
  return {
    ConnectTimeoutMs: optionalMilliseconds(connectTimeout),
    Limits: limits && {
      MaxConnections: limits.maxConnections,
      MaxPendingRequests: limits.maxPendingRequests,
      MaxConcurrentRequests: limits.maxConcurrentRequests,
    },
    PassiveHealthCheck: check && renderPassiveHealthCheck(check),
  };
}

/** @internal */
export function renderPassiveHealthCheck(check: PassiveHealthCheck = {}): consul.PassiveHealthCheck {
  return {
    Interval: optionalConsulDuration(check.interval),
    MaxFailures: check.maxFailures,
    EnforcingConsecutive5xx: check.enforcingConsecutive5xx,
    MaxEjectionPercent: check.maxEjectionPercent ?? MAX_EJECTION_PERCENT,
    BaseEjectionTime: optionalConsulDuration(check.baseEjectionTime),
  };
}

/**
 * @internal The same for all that an Envoy reaches, as its own bootstrap takes it: most kinds of gateways have no place for it
 * in Consul.
 *
 * @see https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cluster_runtime#outlier-detection
 */
export function renderEnvoyRuntime(check: PassiveHealthCheck = {}): Readonly<Record<string, number>> {
  const fields = {
    interval_ms: optionalMilliseconds(check.interval),
    consecutive_5xx: check.maxFailures,
    enforcing_consecutive_5xx: check.enforcingConsecutive5xx,
    max_ejection_percent: check.maxEjectionPercent ?? MAX_EJECTION_PERCENT,
    base_ejection_time_ms: optionalMilliseconds(check.baseEjectionTime),
  };
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) =>
      typeof value === "number" ? [[`outlier_detection.${name}`, value]] : [],
    ),
  );
}

/** Says what Consul would refuse, or read as something else: a sentence, and what to do. */
export function problemOfUpstreamPolicy(policy: UpstreamPolicy): [string, string] | undefined {
  const { limits = {}, passiveHealthCheck: check = {}, connectTimeout } = policy;
  const counts = { ...limits, maxFailures: check.maxFailures };
  for (const [name, count] of Object.entries<number | undefined>(counts)) {
    // Consul reads 0 failures as no number at all.
    const least = name === "maxFailures" ? 1 : 0;
    if (count !== undefined && !isToken(count) && !(Number.isInteger(count) && count >= least)) {
      return [`${name} is ${count}.`, `Use a whole number from ${least}.`];
    }
  }
  const { enforcingConsecutive5xx, maxEjectionPercent } = check;
  for (const [name, percent] of Object.entries({ enforcingConsecutive5xx, maxEjectionPercent })) {
    if (percent !== undefined && !isToken(percent) && !(Number.isInteger(percent) && percent >= 0 && percent <= 100)) {
      return [`${name} is ${percent}.`, "Use a whole number from 0 to 100."];
    }
  }
  const timeout = optionalMilliseconds(connectTimeout);
  if (timeout !== undefined && !isToken(timeout) && !Number.isInteger(timeout)) {
    return [`connectTimeout is ${String(connectTimeout)}.`, "Use whole milliseconds."];
  }
  return undefined;
}
