import type { HeaderChanges } from "./header-changes";

/**
 * What a gateway does about headers by which a request says of itself where it comes from and how.
 *
 * - `"replace"`: for clients that reach the gateway directly. The service gets in `X-Forwarded-For` the address that the gateway sees,
 *   in `X-Forwarded-Proto` how its listener was spoken to, and no other header of that kind, whatever a client has sent.
 * - `"append"`: behind proxies that you run or trust, which do the same at their own edge. What they have sent is kept, and the address
 *   that the gateway sees is appended to `X-Forwarded-For`: with n proxies before the gateway, the client is the n-th address before the
 *   last one. Envoy's own headers (`x-envoy-…`) are removed.
 * - `"keep"`: all headers of that kind pass as they are, Envoy's own included.
 *
 * In any case `x-forwarded-client-cert` never passes a gateway, and headers of tracing (`traceparent`, `x-request-id`) do.
 */
export type ForwardedHeaders = "replace" | "append" | "keep";

/** By these Envoy tells services, and other Envoys, about a request, or is told what to do with it. */
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

/** By these proxies tell what a client has asked of them, and frameworks believe it. */
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
 * The peer of the connection. Envoy's plain remote address would not do: Consul has Envoy believe what a client says in
 * `X-Forwarded-For`.
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
