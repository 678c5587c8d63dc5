import type { HostRole } from "./compose-host";
import { consulAgent, secureTls, type ConsulAgentOptions } from "./consul-agent";

export interface ConsulServerOptions extends ConsulAgentOptions {
  /** How many servers the datacenter has: none elects a leader before all of them have met. */
  readonly bootstrapExpect: number;
  /**
   * Fewest servers that autopilot keeps when it removes dead ones: below, a failure is no longer survived.
   * @default more than half of bootstrapExpect
   * @see https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file/general#autopilot
   */
  readonly minQuorum?: number;
  /**
   * Whether callers of HTTPS (the API and the UI) show a certificate of the agents' authority, in addition to a token. Browsers and load
   * balancers have none: with `false` a token alone says what a caller may do, as with Nomad. Agents show theirs to each other in any case.
   * @default true
   * @see https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file/tls#tls_https_verify_incoming
   */
  readonly verifyHttpsClients?: boolean;
  /**
   * How long the certificate of a service in the mesh lasts, as a Go duration from 1h to 2920h; Envoys get the next one before it ends. Read once,
   * when the first leader is elected: later, `consul connect ca set-config` changes it.
   *
   * @default Consul's own, 72h
   * @see https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file/connect#ca_leaf_cert_ttl
   */
  readonly leafCertTtl?: string;
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
    ...(options.leafCertTtl === undefined
      ? {}
      : { connect: { enabled: true, ca_config: { leaf_cert_ttl: options.leafCertTtl } } }),
    ...(options.profile === "plain"
      ? // Between peered clusters Consul speaks TLS in any case, with a certificate of the mesh's own authority.
        { ports: { grpc: 8502, grpc_tls: 8503 } }
      : {
          addresses: { https: "0.0.0.0", grpc_tls: "0.0.0.0" },
          ...(options.verifyHttpsClients === false && { tls: { ...secureTls, https: { verify_incoming: false } } }),
        }),
  });
}
