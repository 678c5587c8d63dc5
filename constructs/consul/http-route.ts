import { optionalNanoseconds } from "../core/duration";
import type * as consul from "./generated/config-entries";
import type { HeaderChanges } from "./header-changes";
import * as is from "../core/shape";
import { HEADER_MATCH_SHAPE, type HeaderMatch } from "./http-permission";
import { tenancyFields, type Tenancy } from "./tenancy";
import { ROUTE_MATCH_SHAPE, type QueryMatch, type RouteChanges, type RouteMatch } from "./service-router";

/**
 * The requests to which a route of an API gateway applies. All conditions that are set must be met. Each header can have only one
 * condition. Of several routes for the same host, the one with the longest path applies first, then the one with the most
 * headers.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/http-route#rules-matches
 */
export type HttpRouteMatch = Omit<RouteMatch, "caseInsensitive" | "headers"> & {
  /** @default any headers */
  readonly headers?: readonly Omit<HeaderMatch, "invert">[];
};

/** @internal */
export const HTTP_ROUTE_MATCH_SHAPE: is.Shape<HttpRouteMatch> = {
  ...is.without(ROUTE_MATCH_SHAPE, "caseInsensitive"),
  headers: is.list(is.block(is.without(HEADER_MATCH_SHAPE, "invert"))),
};

/** A service to which a route sends requests, by name. */
export interface HttpRouteTarget {
  readonly name: string;
  readonly weight: number;
  /** Partition and namespace of the service. @default those of the route */
  readonly tenancy?: Tenancy;
}

/** Renders the rule of a route. */
export function renderHttpRouteRule(
  targets: readonly HttpRouteTarget[],
  matches: readonly HttpRouteMatch[],
  changes: RouteChanges,
): consul.HTTPRouteRule {
  return {
    Matches: matches.length > 0 ? matches.flatMap(renderMatch) : undefined,
    Filters: renderFilters(changes),
    ResponseFilters: changes.responseHeaders && { Headers: [renderHeaders(changes.responseHeaders)] },
    // Consul always returns a weight. Without it, every plan would show a difference.
    Services: targets.map(({ name, weight, tenancy }) => ({ Name: name, Weight: weight, ...tenancyFields(tenancy) })),
  };
}

/** Consul supports only one method in each match. */
function renderMatch(match: HttpRouteMatch): consul.HTTPMatch[] {
  const rendered = {
    Path: renderPath(match),
    Headers: match.headers?.map(renderHeader),
    Query: match.query?.map(renderQuery),
  };
  return match.methods === undefined
    ? [rendered]
    : match.methods.map((method) => ({ ...rendered, Method: method.toUpperCase() }));
}

function renderPath({ pathExact, pathRegex, pathPrefix = "/" }: HttpRouteMatch): consul.HTTPPathMatch {
  if (pathExact !== undefined) {
    return { Match: "exact", Value: pathExact };
  }
  return pathRegex === undefined ? { Match: "prefix", Value: pathPrefix } : { Match: "regex", Value: pathRegex };
}

function renderHeader({ name, exact, prefix, suffix, regex }: HeaderMatch): consul.HTTPHeaderMatch {
  const [[Match, Value] = ["present", undefined]] = Object.entries({ exact, prefix, suffix, regex }).filter(
    ([, value]) => value !== undefined,
  );
  return { Name: name, Match, Value };
}

function renderQuery({ name, exact, regex }: QueryMatch): consul.HTTPQueryMatch {
  const [[Match, Value] = ["present", undefined]] = Object.entries({ exact, regex }).filter(
    ([, value]) => value !== undefined,
  );
  return { Name: name, Match, Value };
}

function renderFilters(changes: RouteChanges): consul.HTTPFilters | undefined {
  const { prefixRewrite, requestHeaders, retries, requestTimeout, idleTimeout } = changes;
  const hasTimeout = requestTimeout !== undefined || idleTimeout !== undefined;
  const filters: consul.HTTPFilters = {
    Headers: requestHeaders && [renderHeaders(requestHeaders)],
    URLRewrite: prefixRewrite === undefined ? undefined : { Path: prefixRewrite },
    RetryFilter: retries && {
      NumRetries: retries.attempts ?? 1,
      RetryOn: retries.on ?? (retries.onStatusCodes ? undefined : ["connect-failure", "refused-stream"]),
      RetryOnStatusCodes: retries.onStatusCodes,
    },
    // Unlike for other fields, Consul returns nanoseconds.
    TimeoutFilter: hasTimeout
      ? { RequestTimeout: optionalNanoseconds(requestTimeout), IdleTimeout: optionalNanoseconds(idleTimeout) }
      : undefined,
  };
  return Object.values(filters).some((filter) => filter !== undefined) ? filters : undefined;
}

function renderHeaders({ add, set, remove }: HeaderChanges): consul.HTTPHeaderFilter {
  return { Add: add, Set: set, Remove: remove };
}
