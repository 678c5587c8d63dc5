import type * as consul from "../constructs/consul/generated/config-entries";
import { tokenPhrase } from "../constructs/consul/jwt-requirement";

type HeaderCondition = Pick<consul.IntentionHTTPHeaderPermission, "Name" | "Invert">;

/** `GET /v1/* with header x-team`: which requests, in a few words. Header values are left out: some are secrets. */
export function requestPhrase(request: {
  readonly exact?: string;
  readonly prefix?: string;
  readonly regex?: string;
  readonly methods?: readonly string[] | null;
  readonly headers?: readonly HeaderCondition[] | null;
  readonly parameters?: readonly string[];
}): string {
  const { exact, prefix, regex, methods, headers, parameters = [] } = request;
  const path = exact || (prefix && `${prefix}*`) || (regex && `~${regex}`);
  const conditions = [
    ...(headers ?? []).map(({ Name = "?", Invert }) => `${Invert ? "without" : "with"} header ${Name}`),
    ...parameters.map((name) => `with parameter ${name}`),
  ];
  return [methods?.join(", "), path, ...conditions].filter(Boolean).join(" ") || "any request";
}

export function permissionPhrase({ Action, HTTP, JWT }: consul.IntentionPermission): string {
  const request = requestPhrase({
    exact: HTTP?.PathExact,
    prefix: HTTP?.PathPrefix,
    regex: HTTP?.PathRegex,
    methods: HTTP?.Methods,
    headers: HTTP?.Header,
  });
  return `${Action ?? "?"} ${request}${JWT ? ` with ${tokenPhrase(JWT)}` : ""}`;
}

export function routePhrase({ HTTP }: consul.ServiceRouteMatch): string {
  return requestPhrase({
    exact: HTTP?.PathExact,
    prefix: HTTP?.PathPrefix,
    regex: HTTP?.PathRegex,
    methods: HTTP?.Methods,
    headers: HTTP?.Header,
    parameters: (HTTP?.QueryParam ?? []).map(({ Name = "?" }) => Name),
  });
}

export function gatewayRoutePhrase({ Method, Path, Headers, Query }: consul.HTTPMatch): string {
  const path = Path?.Value;
  return requestPhrase({
    exact: Path?.Match === "exact" ? path : undefined,
    prefix: Path?.Match === "prefix" ? path : undefined,
    regex: Path?.Match === "regex" ? path : undefined,
    methods: Method ? [Method] : undefined,
    headers: Headers,
    parameters: (Query ?? []).map(({ Name = "?" }) => Name),
  });
}
