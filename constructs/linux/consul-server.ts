import type { HostRole } from "./compose-host";
import { consulAgent, secureTls, type ConsulAgentOptions } from "./consul-agent";

export interface ConsulServerOptions extends ConsulAgentOptions {
  /** Number of servers of the datacenter. No leader is elected before all of them have joined. */
  readonly bootstrapExpect: number;
  /**
   * Minimum number of servers that autopilot keeps when it removes dead ones. With fewer servers, the cluster would not survive a
   * failure.
   * @default more than half of bootstrapExpect
   * @see https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file/general#autopilot
   */
  readonly minQuorum?: number;
  /**
   * Whether clients of the HTTPS API and the UI must present a certificate of the agents' CA in addition to a token. Browsers and
   * load balancers have no such certificate. With `false`, the token alone determines the permissions, as with Nomad. Connections
   * between agents require certificates in any case.
   * @default true
   * @see https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file/tls#tls_https_verify_incoming
   */
  readonly verifyHttpsClients?: boolean;
  /**
   * Lifetime of the certificates of services in the mesh, as a Go duration from 1h to 2920h. Envoys get a new certificate before
   * the old one expires. Consul reads this setting once, when the first leader is elected; later, change it with
   * `consul connect ca set-config`.
   *
   * @default Consul's own default, 72h
   * @see https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file/connect#ca_leaf_cert_ttl
   */
  readonly leafCertTtl?: string;
}

/**
 * A Consul server with the UI. In the secure profile, clients of the API need a certificate (HTTPS, port 8501), and proxies of
 * other datacenters need TLS (gRPC, port 8503).
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
      ? // Peered clusters always use TLS, with a certificate of the mesh's own CA.
        { ports: { grpc: 8502, grpc_tls: 8503 } }
      : {
          addresses: { https: "0.0.0.0", grpc_tls: "0.0.0.0" },
          ...(options.verifyHttpsClients === false && {
            tls: { ...secureTls, https: { ...secureTls.https, verify_incoming: false } },
          }),
        }),
  });
}
