import type { HostRole } from "./compose-host";
import { json } from "./json";

/**
 * What a Nomad server and a Nomad client have in common.
 */
export interface NomadAgentOptions {
  /** Exact version, e.g. `1.11.3`. */
  readonly version: string;
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
  /** The local Consul agent. @default "127.0.0.1:8500" */
  readonly consulAddress?: string;
  /** @default "INFO" */
  readonly logLevel?: "TRACE" | "DEBUG" | "INFO" | "WARN" | "ERROR";
}

/** How a role runs its agent. */
interface NomadUnit {
  /** Nomad's clients must be root; its servers need not be. */
  readonly user: "root" | "nomad";
  readonly settings: Readonly<Record<string, unknown>>;
}

/**
 * A Nomad agent in the plain profile: no ACL and no TLS.
 */
export function nomadAgent(options: NomadAgentOptions, { user, settings }: NomadUnit): HostRole {
  const address = options.advertiseAddress ?? "{{ GetPrivateIP }}";
  const consulAddress = options.consulAddress ?? "127.0.0.1:8500";
  const owner = `${user}:${user}`;
  return {
    packages: [{ name: "nomad", version: options.version, installTo: "/usr/local/bin" }],
    users: user === "root" ? [] : [{ name: user, home: "/etc/nomad.d" }],
    directories: [
      { path: "/etc/nomad.d", mode: "0750", owner },
      { path: "/opt/nomad", mode: "0755", owner },
      { path: "/opt/nomad/data", mode: "0700", owner },
    ],
    files: [
      {
        path: "/etc/nomad.d/nomad.json",
        mode: "0640",
        owner,
        content: json({
          datacenter: options.datacenter ?? "dc1",
          region: options.region ?? "global",
          data_dir: "/opt/nomad/data",
          bind_addr: "0.0.0.0",
          advertise: { http: address, rpc: address, serf: address },
          log_level: options.logLevel ?? "INFO",
          consul: { address: consulAddress },
          disable_update_check: true,
          ...settings,
        }),
      },
    ],
    units: [
      {
        name: "nomad",
        description: "Nomad agent",
        command: ["/usr/local/bin/nomad", "agent", "-config=/etc/nomad.d"],
        user,
        after: ["consul"],
        waitForPorts: user === "root" ? [Number(consulAddress.split(":").at(-1))] : undefined,
        killSignal: "SIGINT",
        killMode: "process",
      },
    ],
  };
}
