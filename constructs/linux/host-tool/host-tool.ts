import { REPLICATION_TOKEN, WELL_KNOWN_TOKENS } from "../../consul/well-known-tokens";
import type { HostRole } from "../compose-host";
import { json } from "../json";
import type { FederationOptions } from "../federation";
import type { CloudPlatform, CloudStore } from "../platform";
import { hostToolArchive } from "./archive";
import type { SecretStore } from "./secret-store";
import { DEFAULT_SNAPSHOT_STORE, type SnapshotOptions } from "./snapshot-store";

/** Path of the host tool on a host. It is an executable program. */
export const HOST_TOOL = "/usr/local/lib/meshform/meshform-host";

/** An agent that a host runs. A host can have one role of each engine, e.g. a Nomad server next to a Consul client. */
export type HostToolRole = "consul-server" | "consul-client" | "nomad-server" | "nomad-client";

/** What new servers do if no server has the state of their cluster. */
export type Recovery = "restore" | "wait";

export interface HostToolConfig {
  /** The store for the cluster's secrets, the same for all hosts. */
  readonly store: SecretStore;
  /** The cloud in which the host runs. @default none: the stores are directories */
  readonly platform?: CloudPlatform;
  readonly roles: readonly HostToolRole[];
  /** @default "dc1" */
  readonly consulDatacenter?: string;
  /** The WAN federation of which the datacenter is a part. Only servers need it. @default none */
  readonly federation?: Pick<FederationOptions, "primaryDatacenter" | "primarySecretStore">;
  /** @default "global" */
  readonly nomadRegion?: string;
  /** Name of the host in the certificate of its Consul server. @default its host name */
  readonly node?: string;
  /**
   * The IP address in the certificates of its servers, in addition to 127.0.0.1.
   * @default the private IPv4 addresses of the interfaces with a default route, determined at boot
   */
  readonly address?: string;
  /**
   * Address of the Consul agent of this host. It must use HTTPS, because the management token is sent to it.
   * @default "https://127.0.0.1:8501"
   */
  readonly consulApi?: `https://${string}`;
  /** Address of the Nomad agent of this host, with HTTPS for the same reason. @default "https://127.0.0.1:4646" */
  readonly nomadApi?: `https://${string}`;
  /** @default no snapshots */
  readonly snapshots?: SnapshotOptions;
  /** Where servers put the metrics that alarms watch. @default nowhere */
  readonly healthMetrics?: CloudStore;
  /** Where the host sends its journal. @default nowhere */
  readonly logs?: CloudStore;
  /**
   * What new servers do if no server has the state of the cluster: they restore the newest valid snapshot, or wait for a person.
   * @default "restore"
   */
  readonly recovery?: Recovery;
  readonly certificates?: CertificateOptions;
  /** Additional names in the certificates of the servers: DNS names and IPv4 addresses. @default none */
  readonly certificateNames?: readonly string[];
  /**
   * Seconds that the allocations of a Nomad client get to be started on other hosts before the host shuts down. Nomad stops the
   * remaining ones after this time.
   * @default 300
   */
  readonly drainSeconds?: number;
}

export interface CertificateOptions {
  /** Lifetime of the cluster's CAs in days. The first server creates them once. @default 3650 */
  readonly caDays?: number;
  /** Lifetime of the certificates of agents and people in days. @default 365 */
  readonly days?: number;
  /** Number of days before expiry at which a certificate is renewed. @default 30 */
  readonly renewalDays?: number;
}

/**
 * The host tool and its configuration. The host tool fetches a host's secrets at boot (`meshform-host secrets`), sets up the ACL
 * systems (`acl`), saves and restores snapshots (`snapshot`, `restore`), rotates keys (`rotate`), and restarts agents one host at
 * a time (`restart`). The role that uses it determines when each command runs. For a manual, run it with `--help`.
 *
 * @example
 * composeHost(
 *   "server-1",
 *   hostTool({ store: { type: "directory", path: "/var/lib/meshform/secret-store" }, roles: ["consul-server", "nomad-server"] }),
 * )
 */
export function hostTool(config: HostToolConfig): HostRole {
  const { consulDatacenter = "dc1", nomadRegion = "global", snapshots, platform, federation, ...rest } = config;
  const kinds = [
    platform?.secretStores[config.store.type],
    platform?.snapshotStores[(snapshots?.store ?? DEFAULT_SNAPSHOT_STORE).type],
    config.healthMetrics && platform?.metricStores[config.healthMetrics.type],
    config.logs && platform?.logStores?.[config.logs.type],
  ];
  const shared = federation && {
    primaryDatacenter: federation.primaryDatacenter,
    primarySecretStore: federation.primarySecretStore,
  };
  const saved = snapshots && { store: snapshots.store ?? DEFAULT_SNAPSHOT_STORE, retain: snapshots.retain ?? 48 };
  return {
    // Every image with cloud-init has Python.
    systemPackages: [...new Set(["openssl", ...kinds.flatMap((kind) => kind?.needs ?? [])])],
    directories: [{ path: "/etc/meshform" }],
    files: [
      {
        path: HOST_TOOL,
        mode: "0755",
        content: hostToolArchive(platform?.hostToolModule).toString("base64"),
        encoding: "base64",
      },
      {
        path: "/etc/meshform/host.json",
        content: json({
          ...{ ...rest, snapshots: saved, consulDatacenter, nomadRegion, federation: shared },
          accessorIds: { ...accessorIds, ...(shared && { "consul-replication": REPLICATION_TOKEN }) },
        }),
      },
    ],
  };
}

/** Consul creates the anonymous token. */
const accessorIds = Object.fromEntries(Object.entries(WELL_KNOWN_TOKENS).filter(([name]) => name !== "anonymous"));
