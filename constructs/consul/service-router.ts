import * as is from "../core/shape";
import { type DurationLike, optionalConsulDuration } from "../core/duration";
import type * as consul from "./generated/config-entries";
import { HEADER_CHANGES_SHAPE, type HeaderChanges, renderHeaderChanges } from "./header-changes";
import { HTTP_MATCH_SHAPE, type HttpMatch, renderHeaderMatch } from "./http-permission";

/** A condition on a query parameter: exactly one of `exact`, `regex` and `present`. */
export interface QueryMatch {
  /** Name of the parameter, case-sensitive. */
  readonly name: string;
  /** @default any */
  readonly exact?: string;
  /** RE2. @default any */
  readonly regex?: string;
  /** The parameter must be present, with any value. @default false */
  readonly present?: boolean;
}

/** @internal */
export const QUERY_MATCH_SHAPE: is.Shape<QueryMatch> = {
  name: is.required(is.text),
  exact: is.text,
  regex: is.text,
  present: is.flag,
};

/**
 * The requests to which a route applies. All conditions that are set must be met. Each header can have only one condition.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/service-router#routes-match-http
 */
export interface RouteMatch extends HttpMatch {
  /** @default any */
  readonly query?: readonly QueryMatch[];
  /** Whether the path is compared case-insensitively. @default false */
  readonly caseInsensitive?: boolean;
}

/** @internal */
export const ROUTE_MATCH_SHAPE: is.Shape<RouteMatch> = {
  ...HTTP_MATCH_SHAPE,
  // `problemOfRoute` checks them, all at once.
  methods: is.list(is.text),
  query: is.list(is.block(QUERY_MATCH_SHAPE)),
  caseInsensitive: is.flag,
};

/** All conditions that Consul accepts for a retry. */
export const RETRY_CONDITIONS = [
  "5xx",
  "gateway-error",
  "reset",
  "connect-failure",
  "envoy-ratelimited",
  "retriable-4xx",
  "refused-stream",
  "cancelled",
  "deadline-exceeded",
  "internal",
  "resource-exhausted",
  "unavailable",
] as const;

/**
 * A failure that triggers a retry.
 *
 * @see https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter#x-envoy-retry-on
 */
export type RetryCondition = (typeof RETRY_CONDITIONS)[number];

/** How often and under which conditions a request is retried. */
export interface RetryOptions {
  /** Number of retries after the first attempt. @default 1 */
  readonly attempts?: number;
  /**
   * Conditions for a retry. If an instance may already have processed the request (`5xx`, `reset`), a retry is safe only if
   * processing it twice does no harm.
   *
   * @default connect-failure and refused-stream, with which no instance has received the request; none if `onStatusCodes` is set
   */
  readonly on?: readonly RetryCondition[];
  /** Status codes that trigger a retry, e.g. `[503]`. @default none */
  readonly onStatusCodes?: readonly number[];
}

/** @internal */
export const RETRY_SHAPE: is.Shape<RetryOptions> = {
  attempts: is.number,
  on: is.list(is.oneOf(RETRY_CONDITIONS)),
  onStatusCodes: is.list(is.number),
};

/** Changes of the requests and responses of a route. */
export interface RouteChanges {
  /** Replaces the part of the path that `pathPrefix` or `pathExact` matched. @default the path is not changed */
  readonly prefixRewrite?: string;
  /** Timeout of the whole request, including retries. @default that of the resolver, else "15s" */
  readonly requestTimeout?: DurationLike;
  /** Time without any data in either direction after which a request is aborted. @default Envoy's */
  readonly idleTimeout?: DurationLike;
  /** @default no retries */
  readonly retries?: RetryOptions;
  /** Changes of the request's headers. @default none */
  readonly requestHeaders?: HeaderChanges;
  /** Changes of the response's headers. @default none */
  readonly responseHeaders?: HeaderChanges;
}

/** @internal */
export const ROUTE_CHANGES_SHAPE: is.Shape<RouteChanges> = {
  prefixRewrite: is.text,
  requestTimeout: is.durationText,
  idleTimeout: is.durationText,
  retries: is.block(RETRY_SHAPE),
  requestHeaders: is.block(HEADER_CHANGES_SHAPE),
  responseHeaders: is.block(HEADER_CHANGES_SHAPE),
};

/** Props of a route, independent of its destination. */
export interface RouteProps extends RouteChanges {
  /** @default any request */
  readonly match?: RouteMatch;
}

/** @internal A route in the format of a service-router, without its destination. */
export function renderRoute({ match, ...changes }: RouteProps): {
  readonly match?: consul.ServiceRouteHTTPMatch;
  readonly fields: Omit<consul.ServiceRouteDestination, "Service" | "ServiceSubset">;
} {
  const { retries } = changes;
  return {
    match: match && renderMatch(match),
    fields: {
      PrefixRewrite: changes.prefixRewrite,
      RequestTimeout: optionalConsulDuration(changes.requestTimeout),
      IdleTimeout: optionalConsulDuration(changes.idleTimeout),
      NumRetries: retries && (retries.attempts ?? 1),
      RetryOn: retries && (retries.on ?? (retries.onStatusCodes ? undefined : ["connect-failure", "refused-stream"])),
      RetryOnStatusCodes: retries?.onStatusCodes,
      RequestHeaders: renderHeaderChanges(changes.requestHeaders),
      ResponseHeaders: renderHeaderChanges(changes.responseHeaders),
    },
  };
}

function renderMatch(match: RouteMatch): consul.ServiceRouteHTTPMatch {
  return {
    PathPrefix: match.pathPrefix,
    PathExact: match.pathExact,
    PathRegex: match.pathRegex,
    CaseInsensitive: match.caseInsensitive,
    Methods: match.methods?.map((method) => method.toUpperCase()),
    Header: match.headers?.map(renderHeaderMatch),
    QueryParam: match.query?.map(({ name, exact, regex, present }) => ({
      Name: name,
      Exact: exact,
      Regex: regex,
      Present: present,
    })),
  };
}

/** @internal Whether a match of a service-router matches every request. */
export function fitsAll({ PathPrefix, ...others }: consul.ServiceRouteHTTPMatch = {}): boolean {
  return (PathPrefix ?? "/") === "/" && !Object.values(others).some(Boolean);
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"];

/** Returns a problem for which Consul would reject a route: a sentence, and the fix. */
export function problemOfRoute({ match = {}, prefixRewrite, retries }: RouteProps): [string, string] | undefined {
  const paths = Object.entries({
    pathPrefix: match.pathPrefix,
    pathExact: match.pathExact,
    pathRegex: match.pathRegex,
  }).filter(([, path]) => path !== undefined);
  if (paths.length > 1) {
    return [`A route has ${paths.map(([kind]) => kind).join(" and ")}.`, "Use one of them, or two routes."];
  }
  const [[kind, path] = ["", "/"]] = paths;
  if (kind !== "pathRegex" && path?.startsWith("/") !== true) {
    return [`The ${kind} "${path}" of a route does not begin with a slash.`, `Write "/${path}".`];
  }
  if (prefixRewrite !== undefined && match.pathPrefix === undefined && match.pathExact === undefined) {
    return ["A route rewrites a prefix, but does not match one.", "Add a pathPrefix or pathExact to its match."];
  }
  for (const { name, ...conditions } of match.headers ?? []) {
    if (countOf({ ...conditions, invert: undefined }) !== 1) {
      return [
        `A route has ${countOf({ ...conditions, invert: undefined })} conditions for the header "${name}".`,
        "Use exactly one of exact, prefix, suffix, regex and present.",
      ];
    }
  }
  for (const { name, ...conditions } of match.query ?? []) {
    if (countOf(conditions) !== 1) {
      return [
        `A route has ${countOf(conditions)} conditions for the query parameter "${name}".`,
        "Use exactly one of exact, regex and present.",
      ];
    }
  }
  const methods = (match.methods ?? []).map((method) => method.toUpperCase());
  const unknown = methods.find((method, index) => !METHODS.includes(method) || methods.indexOf(method) !== index);
  if (unknown !== undefined) {
    return [
      `A route has the ${METHODS.includes(unknown) ? `method ${unknown} twice` : `unknown method ${unknown}`}.`,
      `Use ${METHODS.join(", ")}.`,
    ];
  }
  const { attempts = 1, on, onStatusCodes } = retries ?? {};
  if (!Number.isInteger(attempts) || attempts < 1) {
    return [`A route retries ${attempts} times.`, "Use a whole number from 1, or omit retries."];
  }
  if (on?.length === 0 && (onStatusCodes ?? []).length === 0) {
    return ["The retries of a route have no condition.", "Add a condition, or omit `on`."];
  }
  return undefined;
}

function countOf(conditions: object): number {
  return Object.values(conditions).filter((condition) => condition !== undefined && condition !== false).length;
}
