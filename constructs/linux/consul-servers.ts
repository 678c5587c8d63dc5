import type { Construct } from "constructs";
import { consulServer, type ConsulServerOptions } from "./consul-server";
import { HOST_GROUP_SHAPE, HostGroup, type ClusterOptions, type HostGroupProps } from "./host-group";
import { isDuration, nanoseconds } from "../core/duration";
import * as is from "../core/shape";
import type { SecretStore } from "./host-tool/secret-store";
import type { CloudPlatform } from "./platform";
import type { Recovery } from "./host-tool/host-tool";
import type { SnapshotOptions } from "./host-tool/snapshot-store";
import { storeRule } from "./host-tool/store-rule";
import { DEFAULT_VERSIONS, type Versions } from "./versions";

const VERSIONS_SHAPE: is.Shape<Versions> = {
  consul: is.name,
  nomad: is.name,
  envoy: is.name,
  cni: is.name,
  consulCni: is.name,
};
/** Props of {@link ConsulServers}. */
export interface ConsulServersProps
  extends HostGroupProps, Pick<ConsulServerOptions, "minQuorum" | "nodeMeta" | "leafCertTtl" | "verifyHttpsClients"> {
  /** How many servers: 3 survive the loss of one, 5 of two. @default 3 */
  readonly count?: number;
  /**
   * The cloud that the hosts of the cluster run in: its stores, its facts, its notices.
   * @default they need nothing of any cloud
   */
  readonly platform?: CloudPlatform;
  /**
   * How agents find the servers: their addresses, or one cloud auto-join string.
   * @see https://developer.hashicorp.com/consul/docs/deploy/server/cloud-auto-join
   */
  readonly join: readonly string[];
  /** Where hosts keep the cluster's secrets: a store that `platform` has, or a directory that all of them share. */
  readonly secretStore: SecretStore;
  /** @default "dc1" */
  readonly datacenter?: string;
  /** Nomad's region, of which the certificates of its agents tell. @default "global" */
  readonly nomadRegion?: string;
  /**
   * More names in the certificates of all servers, of Consul's and of Nomad's: DNS names and IPv4 addresses, e.g. those of a load balancer
   * in front of them. Servers have new certificates at their next boot, or within a day.
   * @default each server's own names and addresses
   */
  readonly certificateNames?: readonly string[];
  /** Versions of the engines of the whole cluster. @default those that Meshform is tested with */
  readonly versions?: Partial<Versions>;
  /**
   * Snapshots of what Consul's and Nomad's servers know: where, how often, how many are kept. `false` for none.
   * @default hourly to /var/lib/meshform/snapshots, the last 48
   */
  readonly snapshots?: SnapshotOptions | false;
  /**
   * What new servers do that have the secrets of a cluster which existed before, where nobody is left who has its state: they restore the
   * newest good snapshot, or wait, and say so, until `meshform-host recover` decides. In no case do they begin with an empty state.
   * @default "restore"
   */
  readonly recovery?: Recovery;
  /** @default "info" */
  readonly logLevel?: ConsulServerOptions["logLevel"];
  /** Any other setting of the Consul agents. Never a secret. @default none */
  readonly override?: ConsulServerOptions["override"];
}

/** Consul refuses less than an hour, and more than a third of what the certificate of its own CA lasts, which is a year. */
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

/** Which stores there are depends on the platform. */
function shapeOn(platform: Partial<CloudPlatform> | undefined): is.Shape<ConsulServersProps> {
  return {
    ...CONSUL_SERVERS_SHAPE,
    secretStore: is.required(storeRule(platform?.secretStores)),
    snapshots: is.falseOr(
      is.block<SnapshotOptions>({
        store: storeRule(platform?.snapshotStores),
        everySeconds: is.number,
        retain: is.number,
      }),
    ),
  };
}

const CONSUL_SERVERS_SHAPE: Omit<is.Shape<ConsulServersProps>, "secretStore" | "snapshots"> = {
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
 * The servers of a Consul datacenter: mutual TLS, encrypted gossip, ACL that denies by default, service mesh on.
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
    this.join = props.join;
    this.addPart({
      agent: "consul-server",
      role: consulServer({
        version: this.cluster.versions.consul,
        datacenter,
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
}

function clusterOf(props: ConsulServersProps): ClusterOptions {
  const { snapshots = {} } = props;
  return {
    platform: props.platform,
    consulDatacenter: props.datacenter ?? "dc1",
    nomadRegion: props.nomadRegion ?? "global",
    secretStore: props.secretStore,
    certificateNames: props.certificateNames,
    versions: { ...DEFAULT_VERSIONS, ...props.versions },
    snapshots: snapshots === false ? undefined : snapshots,
    recovery: props.recovery,
  };
}
