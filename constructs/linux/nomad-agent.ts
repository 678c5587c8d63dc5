import type { HostRole } from "./compose-host";
import { json } from "./json";
import { nodeNameSteps } from "./node-name";
import { vaultBlock, type NomadVaultOptions } from "./nomad-vault";
import { tlsFiles, type Profile } from "./profile";

/**
 * Options that Nomad servers and Nomad clients have in common.
 */
export interface NomadAgentOptions {
  /** Exact version, e.g. `1.11.3`. */
  readonly version: string;
  /** @default "secure" */
  readonly profile?: Profile;
  /** Addresses of the servers, or one cloud auto-join string. */
  readonly retryJoin: readonly string[];
  /** Time between two attempts to join, as a Go duration. @default "30s" */
  readonly retryInterval?: string;
  /** @default "dc1" */
  readonly datacenter?: string;
  /** @default "global" */
  readonly region?: string;
  /**
   * The address that other agents use, or a go-sockaddr template. The agent listens on all addresses.
   * @default "{{ GetPrivateIP }}"
   */
  readonly advertiseAddress?: string;
  /**
   * Name of the node. It should be unique among all nodes, past and present.
   * @default created by each machine at boot: its host name and a hash of its identity, e.g. `ip-10-0-1-5-3f2a9c81d0b4`
   */
  readonly nodeName?: string;
  /**
   * Address of the local Consul agent, which uses HTTPS in the secure profile.
   * @default "127.0.0.1:8501"; in the plain profile "127.0.0.1:8500"
   */
  readonly consulAddress?: string;
  /** The Vault that tasks use. Servers and clients need the same options. @default none */
  readonly vault?: NomadVaultOptions;
  /** @default "INFO" */
  readonly logLevel?: "TRACE" | "DEBUG" | "INFO" | "WARN" | "ERROR";
  /**
   * Any other settings of the agent, written to a separate file that Nomad reads last. They must not contain secrets.
   * @default none
   * @see https://developer.hashicorp.com/nomad/docs/configuration
   */
  readonly override?: Readonly<Record<string, unknown>>;
}

/** How a role runs its agent. */
interface NomadUnit {
  /** Nomad clients must run as root; servers need not. */
  readonly user: "root" | "nomad";
  readonly settings: Readonly<Record<string, unknown>>;
}

/** The directory with the agent's configuration. */
export const nomadFolder = "/etc/nomad.d";
/** Where the agent keeps its data, allocations among it. */
export const nomadData = "/opt/nomad/data";

/**
 * A Nomad agent. In the secure profile, agents use mutual TLS, the API requires a token, and workloads have their own identities
 * for Consul.
 */
export function nomadAgent(options: NomadAgentOptions, { user, settings }: NomadUnit): HostRole {
  const address = options.advertiseAddress ?? "{{ GetPrivateIP }}";
  const isPlain = options.profile === "plain";
  const consulAddress = options.consulAddress ?? (isPlain ? "127.0.0.1:8500" : "127.0.0.1:8501");
  const owner = `${user}:${user}`;
  return {
    packages: [{ name: "nomad", version: options.version, installTo: "/usr/local/bin" }],
    users: user === "root" ? [] : [{ name: user, home: nomadFolder }],
    directories: [
      { path: nomadFolder, mode: "0750", owner },
      { path: "/opt/nomad", mode: "0755", owner },
      { path: nomadData, mode: "0700", owner },
    ],
    files: [
      {
        path: `${nomadFolder}/nomad.json`,
        mode: "0640",
        owner,
        content: json({
          name: options.nodeName,
          datacenter: options.datacenter ?? "dc1",
          region: options.region ?? "global",
          data_dir: nomadData,
          bind_addr: "0.0.0.0",
          advertise: { http: address, rpc: address, serf: address },
          log_level: options.logLevel ?? "INFO",
          disable_update_check: true,
          telemetry: {
            prometheus_metrics: true,
            disable_hostname: true,
            publish_allocation_metrics: true,
            publish_node_metrics: true,
          },
          consul: { address: consulAddress, ...(isPlain ? {} : secureConsul) },
          vault: options.vault && vaultBlock(options.vault),
          ...(isPlain ? {} : secure),
          ...settings,
        }),
      },
      ...(options.override
        ? [{ path: `${nomadFolder}/override.json`, mode: "0640", owner, content: json(options.override) }]
        : []),
    ],
    steps: options.nodeName === undefined ? nodeNameSteps(`${nomadFolder}/node-name.json`, "name", user) : [],
    units: [
      {
        name: "nomad",
        description: "Nomad agent",
        command: ["/usr/local/bin/nomad", "agent", `-config=${nomadFolder}`],
        user,
        after: ["consul"],
        waitForPorts: user === "root" ? [Number(consulAddress.split(":").at(-1))] : undefined,
        // SIGINT stops the agent without leaving: on SIGTERM, a server leaves its cluster.
        killSignal: "SIGINT",
        killMode: "process",
        downAfterLeave: true,
      },
    ],
  };
}

/** The gossip key and the token for Consul are in a separate file, which the host creates at boot. */
const secure = {
  acl: { enabled: true },
  tls: {
    http: true,
    rpc: true,
    ...tlsFiles(`${nomadFolder}/tls`),
    verify_server_hostname: true,
    // The API requires a token but no client certificate, because Consul reads the keys of workload identities from it.
    verify_https_client: false,
  },
};

/** Nomad detects that Consul's gRPC port uses TLS only if it connects to Consul's API with HTTPS. */
const secureConsul = {
  ssl: true,
  ca_file: `${nomadFolder}/tls/consul-ca.pem`,
  cert_file: `${nomadFolder}/tls/consul.pem`,
  key_file: `${nomadFolder}/tls/consul-key.pem`,
  grpc_address: "127.0.0.1:8503",
  grpc_ca_file: `${nomadFolder}/tls/consul-ca.pem`,
  // The identities with which services and tasks of jobs get their own Consul tokens.
  service_identity: { aud: ["consul.io"], ttl: "1h" },
  task_identity: { aud: ["consul.io"], ttl: "1h" },
};
