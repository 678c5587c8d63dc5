import type { HostRole } from "./compose-host";
import { json } from "./json";
import { nodeNameSteps } from "./node-name";
import { tlsFiles, type Profile } from "./profile";

/**
 * What a Nomad server and a Nomad client have in common.
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
   * The address that other agents are told, or a go-sockaddr template. The agent listens on all addresses.
   * @default "{{ GetPrivateIP }}"
   */
  readonly advertiseAddress?: string;
  /**
   * Name of the node. No other node should ever have had it.
   * @default made by each machine at boot: its host name and a hash of its identity, e.g. `ip-10-0-1-5-3f2a9c81d0b4`
   */
  readonly nodeName?: string;
  /** The local Consul agent: HTTPS in the secure profile. @default "127.0.0.1:8501", plain "127.0.0.1:8500" */
  readonly consulAddress?: string;
  /** @default "INFO" */
  readonly logLevel?: "TRACE" | "DEBUG" | "INFO" | "WARN" | "ERROR";
  /**
   * Any other setting of the agent: a file of its own, which Nomad reads last. Never a secret.
   * @default none
   * @see https://developer.hashicorp.com/nomad/docs/configuration
   */
  readonly override?: Readonly<Record<string, unknown>>;
}

/** How a role runs its agent. */
interface NomadUnit {
  /** Nomad's clients must be root; its servers need not be. */
  readonly user: "root" | "nomad";
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Where the agent finds what the other parts of this folder tell it. */
export const nomadFolder = "/etc/nomad.d";

/**
 * A Nomad agent. In the secure profile agents prove to each other what they are, callers of the API show a token, and
 * workloads have identities of their own for Consul.
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
      { path: "/opt/nomad/data", mode: "0700", owner },
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
          data_dir: "/opt/nomad/data",
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
        // Without leaving: on SIGTERM a server leaves its cluster.
        killSignal: "SIGINT",
        killMode: "process",
        downAfterLeave: true,
      },
    ],
  };
}

/** The gossip key and the token for Consul are in a file of their own, which the host fetches at boot. */
const secure = {
  acl: { enabled: true },
  tls: {
    http: true,
    rpc: true,
    ...tlsFiles(`${nomadFolder}/tls`),
    verify_server_hostname: true,
    // The API asks for a token, not for a certificate: Consul reads the keys of workload identities from it.
    verify_https_client: false,
  },
};

/** Only over HTTPS does Nomad see that Consul's gRPC port speaks TLS. */
const secureConsul = {
  ssl: true,
  ca_file: `${nomadFolder}/tls/consul-ca.pem`,
  cert_file: `${nomadFolder}/tls/consul.pem`,
  key_file: `${nomadFolder}/tls/consul-key.pem`,
  grpc_address: "127.0.0.1:8503",
  grpc_ca_file: `${nomadFolder}/tls/consul-ca.pem`,
  // What the jobs' services and tasks show to Consul for tokens of their own.
  service_identity: { aud: ["consul.io"], ttl: "1h" },
  task_identity: { aud: ["consul.io"], ttl: "1h" },
};
