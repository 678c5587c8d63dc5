import * as is from "../core/shape";
import type * as consul from "./generated/config-entries";

/** How many requests an instance accepts. */
export interface RateLimit {
  /** Average number of requests per second. */
  readonly requestsPerSecond: number;
  /** Maximum number of requests at once, at least `requestsPerSecond`. @default `requestsPerSecond` */
  readonly requestsMaxBurst?: number;
}

/** The limit of requests to some paths. Exactly one of `pathExact`, `pathPrefix` and `pathRegex` is required. */
export interface RouteRateLimit extends RateLimit {
  /** The path is equal to this text. @default none */
  readonly pathExact?: string;
  /** The path begins with this text. @default none */
  readonly pathPrefix?: string;
  /** The whole path matches this regular expression (RE2). @default none */
  readonly pathRegex?: string;
}

/**
 * How many requests each instance of a service accepts, from all sources together. Its Envoy responds to others with status 429.
 * Requires Consul Enterprise: the community edition refuses the config entry.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/service-defaults#ratelimits
 */
export interface RateLimits extends Partial<RateLimit> {
  /** Limits of some paths. The first one that matches a request applies, instead of the limit of all requests. @default none */
  readonly routes?: readonly RouteRateLimit[];
}

const LIMIT = { requestsPerSecond: is.number, requestsMaxBurst: is.number };

/** @internal */
export const RATE_LIMITS_SHAPE: is.Shape<RateLimits> = {
  ...LIMIT,
  routes: is.list(
    is.block<RouteRateLimit>({
      ...LIMIT,
      requestsPerSecond: is.required(is.number),
      pathExact: is.text,
      pathPrefix: is.text,
      pathRegex: is.text,
    }),
  ),
};

/** @internal */
export function renderRateLimits({ requestsPerSecond, requestsMaxBurst, routes }: RateLimits): consul.RateLimits {
  return {
    InstanceLevel: {
      RequestsPerSecond: requestsPerSecond,
      RequestsMaxBurst: requestsMaxBurst,
      Routes: routes?.map((route) => ({
        PathExact: route.pathExact,
        PathPrefix: route.pathPrefix,
        PathRegex: route.pathRegex,
        RequestsPerSecond: route.requestsPerSecond,
        RequestsMaxBurst: route.requestsMaxBurst,
      })),
    },
  };
}
