import type { Construct } from "constructs";
import type { ConsulAgentOptions } from "./consul-agent";
import { consulServer, type ConsulServerOptions } from "./consul-server";
import { FEDERATION_SHAPE, problemOfFederation, type FederationOptions } from "./federation";
import { HOST_GROUP_SHAPE, HostGroup, type ClusterOptions, type HostGroupProps } from "./host-group";
import { isDuration, nanoseconds } from "../core/duration";
import { MeshError } from "../core/errors";
import * as is from "../core/shape";
import type { SecretStore } from "./host-tool/secret-store";
import type { CloudPlatform, CloudStore } from "./platform";
import type { Recovery } from "./host-tool/host-tool";
import type { SnapshotOptions } from "./host-tool/snapshot-store";
import { cloudStoreRule, storeRule } from "./host-tool/store-rule";
import { DEFAULT_VERSIONS, type Versions } from "./versions";

const VERSIONS_SHAPE: is.Shape<Versions> = {
  consul: is.name,
  nomad: is.name,
  envoy: is.name,
  cni: is.name,
  consulCni: is.name,
  vault: is.name,
};
/** Props of {@link ConsulServers}. */
export interface ConsulServersProps
  extends HostGroupProps, Pick<ConsulServerOptions, "minQuorum" | "nodeMeta" | "leafCertTtl" | "verifyHttpsClients"> {
  /** Number of servers: 3 tolerate the loss of one, 5 of two. @default 3 */
  readonly count?: number;
  /**
   * The cloud in which the hosts of the cluster run. It provides stores, instance facts and lifecycle notices.
   * @default none: the hosts use no features of a cloud
   */
  readonly platform?: CloudPlatform;
  /**
   * How agents find the servers: their addresses, or one cloud auto-join string.
   * @see https://developer.hashicorp.com/consul/docs/deploy/server/cloud-auto-join
   */
  readonly join: readonly string[];
  /** The store for the cluster's secrets: a store that `platform` supports, or a directory that all hosts share. */
  readonly secretStore: SecretStore;
  /** @default "dc1" */
  readonly datacenter?: string;
  /**
   * The WAN federation of which the datacenter is a part.
   * @default none
   * @see https://developer.hashicorp.com/consul/docs/east-west/wan-federation/vms
   */
  readonly federation?: FederationOptions;
  /** Nomad's region, which is part of the names in the certificates of its agents. @default "global" */
  readonly nomadRegion?: string;
  /**
   * Additional names in the certificates of all servers of Consul and Nomad: DNS names and IPv4 addresses, such as those of a
   * load balancer in front of the servers. Servers get new certificates at their next boot, or within a day.
   * @default none, only each server's own names and addresses
   */
  readonly certificateNames?: readonly string[];
  /** Versions of the programs of the whole cluster. @default the versions that Meshform is tested with */
  readonly versions?: Partial<Versions>;
  /**
   * Snapshots of the state of Consul's and Nomad's servers: the store, the interval and the number to keep. `false` for no
   * snapshots.
   * @default hourly to /var/lib/meshform/snapshots, the last 48
   */
  readonly snapshots?: SnapshotOptions | false;
  /**
   * Where the servers put the metrics that alarms watch, each minute: a store that `platform` supports. `FailureTolerance` and
   * `SnapshotAgeSeconds` have the dimension `Engine`, and only the leader puts them; `CertificateDaysLeft` has the dimension `Kind`.
   * @default nowhere
   */
  readonly healthMetrics?: CloudStore;
  /**
   * Where all hosts of the cluster send their journal (messages of priority info and higher): a store that `platform` supports.
   * @default nowhere
   */
  readonly logs?: CloudStore;
  /**
   * What new servers do if the secret store shows that the cluster existed before, but no server has its state. With `"restore"`,
   * they restore the newest valid snapshot. With `"wait"`, they log this and wait until someone runs `meshform-host recover`.
   * They never start with an empty state on their own.
   * @default "restore"
   */
  readonly recovery?: Recovery;
  /** @default "info" */
  readonly logLevel?: ConsulServerOptions["logLevel"];
  /** Any other settings of the Consul agents. They must not contain secrets. @default none */
  readonly override?: ConsulServerOptions["override"];
}

/** Consul requires at least an hour, and at most a third of the lifetime of its own CA certificate, which is a year. */
const LEAF_HOURS = { least: 1, most: 2920 };
const leafCertTtl = is.rule("a Go duration from 1h to 2920h", "Use a duration in this range, such as 24h.", (value) => {
  if (typeof value !== "string" || !isDuration(value)) return false;
  const hours = nanoseconds(value) / 3600e9;
  return hours >= LEAF_HOURS.least && hours <= LEAF_HOURS.most;
});

const certificateName = is.rule(
  "a DNS name or an IPv4 address",
  'Use one without a scheme or port, such as "consul.example.com" or "10.0.0.5".',
  (value) =>
    typeof value === "string" && /^(\*\.)?[a-z\d]([a-z\d-]*[a-z\d])?(\.[a-z\d]([a-z\d-]*[a-z\d])?)*$/i.test(value),
);

/** The stores that can be used depend on the platform. */
function shapeOn(platform: Partial<CloudPlatform> | undefined): is.Shape<ConsulServersProps> {
  return {
    ...CONSUL_SERVERS_SHAPE,
    secretStore: is.required(storeRule(platform?.secretStores)),
    federation: is.block({ ...FEDERATION_SHAPE, primarySecretStore: storeRule(platform?.secretStores) }),
    healthMetrics: cloudStoreRule(platform?.metricStores),
    logs: cloudStoreRule(platform?.logStores),
    snapshots: is.falseOr(
      is.block<SnapshotOptions>({
        store: storeRule(platform?.snapshotStores),
        everySeconds: is.number,
        retain: is.number,
      }),
    ),
  };
}

const CONSUL_SERVERS_SHAPE: Omit<
  is.Shape<ConsulServersProps>,
  "secretStore" | "federation" | "snapshots" | "healthMetrics" | "logs"
> = {
  ...HOST_GROUP_SHAPE,
  minQuorum: is.number,
  nodeMeta: is.map(is.text),
  verifyHttpsClients: is.flag,
  certificateNames: is.list(certificateName),
  leafCertTtl,
  platform: is.like("a CloudPlatform", "instanceFacts"),
  join: is.required(is.list(is.text)),
  datacenter: is.name,
  nomadRegion: is.name,
  versions: is.block<Partial<Versions>>(VERSIONS_SHAPE),
  recovery: is.oneOf(["restore", "wait"]),
  logLevel: is.oneOf(["trace", "debug", "info", "warn", "error"]),
  override: is.fields,
};

/**
 * The servers of a Consul datacenter, with mutual TLS, encrypted gossip, ACLs that deny by default, and service mesh.
 *
 * @example
 * const consul = new ConsulServers(stack, "consul", {
 *   join: ["10.0.1.11", "10.0.1.12", "10.0.1.13"],
 *   secretStore: { type: "directory", path: "/mnt/shared/secrets" },
 * });
 */
export class ConsulServers extends HostGroup {
  /** How agents find the servers: addresses, or a cloud auto-join string. */
  readonly join: readonly string[];

  /** @throws MeshError if the options of a federation do not fit the datacenter */
  constructor(scope: Construct, id: string, props: ConsulServersProps) {
    is.refuseWrongValues(
      scope,
      props,
      shapeOn((props as Partial<ConsulServersProps> | undefined)?.platform),
      "servers",
      id,
    );
    const { count = 3, datacenter = "dc1" } = props;
    super(scope, id, clusterOf(props), { ...props, count });
    const problem = props.federation && problemOfFederation(datacenter, props.federation, props.secretStore);
    if (problem !== undefined) throw new MeshError(this, ...problem);
    this.join = props.join;
    this.addPart({
      agent: "consul-server",
      role: consulServer({
        version: this.cluster.versions.consul,
        datacenter,
        primaryDatacenter: props.federation?.primaryDatacenter,
        primaryGateways: props.federation?.primaryGateways,
        retryJoin: props.join,
        bootstrapExpect: count,
        minQuorum: props.minQuorum,
        nodeMeta: props.nodeMeta,
        leafCertTtl: props.leafCertTtl,
        verifyHttpsClients: props.verifyHttpsClients,
        logLevel: props.logLevel,
        override: props.override,
      }),
      override: props.override,
    });
  }

  /** @internal What each Consul client of the cluster is told. */
  get clientOptions(): Pick<ConsulAgentOptions, "version" | "datacenter" | "primaryDatacenter" | "retryJoin"> {
    const { versions, consulDatacenter: datacenter, federation } = this.cluster;
    const { primaryDatacenter } = federation ?? {};
    return { version: versions.consul, datacenter, primaryDatacenter, retryJoin: this.join };
  }
}

function clusterOf(props: ConsulServersProps): ClusterOptions {
  const { snapshots = {} } = props;
  return {
    platform: props.platform,
    consulDatacenter: props.datacenter ?? "dc1",
    federation: props.federation,
    nomadRegion: props.nomadRegion ?? "global",
    secretStore: props.secretStore,
    certificateNames: props.certificateNames,
    versions: { ...DEFAULT_VERSIONS, ...props.versions },
    snapshots: snapshots === false ? undefined : snapshots,
    healthMetrics: props.healthMetrics,
    logs: props.logs,
    recovery: props.recovery,
  };
}
