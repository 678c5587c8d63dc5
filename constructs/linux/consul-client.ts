import type { HostRole } from "./compose-host";
import { consulAgent, type ConsulAgentOptions } from "./consul-agent";

export type ConsulClientOptions = ConsulAgentOptions;

/**
 * A Consul client agent. Every Nomad client has one beside it, which serves the proxies of that host.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file
 */
export function consulClient(options: ConsulClientOptions): HostRole {
  return consulAgent(options, { server: false });
}
