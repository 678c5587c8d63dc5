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
