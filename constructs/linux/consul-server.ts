import type { HostRole } from "./compose-host";
import { consulAgent, type ConsulAgentOptions } from "./consul-agent";

export interface ConsulServerOptions extends ConsulAgentOptions {
  /** How many servers the datacenter has: none elects a leader before all of them have met. */
  readonly bootstrapExpect: number;
  /**
   * Fewest servers that autopilot keeps when it removes dead ones: below, a failure is no longer survived.
   * @default more than half of bootstrapExpect
   * @see https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file/general#autopilot
   */
  readonly minQuorum?: number;
}

/**
 * A Consul server, with the UI. In the secure profile callers need a certificate (HTTPS, port 8501), and the proxies of other
 * datacenters TLS (gRPC, port 8503).
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file
 */
export function consulServer(options: ConsulServerOptions): HostRole {
  return consulAgent(options, {
    server: true,
    bootstrap_expect: options.bootstrapExpect,
    autopilot: { min_quorum: options.minQuorum ?? Math.floor(options.bootstrapExpect / 2) + 1 },
    ui_config: { enabled: true },
    ...(options.profile === "plain"
      ? // Between peered clusters Consul speaks TLS in any case, with a certificate of the mesh's own authority.
        { ports: { grpc: 8502, grpc_tls: 8503 } }
      : { addresses: { https: "0.0.0.0", grpc_tls: "0.0.0.0" } }),
  });
}
