import type { HeaderChanges } from "./header-changes";

/**
 * How a gateway handles headers in which a request describes where it comes from and how.
 *
 * - `"replace"`: for clients that connect to the gateway directly. The gateway sets `X-Forwarded-For` to the address that it
 *   sees, and `X-Forwarded-Proto` to the protocol of its listener. It removes all other headers of this kind that a client has
 *   sent.
 * - `"append"`: for a gateway behind proxies that you run or trust, and that replace these headers at their own edge. The gateway
 *   keeps the headers, and appends the address that it sees to `X-Forwarded-For`: with n proxies before the gateway, the client
 *   is the n-th address before the last one. Envoy's own headers (`x-envoy-…`) are removed.
 * - `"keep"`: the gateway does not change headers of this kind, including Envoy's own.
 *
 * In all cases, gateways remove `x-forwarded-client-cert` and keep the headers of tracing (`traceparent`, `x-request-id`).
 */
export type ForwardedHeaders = "replace" | "append" | "keep";

/** Headers in which Envoy describes a request to services and other Envoys, or that control how it handles a request. */
const OF_ENVOY = [
  "attempt-count",
  "decorator-operation",
  "downstream-service-cluster",
  "downstream-service-node",
  "expected-rq-timeout-ms",
  "external-address",
  "force-trace",
  "hedge-on-per-try-timeout",
  "internal",
  "ip-tags",
  "is-timeout-retry",
  "max-retries",
  "original-dst-host",
  "original-host",
  "original-method",
  "original-path",
  "original-url",
  "peer-metadata",
  "peer-metadata-id",
  "retriable-header-names",
  "retriable-status-codes",
  "retry-grpc-on",
  "retry-on",
  "upstream-alt-stat-name",
  "upstream-rq-per-try-timeout-ms",
  "upstream-rq-timeout-alt-response",
  "upstream-rq-timeout-ms",
  "upstream-stream-duration-ms",
].map((name) => `x-envoy-${name}`);

/** Headers in which proxies describe the request of a client, and which frameworks trust. */
const OF_PROXIES = [
  "forwarded",
  "x-forwarded-by",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-prefix",
  "x-forwarded-protocol",
  "x-forwarded-scheme",
  "x-forwarded-server",
  "x-forwarded-ssl",
  "x-original-forwarded-for",
  "x-original-host",
  "x-original-url",
  "x-rewrite-url",
  "x-url-scheme",
  "front-end-https",
  "x-real-ip",
  "x-client-ip",
  "x-cluster-client-ip",
  "true-client-ip",
  "cf-connecting-ip",
  "fastly-client-ip",
];

/**
 * The address of the connection's peer. Envoy's plain remote address is not sufficient, because Consul configures Envoy to trust
 * the `X-Forwarded-For` of clients.
 */
const PEER = "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%";

/** @param isEncrypted whether the listener has TLS */
export function changesFor(forwardedHeaders: ForwardedHeaders, isEncrypted: boolean): HeaderChanges {
  switch (forwardedHeaders) {
    case "replace":
      return {
        set: { "X-Forwarded-For": PEER, "X-Forwarded-Proto": isEncrypted ? "https" : "http" },
        remove: [...OF_PROXIES, ...OF_ENVOY],
      };
    case "append":
      return { add: { "X-Forwarded-For": PEER }, remove: OF_ENVOY };
    case "keep":
      return {};
  }
}
