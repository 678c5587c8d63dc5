/**
 * The protocol of a service. Envoy parses requests, and L7 rules apply, for all protocols except `TCP`.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/service-defaults#protocol
 */
export enum Protocol {
  TCP = "tcp",
  HTTP = "http",
  HTTP2 = "http2",
  GRPC = "grpc",
}

/**
 * @internal The protocol that config entries state for a service: its own defaults before those of all services.
 *
 * @param defaults the service's `service-defaults`
 * @param shared `proxy-defaults`
 */
export function statedProtocol(
  defaults: { readonly Protocol?: unknown } | undefined,
  shared: { readonly Config?: unknown } | undefined,
): string | undefined {
  const { protocol } = (shared?.Config ?? {}) as { readonly protocol?: unknown };
  return [defaults?.Protocol, protocol].find((it): it is string => typeof it === "string" && it !== "");
}
