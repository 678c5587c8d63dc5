import type { HostRole } from "./compose-host";
import { nomadAgent, type NomadAgentOptions } from "./nomad-agent";

export interface NomadServerOptions extends NomadAgentOptions {
  /** Number of servers of the region. No leader is elected before all of them have joined. */
  readonly bootstrapExpect: number;
  /**
   * Whether a new cluster fills one node before it uses the next one (`binpack`), or spreads tasks over all nodes. Nomad reads
   * this setting once, when the first leader is elected.
   * @default "binpack"
   * @see https://developer.hashicorp.com/nomad/docs/configuration/server#default_scheduler_config
   */
  readonly schedulerAlgorithm?: "binpack" | "spread";
  /**
   * Whether a task may use more memory than it reserves, up to its `memory_max`. Nomad reads this setting once, when the first
   * leader is elected.
   * @default false
   */
  readonly memoryOversubscription?: boolean;
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
      // On SIGTERM, the server leaves the cluster permanently. Restarts and reboots stop it with SIGINT.
      leave_on_terminate: true,
      server: {
        enabled: true,
        bootstrap_expect: options.bootstrapExpect,
        default_scheduler_config: {
          scheduler_algorithm: options.schedulerAlgorithm ?? "binpack",
          memory_oversubscription_enabled: options.memoryOversubscription ?? false,
        },
        server_join: { retry_join: options.retryJoin, retry_interval: options.retryInterval ?? "30s" },
      },
    },
  });
}
