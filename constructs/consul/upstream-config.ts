import * as is from "../core/shape";
import { optionalConsulDuration, optionalMilliseconds, type DurationLike } from "../core/duration";
import type * as consul from "./generated/config-entries";
import { isToken } from "../core/token";

/**
 * Limits of the load that one Envoy puts on an upstream at the same time (circuit breaker). Envoy responds to requests above a
 * limit at once with status 503. The limits apply separately to each instance of the source and to each subset of the
 * destination.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/service-defaults#upstreamconfig-overrides-limits
 */
export interface UpstreamLimits {
  /** Maximum number of connections. HTTP/1.1 requests that find no free connection wait; see `maxPendingRequests`. @default 1024 */
  readonly maxConnections?: number;
  /** Maximum number of requests that wait for a connection. @default 1024 */
  readonly maxPendingRequests?: number;
  /**
   * Maximum number of active requests. This limit is relevant for http2 and gRPC, in which a connection carries many requests.
   * @default 1024
   */
  readonly maxConcurrentRequests?: number;
}

/** @internal */
export const UPSTREAM_LIMITS_SHAPE: is.Shape<UpstreamLimits> = {
  maxConnections: is.number,
  maxPendingRequests: is.number,
  maxConcurrentRequests: is.number,
};

/**
 * When an Envoy temporarily stops sending requests to an instance that fails (outlier detection). The instance is ejected, and
 * returns automatically. Each ejection of an instance lasts longer than the one before. For http, http2 and gRPC, a status of 500
 * or above and a failed connection count as failures; for tcp, only a failed connection does. An instance is ejected with its
 * last failure in a row, independent of `interval`.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/service-defaults#upstreamconfig-overrides-passivehealthcheck
 */
export interface PassiveHealthCheck {
  /** Interval at which Envoy checks whether ejected instances return. @default "10s" */
  readonly interval?: DurationLike;
  /** Number of consecutive failures after which an instance is ejected. @default 5 */
  readonly maxFailures?: number;
  /** Probability, in percent, that an instance is ejected after so many statuses of 500 or above; 0 only counts them. @default 100 */
  readonly enforcingConsecutive5xx?: number;
  /**
   * Maximum share of instances that can be ejected at the same time, in percent, rounded down to whole instances. Envoy's own
   * default of 10 ejects none of nine or fewer instances. The default here ejects one of two or three, two of four, and never the
   * only one. With 100, all instances can be ejected; until the first one returns, Envoy responds to requests with status 503.
   *
   * @default 50
   */
  readonly maxEjectionPercent?: number;
  /** Duration of the first ejection of an instance. @default "30s" */
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

/** How an Envoy treats an upstream. */
export interface UpstreamPolicy {
  /** Limits of connections and requests. @default Envoy's own: 1024 of each */
  readonly limits?: UpstreamLimits;
  /** When failing instances are ejected. @default ejected for 30 s after 5 failures in a row, at most half of the instances */
  readonly passiveHealthCheck?: PassiveHealthCheck;
  /** Timeout for opening a connection to an instance. @default that of the destination's resolver, else "5s" */
  readonly connectTimeout?: DurationLike;
}

/** @internal */
export const UPSTREAM_POLICY_SHAPE: is.Shape<UpstreamPolicy> = {
  limits: is.block(UPSTREAM_LIMITS_SHAPE),
  passiveHealthCheck: is.block(PASSIVE_HEALTH_CHECK_SHAPE),
  connectTimeout: is.durationText,
};

/**
 * @internal Envoy's own default rounds down to zero for fewer than ten instances, and current versions of Envoy then eject none.
 */
export const MAX_EJECTION_PERCENT = 50;

/** @internal Adds the share of instances that can be ejected to an upstream configuration that does not set it. */
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
 * @internal The health check for all upstreams of an Envoy, as settings of its bootstrap: most kinds of gateways have no field
 * for it in Consul.
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

/** Returns a problem for which Consul would reject or misinterpret a policy: a sentence, and the fix. */
export function problemOfUpstreamPolicy(policy: UpstreamPolicy): [string, string] | undefined {
  const { limits = {}, passiveHealthCheck: check = {}, connectTimeout } = policy;
  const counts = { ...limits, maxFailures: check.maxFailures };
  for (const [name, count] of Object.entries<number | undefined>(counts)) {
    // Consul treats 0 failures as unset.
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
