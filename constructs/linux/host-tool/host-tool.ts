import { WELL_KNOWN_TOKENS } from "../../consul/well-known-tokens";
import type { HostRole } from "../compose-host";
import { json } from "../json";
import type { CloudPlatform } from "../platform";
import { hostToolArchive } from "./archive";
import type { SecretStore } from "./secret-store";
import { DEFAULT_SNAPSHOT_STORE, type SnapshotOptions } from "./snapshot-store";

/** Where the host tool is on a host: it is an executable program. */
export const HOST_TOOL = "/usr/local/lib/meshform/meshform-host";

/** Which agents a host runs. A host may have one role of each engine, e.g. a Nomad server beside a Consul client. */
export type HostToolRole = "consul-server" | "consul-client" | "nomad-server" | "nomad-client";

/** What new servers do where nobody is left who has the state of their cluster. */
export type Recovery = "restore" | "wait";

export interface HostToolConfig {
  /** Where the cluster keeps its secrets, the same for all its hosts. */
  readonly store: SecretStore;
  /** The cloud that the host runs in. @default its stores are directories */
  readonly platform?: CloudPlatform;
  readonly roles: readonly HostToolRole[];
  /** @default "dc1" */
  readonly consulDatacenter?: string;
  /** @default "global" */
  readonly nomadRegion?: string;
  /** Name of the host in the certificate of its Consul server. @default its host name */
  readonly node?: string;
  /**
   * The IP address in the certificates of its servers, besides 127.0.0.1.
   * @default the private IPv4 addresses of the interfaces with a default route, asked at boot
   */
  readonly address?: string;
  /** The Consul agent of this host: HTTPS, since it is sent a management token. @default "https://127.0.0.1:8501" */
  readonly consulApi?: `https://${string}`;
  /** The Nomad agent of this host, likewise. @default "https://127.0.0.1:4646" */
  readonly nomadApi?: `https://${string}`;
  /** @default no snapshots */
  readonly snapshots?: SnapshotOptions;
  /**
   * What new servers do where nobody is left who has the state of the cluster: they restore the newest good snapshot, or wait for a person.
   * @default "restore"
   */
  readonly recovery?: Recovery;
  readonly certificates?: CertificateOptions;
  /** More names in the certificates of the servers: DNS names and IPv4 addresses. @default none */
  readonly certificateNames?: readonly string[];
  /**
   * Seconds that what runs on a Nomad client has to be started elsewhere before the host is switched off; then Nomad stops the rest.
   * @default 300
   */
  readonly drainSeconds?: number;
}

export interface CertificateOptions {
  /** How long the cluster's CAs last, in days. They are made once, by the first server. @default 3650 */
  readonly caDays?: number;
  /** How long a certificate of an agent or a person lasts, in days. @default 365 */
  readonly days?: number;
  /** With how many days left a certificate is renewed. @default 30 */
  readonly renewalDays?: number;
}

/**
 * The host tool and its configuration: the program that fetches a host's secrets at boot (`meshform-host secrets`), sets up
 * the ACL systems (`acl`), saves and restores state (`snapshot`, `restore`), rotates keys (`rotate`) and restarts agents one host
 * at a time (`restart`). When each command runs is up to the role that uses it. Run the program with `--help` for its manual.
 *
 * @example
 * composeHost(
 *   "server-1",
 *   hostTool({ store: { type: "directory", path: "/var/lib/meshform/secret-store" }, roles: ["consul-server", "nomad-server"] }),
 * )
 */
export function hostTool(config: HostToolConfig): HostRole {
  const { consulDatacenter = "dc1", nomadRegion = "global", snapshots, platform, ...rest } = config;
  const kinds = [
    platform?.secretStores[config.store.type],
    platform?.snapshotStores[(snapshots?.store ?? DEFAULT_SNAPSHOT_STORE).type],
  ];
  const saved = snapshots && { store: snapshots.store ?? DEFAULT_SNAPSHOT_STORE, retain: snapshots.retain ?? 48 };
  return {
    // Python itself is on every image that has cloud-init.
    systemPackages: [...new Set(kinds.flatMap((kind) => kind?.needs ?? []))],
    directories: [{ path: "/etc/meshform" }],
    files: [
      { path: HOST_TOOL, mode: "0755", content: hostToolArchive().toString("base64"), encoding: "base64" },
      {
        path: "/etc/meshform/host.json",
        content: json({ ...rest, snapshots: saved, consulDatacenter, nomadRegion, accessorIds }),
      },
    ],
  };
}

/** Consul makes the anonymous token itself. */
const accessorIds = Object.fromEntries(Object.entries(WELL_KNOWN_TOKENS).filter(([name]) => name !== "anonymous"));
