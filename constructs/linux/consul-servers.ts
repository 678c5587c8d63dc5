import type { Construct } from "constructs";
import { consulServer, type ConsulServerOptions } from "./consul-server";
import { HostGroup, type ClusterOptions, type HostGroupProps, type SnapshotOptions } from "./host-group";
import type { SecretStore } from "./host-tool/secret-store";
import { DEFAULT_VERSIONS, type Versions } from "./versions";

/** Props of {@link ConsulServers}. */
export interface ConsulServersProps extends HostGroupProps, Pick<ConsulServerOptions, "minQuorum" | "nodeMeta"> {
  /** How many servers: 3 survive the loss of one, 5 of two. @default 3 */
  readonly count?: number;
  /**
   * How agents find the servers: their addresses, or one cloud auto-join string, e.g.
   * `provider=aws tag_key=consul tag_value=prod`.
   * @see https://developer.hashicorp.com/consul/docs/deploy/server/cloud-auto-join
   */
  readonly join: readonly string[];
  /** Where hosts keep the cluster's secrets: AWS Secrets Manager, or a directory that all of them share. */
  readonly secretStore: SecretStore;
  /** @default "dc1" */
  readonly datacenter?: string;
  /** Nomad's region, of which the certificates of its agents tell. @default "global" */
  readonly nomadRegion?: string;
  /** Versions of the engines of the whole cluster. @default those that Meshform is tested with */
  readonly versions?: Partial<Versions>;
  /**
   * Snapshots of what Consul's and Nomad's servers know: where, how often, how many are kept. `false` for none.
   * @default hourly to /var/lib/meshform/snapshots, the last 48
   */
  readonly snapshots?: SnapshotOptions | false;
  /** @default "info" */
  readonly logLevel?: ConsulServerOptions["logLevel"];
  /** Any other setting of the Consul agents. Never a secret. @default none */
  readonly override?: ConsulServerOptions["override"];
}

/**
 * The servers of a Consul datacenter: mutual TLS, encrypted gossip, ACL that denies by default, service mesh on.
 *
 * @example
 * const consul = new ConsulServers(stack, "consul", {
 *   join: ["provider=aws tag_key=consul tag_value=prod"],
 *   secretStore: { type: "aws-secrets-manager", prefix: "meshform/prod/", region: "eu-central-1" },
 * });
 */
export class ConsulServers extends HostGroup {
  /** How agents find the servers: addresses, or a cloud auto-join string. */
  readonly join: readonly string[];

  constructor(scope: Construct, id: string, props: ConsulServersProps) {
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
    consulDatacenter: props.datacenter ?? "dc1",
    nomadRegion: props.nomadRegion ?? "global",
    secretStore: props.secretStore,
    versions: { ...DEFAULT_VERSIONS, ...props.versions },
    snapshots: snapshots === false ? undefined : snapshots,
  };
}
