import type { HostRole } from "./compose-host";
import { consulAgent, type ConsulAgentOptions } from "./consul-agent";

export interface ConsulServerOptions extends ConsulAgentOptions {
  /** How many servers the datacenter has: none elects a leader before all of them have met. */
  readonly bootstrapExpect: number;
}

/**
 * A Consul server, with the UI.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file
 */
export function consulServer(options: ConsulServerOptions): HostRole {
  return consulAgent(options, {
    server: true,
    bootstrap_expect: options.bootstrapExpect,
    ui_config: { enabled: true },
  });
}
