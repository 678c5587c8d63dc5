import type { HostRole } from "./compose-host";
import { nomadAgent, type NomadAgentOptions } from "./nomad-agent";

export interface NomadServerOptions extends NomadAgentOptions {
  /** How many servers the region has: none elects a leader before all of them have met. */
  readonly bootstrapExpect: number;
}

/**
 * A Nomad server.
 *
 * @see https://developer.hashicorp.com/nomad/docs/configuration/server
 */
export function nomadServer(options: NomadServerOptions): HostRole {
  return nomadAgent(options, {
    user: "nomad",
    settings: {
      server: {
        enabled: true,
        bootstrap_expect: options.bootstrapExpect,
        server_join: { retry_join: options.retryJoin, retry_interval: options.retryInterval ?? "30s" },
      },
    },
  });
}
