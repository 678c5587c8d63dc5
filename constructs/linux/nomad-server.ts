import type { HostRole } from "./compose-host";
import { nomadAgent, type NomadAgentOptions } from "./nomad-agent";

export interface NomadServerOptions extends NomadAgentOptions {
  /** How many servers the region has: none elects a leader before all of them have met. */
  readonly bootstrapExpect: number;
  /**
   * Whether a new cluster fills one node before the next or spreads tasks over all. Read once, when the first leader is
   * elected.
   * @default "binpack"
   * @see https://developer.hashicorp.com/nomad/docs/configuration/server#default_scheduler_config
   */
  readonly schedulerAlgorithm?: "binpack" | "spread";
  /**
   * Whether a task may use more memory than it reserves, up to its `memory_max`. Read once, like the algorithm.
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
      // It leaves for good when it is told to by SIGTERM; a restart or reboot tells it to end by SIGINT.
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
