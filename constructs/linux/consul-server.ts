import type { HostRole } from "./compose-host";
import { consulAgent, consulFolder, secureAcl, secureTls, type ConsulAgentOptions } from "./consul-agent";
import { tlsFiles } from "./profile";

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
  /**
   * Type of the private keys of the mesh's CA. As with `leafCertTtl`, Consul reads it once.
   * @default Consul's own default, "ec" with 256 bits
   * @see https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file/connect#ca_private_key_type
   */
  readonly caPrivateKey?: CaPrivateKey;
  /**
   * Addresses of mesh gateways of the primary datacenter, as `host:port`, through which the servers of a secondary datacenter reach
   * those of the primary before they know its gateways.
   *
   * @default none: required in a secondary datacenter of a WAN federation
   * @see https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file/general#primary_gateways
   */
  readonly primaryGateways?: readonly string[];
}

/** Type and length of a private key of the mesh's CA. */
export interface CaPrivateKey {
  /** Algorithm of the key. */
  readonly type: "ec" | "rsa";
  /** Length in bits: 224, 256, 384 or 521 for `ec`; 2048 or 4096 for `rsa`. */
  readonly bits: number;
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
    primary_gateways: options.primaryGateways,
    retry_interval_wan: options.primaryGateways && options.retryInterval,
    ...connect(options),
    ...(options.profile === "plain"
      ? {
          // Peered clusters always use TLS, with a certificate of the mesh's own CA.
          ports: { grpc: 8502, grpc_tls: 8503 },
          ...(options.primaryDatacenter !== undefined && { tls: federationTls }),
        }
      : {
          addresses: { https: "0.0.0.0", grpc_tls: "0.0.0.0" },
          // Without copies of the primary's tokens, Consul refuses local ones, and with them the identities of workloads.
          ...(isSecondary(options) && { acl: { ...secureAcl, enable_token_replication: true } }),
          ...(options.verifyHttpsClients === false && {
            tls: { ...secureTls, https: { ...secureTls.https, verify_incoming: false } },
          }),
        }),
  });
}

function connect({ leafCertTtl, caPrivateKey, primaryDatacenter }: ConsulServerOptions) {
  const isFederated = primaryDatacenter !== undefined;
  const caConfig = {
    leaf_cert_ttl: leafCertTtl,
    private_key_type: caPrivateKey?.type,
    private_key_bits: caPrivateKey?.bits,
  };
  const hasCaConfig = leafCertTtl !== undefined || caPrivateKey !== undefined;
  if (!isFederated && !hasCaConfig) return {};
  return {
    connect: {
      enabled: true,
      ...(isFederated && { enable_mesh_gateway_wan_federation: true }),
      ...(hasCaConfig && { ca_config: caConfig }),
    },
  };
}

function isSecondary({ datacenter = "dc1", primaryDatacenter = datacenter }: ConsulServerOptions): boolean {
  return primaryDatacenter !== datacenter;
}

/**
 * Mesh gateways forward only TLS between servers, so servers of a federation need certificates in the plain profile too. Clients, which
 * have none, connect to the servers of their own datacenter without.
 */
const federationTls = {
  internal_rpc: { ...tlsFiles(`${consulFolder}/tls`), verify_outgoing: true, verify_server_hostname: true },
};
