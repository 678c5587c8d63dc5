import type { HostRole } from "./compose-host";
import { dnsRole, dnsSettings, type ConsulDnsOptions } from "./consul-dns";
import { json } from "./json";
import { nodeNameSteps } from "./node-name";
import { tlsFiles, type Profile } from "./profile";

/**
 * Options that Consul servers and Consul clients have in common.
 */
export interface ConsulAgentOptions extends ConsulDnsOptions {
  /** Exact version, e.g. `1.21.0`. */
  readonly version: string;
  /** @default "secure" */
  readonly profile?: Profile;
  /**
   * Addresses of the servers, or one cloud auto-join string.
   * @see https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file/join
   */
  readonly retryJoin: readonly string[];
  /** Time between two attempts to join other agents, or the primary datacenter, as a Go duration. @default "30s" */
  readonly retryInterval?: string;
  /** @default "dc1" */
  readonly datacenter?: string;
  /**
   * Primary datacenter of the WAN federation of which `datacenter` is a part. It owns config entries, the mesh CA and ACLs. Servers of
   * the federation reach each other through mesh gateways.
   *
   * @default none: the datacenter is not part of a federation
   * @see https://developer.hashicorp.com/consul/docs/east-west/wan-federation/vms
   */
  readonly primaryDatacenter?: string;
  /**
   * The address that the other agents use, or a go-sockaddr template.
   * @default "{{ GetPrivateIP }}"
   * @see https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file/general#bind_addr
   */
  readonly bindAddress?: string;
  /**
   * Addresses on which the HTTP, gRPC and DNS interfaces listen, in addition to 127.0.0.1. In the plain profile, they can be used
   * without a token. In the secure profile, HTTP is available only with TLS, and no additional addresses are recommended.
   * @default none
   */
  readonly clientAddresses?: readonly string[];
  /**
   * Name of the node in the catalog. It must be unique among all nodes, past and present: Consul rejects a name that another node
   * still holds.
   * @default created by each machine at boot: its host name and a hash of its identity, e.g. `ip-10-0-1-5-3f2a9c81d0b4`
   */
  readonly nodeName?: string;
  /** Metadata of the node in the catalog. @default none */
  readonly nodeMeta?: Readonly<Record<string, string>>;
  /** @default "info" */
  readonly logLevel?: "trace" | "debug" | "info" | "warn" | "error";
  /**
   * Any other settings of the agent, written to a separate file that Consul reads last. They must not contain secrets.
   * @default none
   * @see https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file
   */
  readonly override?: Readonly<Record<string, unknown>>;
}

/** Settings of a role, in the format of Consul's configuration files. */
export interface ConsulSettings {
  /** Addresses of its interfaces. */
  readonly addresses?: Readonly<Record<string, string>>;
  readonly [setting: string]: unknown;
}

/** The directory with the agent's configuration. */
export const consulFolder = "/etc/consul.d";

/**
 * Returns a Consul agent with service mesh enabled.
 *
 * @param settings additional settings of the role
 */
export function consulAgent(options: ConsulAgentOptions, settings: ConsulSettings): HostRole {
  const owner = "consul:consul";
  const { bindAddress = "{{ GetPrivateIP }}" } = options;
  const dns = { settings: dnsSettings(options, bindAddress), role: dnsRole(options) };
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
          primary_datacenter: options.primaryDatacenter,
          node_name: options.nodeName,
          data_dir: "/opt/consul",
          bind_addr: bindAddress,
          client_addr: ["127.0.0.1", ...(options.clientAddresses ?? [])].join(" "),
          retry_join: options.retryJoin,
          retry_interval: options.retryInterval ?? "30s",
          node_meta: options.nodeMeta,
          log_level: options.logLevel ?? "info",
          connect: { enabled: true },
          // With script checks, anyone who can register services through the API could run commands.
          enable_script_checks: false,
          enable_local_script_checks: false,
          telemetry: { prometheus_retention_time: "60s", disable_hostname: true },
          ...profile,
          // The value that Consul recommends for production; the default suits a very small machine.
          performance: { raft_multiplier: 1 },
          disable_update_check: true,
          ...settings,
          ...dns.settings,
          ...(dns.settings && { addresses: { ...settings.addresses, ...dns.settings.addresses } }),
        }),
      },
      ...(options.override
        ? [{ path: `${consulFolder}/override.json`, mode: "0640", owner, content: json(options.override) }]
        : []),
      ...dns.role.files,
    ],
    systemPackages: dns.role.systemPackages,
    steps: [
      ...(options.nodeName === undefined ? nodeNameSteps(`${consulFolder}/node-name.json`, "node_name", "consul") : []),
      ...dns.role.steps,
    ],
    units: [
      {
        name: "consul",
        description: "Consul agent",
        command: ["/usr/local/bin/consul", "agent", `-config-dir=${consulFolder}`],
        user: "consul",
        // The agent notifies systemd when it has joined another agent.
        notify: options.retryJoin.length > 0,
        downAfterLeave: true,
      },
    ],
  };
}

/** Without ACLs, Consul allows all connections that no intention matches, so the default intention policy is set to deny. */
const plain = {
  default_intention_policy: "deny",
  ports: { grpc: 8502, grpc_tls: -1 },
};

/** The certificates that agents present and require. */
export const secureTls = {
  defaults: { ...tlsFiles(`${consulFolder}/tls`), verify_incoming: true, verify_outgoing: true },
  internal_rpc: { verify_server_hostname: true },
  // The authority and, in addition, the certificate that only the Nomad agent of this host has.
  https: { ca_file: `${consulFolder}/tls/callers.pem` },
  // An Envoy has no certificate of the agents' CA. It authenticates with its token.
  grpc: { verify_incoming: false },
};

/** What agents require of the tokens of their callers. */
export const secureAcl = {
  enabled: true,
  default_policy: "deny",
  down_policy: "extend-cache",
  enable_token_persistence: true,
};

/**
 * The gossip key and the agent's token are in a separate file, which the host creates at boot. Plain HTTP is disabled on the
 * loopback interface too: any process of the host could listen on that port in place of the agent, or request the keys of its
 * services from the agent.
 */
const secure = {
  ports: { http: -1, https: 8501, grpc: -1, grpc_tls: 8503 },
  tls: secureTls,
  acl: secureAcl,
};
