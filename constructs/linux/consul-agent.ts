import type { HostRole } from "./compose-host";
import { json } from "./json";
import { nodeNameSteps } from "./node-name";
import { tlsFiles, type Profile } from "./profile";

/**
 * What a Consul server and a Consul client have in common.
 */
export interface ConsulAgentOptions {
  /** Exact version, e.g. `1.21.0`. */
  readonly version: string;
  /** @default "secure" */
  readonly profile?: Profile;
  /**
   * Addresses of the servers, or one cloud auto-join string.
   * @see https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file/join
   */
  readonly retryJoin: readonly string[];
  /** Time between two attempts to join, as a Go duration. @default "30s" */
  readonly retryInterval?: string;
  /** @default "dc1" */
  readonly datacenter?: string;
  /**
   * The address that the other agents use, or a go-sockaddr template.
   * @default "{{ GetPrivateIP }}"
   * @see https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file/general#bind_addr
   */
  readonly bindAddress?: string;
  /**
   * Addresses where the HTTP, gRPC and DNS interfaces listen, besides 127.0.0.1. In the plain profile each is reachable
   * without a token; in the secure one it is best to have none, and HTTP is only by TLS.
   * @default none
   */
  readonly clientAddresses?: readonly string[];
  /**
   * Name of the node in the catalog. No other node may ever have had it: Consul refuses a name that another one still holds.
   * @default made by each machine at boot: its host name and a hash of its identity, e.g. `ip-10-0-1-5-3f2a9c81d0b4`
   */
  readonly nodeName?: string;
  /** Metadata of the node in the catalog. @default none */
  readonly nodeMeta?: Readonly<Record<string, string>>;
  /** @default "info" */
  readonly logLevel?: "trace" | "debug" | "info" | "warn" | "error";
  /**
   * Any other setting of the agent: a file of its own, which Consul reads last. Never a secret.
   * @default none
   * @see https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file
   */
  readonly override?: Readonly<Record<string, unknown>>;
}

/** Where the agents find what the other parts of this folder tell them. */
export const consulFolder = "/etc/consul.d";

/**
 * A Consul agent with service mesh on.
 *
 * @param settings what a role adds
 */
export function consulAgent(options: ConsulAgentOptions, settings: Readonly<Record<string, unknown>>): HostRole {
  const owner = "consul:consul";
  const profile = options.profile === "plain" ? plain : secure;
  return {
    packages: [{ name: "consul", version: options.version, installTo: "/usr/local/bin" }],
    users: [{ name: "consul", home: consulFolder }],
    directories: [
      { path: consulFolder, mode: "0750", owner },
      { path: "/opt/consul", mode: "0750", owner },
    ],
    files: [
      {
        path: `${consulFolder}/consul.json`,
        mode: "0640",
        owner,
        content: json({
          datacenter: options.datacenter ?? "dc1",
          node_name: options.nodeName,
          data_dir: "/opt/consul",
          bind_addr: options.bindAddress ?? "{{ GetPrivateIP }}",
          client_addr: ["127.0.0.1", ...(options.clientAddresses ?? [])].join(" "),
          retry_join: options.retryJoin,
          retry_interval: options.retryInterval ?? "30s",
          node_meta: options.nodeMeta,
          log_level: options.logLevel ?? "info",
          connect: { enabled: true },
          // Scripts as health checks are commands by way of the API.
          enable_script_checks: false,
          enable_local_script_checks: false,
          telemetry: { prometheus_retention_time: "60s", disable_hostname: true },
          ...profile,
          // The value that Consul recommends for production; the default suits a very small machine.
          performance: { raft_multiplier: 1 },
          disable_update_check: true,
          ...settings,
        }),
      },
      ...(options.override
        ? [{ path: `${consulFolder}/override.json`, mode: "0640", owner, content: json(options.override) }]
        : []),
    ],
    steps: options.nodeName === undefined ? nodeNameSteps(`${consulFolder}/node-name.json`, "node_name", "consul") : [],
    units: [
      {
        name: "consul",
        description: "Consul agent",
        command: ["/usr/local/bin/consul", "agent", `-config-dir=${consulFolder}`],
        user: "consul",
        // It tells once it has met another agent.
        notify: options.retryJoin.length > 0,
        downAfterLeave: true,
      },
    ],
  };
}

/** Without ACL Consul allows what no intention mentions, so the default policy for intentions is set to deny. */
const plain = {
  default_intention_policy: "deny",
  ports: { grpc: 8502, grpc_tls: -1 },
};

/** Which certificates the agents show and ask for. */
export const secureTls = {
  defaults: { ...tlsFiles(`${consulFolder}/tls`), verify_incoming: true, verify_outgoing: true },
  internal_rpc: { verify_server_hostname: true },
  // An Envoy has no certificate of the agents' authority: it shows its token instead.
  grpc: { verify_incoming: false },
};

/**
 * The gossip key and the agent's token are in a file of their own, which the host fetches at boot. Plain HTTP is closed, also on
 * the loopback: any process of the host may listen there in the agent's place, and any may ask the agent for the keys of its
 * services.
 */
const secure = {
  ports: { http: -1, https: 8501, grpc: -1, grpc_tls: 8503 },
  tls: secureTls,
  acl: { enabled: true, default_policy: "deny", down_policy: "extend-cache", enable_token_persistence: true },
};
