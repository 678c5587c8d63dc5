import type { HostRole } from "./compose-host";
import { json } from "./json";

/**
 * What a Consul server and a Consul client have in common.
 */
export interface ConsulAgentOptions {
  /** Exact version, e.g. `1.21.0`. */
  readonly version: string;
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
   * Addresses where the HTTP, gRPC and DNS interfaces listen, besides 127.0.0.1. Each is reachable without a token in this
   * profile.
   * @default none
   */
  readonly clientAddresses?: readonly string[];
  /** Metadata of the node in the catalog. @default none */
  readonly nodeMeta?: Readonly<Record<string, string>>;
  /** @default "info" */
  readonly logLevel?: "trace" | "debug" | "info" | "warn" | "error";
}

/**
 * A Consul agent in the plain profile: no ACL, no TLS between agents, plaintext gRPC for the proxies on port 8502.
 * Without ACL Consul allows what no intention mentions, so the default policy for intentions is set to deny.
 */
export function consulAgent(options: ConsulAgentOptions, settings: Readonly<Record<string, unknown>>): HostRole {
  const owner = "consul:consul";
  return {
    packages: [{ name: "consul", version: options.version, installTo: "/usr/local/bin" }],
    users: [{ name: "consul", home: "/etc/consul.d" }],
    directories: [
      { path: "/etc/consul.d", mode: "0750", owner },
      { path: "/opt/consul", mode: "0750", owner },
    ],
    files: [
      {
        path: "/etc/consul.d/consul.json",
        mode: "0640",
        owner,
        content: json({
          datacenter: options.datacenter ?? "dc1",
          data_dir: "/opt/consul",
          bind_addr: options.bindAddress ?? "{{ GetPrivateIP }}",
          client_addr: ["127.0.0.1", ...(options.clientAddresses ?? [])].join(" "),
          retry_join: options.retryJoin,
          retry_interval: options.retryInterval ?? "30s",
          node_meta: options.nodeMeta,
          log_level: options.logLevel ?? "info",
          connect: { enabled: true },
          default_intention_policy: "deny",
          ports: { grpc: 8502, grpc_tls: -1 },
          // The value that Consul recommends for production; the default suits a very small machine.
          performance: { raft_multiplier: 1 },
          disable_update_check: true,
          ...settings,
        }),
      },
    ],
    units: [
      {
        name: "consul",
        description: "Consul agent",
        command: ["/usr/local/bin/consul", "agent", "-config-dir=/etc/consul.d"],
        user: "consul",
      },
    ],
  };
}
