import * as is from "../core/shape";
import type * as nomad from "./generated/job";

/**
 * DNS settings of an allocation. The driver `raw_exec` ignores them.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/network#dns-parameters
 */
export interface DnsOptions {
  /**
   * IP addresses of name servers, which answer on port 53. They can contain Nomad's variables of the node (`${attr.…}`).
   *
   * @default those of the node
   */
  readonly servers?: readonly string[];
  /** Search domains for short names. @default those of the node */
  readonly searches?: readonly string[];
  /** Options of the resolver, such as `"ndots:2"`. @default those of the node */
  readonly options?: readonly string[];
}

/** @internal */
export const DNS_SHAPE: is.Shape<DnsOptions> = {
  servers: is.list(is.text),
  searches: is.list(is.text),
  options: is.list(is.text),
};

/** @internal */
export function renderDns(dns: DnsOptions | undefined): nomad.DNSConfig | undefined {
  return dns && { Servers: dns.servers, Searches: dns.searches, Options: dns.options };
}

/** @internal Where Consul's DNS server on the node can be reached from allocations, as Nomad finds it. */
export const CONSUL_DNS_ADDRESS = "attr.unique.consul.dns.addr";

/**
 * DNS settings for tasks.
 *
 * @example
 * mesh.addService("shop", { port: 8000, workload, dns: Dns.consul({ searches: ["service.consul"] }) });
 */
export class Dns {
  private constructor() {}

  /**
   * The Consul agent of the node is the only name server, so that names such as `database.service.consul` resolve. Names outside `.consul`
   * resolve through the name servers of the node. The agent must answer on port 53 of the node's address, as with `taskDns` of
   * {@link NomadClients}.
   *
   * Addresses of a service in the mesh are of no use to tasks, because its Envoy accepts only mutual TLS: use `connectTo`.
   *
   * @param options search domains and options of the resolver
   * @see https://developer.hashicorp.com/consul/docs/discover/service/static
   */
  static consul(options: Pick<DnsOptions, "searches" | "options"> = {}): DnsOptions {
    return { ...options, servers: [`\${${CONSUL_DNS_ADDRESS}}`] };
  }
}
