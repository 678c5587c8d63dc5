/**
 * What a service speaks. Envoy understands requests, and L7 rules apply, for all but `TCP`.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/service-defaults#protocol
 */
export enum Protocol {
  TCP = "tcp",
  HTTP = "http",
  HTTP2 = "http2",
  GRPC = "grpc",
}
