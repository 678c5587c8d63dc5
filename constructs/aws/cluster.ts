import { Construct } from "constructs";
import { silence } from "../checks/silence";
import * as is from "../core/shape";
import type { SnapshotOptions } from "../linux/host-tool/snapshot-store";
import { ConsulServers, type ConsulServersProps } from "../linux/consul-servers";
import { NomadClients, type NomadClientsProps } from "../linux/nomad-clients";
import { NomadServers } from "../linux/nomad-servers";
import { HOST_VOLUME_SHAPE } from "../linux/volumes";
import { ClusterSecrets } from "./access/cluster-secrets";
import { connectStatements } from "./access/connect-statements";
import { decryptStatement, encryptStatement } from "./access/machine-statements";
import type { PolicyStatement } from "./access/policy";
import { writeClusterFacts } from "./cluster-facts";
import { clusterName } from "./cluster-name";
import type { LoadBalancerNetwork, ServersLike } from "./edge/cluster-like";
import { GATEWAY, PUBLISH_SHAPE, type GatewayLike, type PublishOptions } from "./edge/publish-options";
import { PublishedGateway } from "./edge/published-gateway";
import { PUBLISH_UIS_SHAPE, PublishedUis, type PublishUisOptions } from "./edge/published-uis";
import { SecurityGroups } from "./flows/security-groups";
import { ImportedCluster, type ImportedClusterProps } from "./imported-cluster";
import type { Capacity } from "./machines/capacity";
import { INSTANCE_TYPES, type InstanceRequirements } from "./machines/instance-requirements";
import { MachineGroup } from "./machines/machine-group";
import { MachineImage } from "./machines/machine-image";
import type { Scaling } from "./machines/scaling";
import { ServerGroup } from "./machines/server-group";
import type { MachineSubnets } from "./network/machine-subnets";
import type { NetworkLike, NetworkSubnet } from "./network/network-like";
import { metricStorePolicy, type CloudWatchMetricStore } from "./platform/metric-store";
import { awsPlatform } from "./platform/platform";
import { AssetsBucket } from "./storage/assets-bucket";
import { EncryptionKey } from "./storage/encryption-key";
import { HostLogGroup, hostLogGroupName } from "./storage/host-log-group";
import { RETENTION_DAYS } from "./storage/log-retention";
import { LogsBucket } from "./storage/logs-bucket";
import { SnapshotsBucket } from "./storage/snapshots-bucket";
import { addTags, TAGS, type Tags } from "./tags";
import { addAlarm } from "./watch/alarm";
import { addHealthAlarms } from "./watch/health-alarms";

/** How often an {@link AwsCluster} saves snapshots, and how many it keeps. */
export type ClusterSnapshotOptions = Pick<SnapshotOptions, "everySeconds" | "retain">;

/** Where the machines of an {@link AwsCluster} send their logs. */
export interface HostLogsOptions {
  /** How many days CloudWatch keeps the logs: one of the values that it allows. @default 365 */
  readonly retentionDays?: number;
}

/** Props of {@link AwsCluster}. */
export interface AwsClusterProps extends Pick<ConsulServersProps, "datacenter" | "nomadRegion" | "versions"> {
  /** The network in which the machines run. */
  readonly network: NetworkLike;
  /**
   * Prefix of all names: 1 to 20 lower-case letters, digits and dashes, beginning with a letter. It must be unique in the account
   * and region.
   * @default the construct's id
   */
  readonly name?: string;
  /** Number of servers. 3 servers survive the loss of one, 5 the loss of two. Use 1 only for tests. @default 3 */
  readonly serverCount?: 1 | 3 | 5;
  /** The servers' instance type. @default "t4g.medium" */
  readonly serverType?: string;
  /** The size of each server's disk, in GiB. @default 30 */
  readonly serverDiskGib?: number;
  /** The image of all machines. A client pool can set another. @default MachineImage.ubuntu() */
  readonly image?: MachineImage;
  /** ARN of a key that encrypts disks, secrets and buckets. @default a new key, which AWS rotates each year */
  readonly keyArn?: string;
  /**
   * Whether a plan that would destroy the servers, their secrets, the key or the snapshots fails. With `false`, they are
   * destroyed with the cluster.
   * @default true
   */
  readonly deletionProtection?: boolean;
  /**
   * ARN of an SNS topic that alarms notify: fewer servers in service than configured, servers that would not survive the loss of as
   * many as they should, old snapshots, certificates that expire soon, and published gateways without a healthy machine. Servers put
   * what they measure themselves into the namespace `Meshform/<name>` of CloudWatch.
   * @default there are no alarms
   */
  readonly alarmTopicArn?: string;
  /**
   * Whether a load balancer can be in front of the UIs ({@link AwsCluster.publishUis}): the servers then accept HTTPS without a client
   * certificate, but not without a token. Security groups still allow no one but the load balancer.
   * @default false
   */
  readonly uis?: boolean;
  /** Snapshots of Consul's and Nomad's state, in a separate bucket. `false` disables them. @default hourly, the last 48 */
  readonly snapshots?: ClusterSnapshotOptions | false;
  /**
   * All machines send their journal, with the logs of the agents, to the log group `/meshform/<name>/hosts` of CloudWatch: each to a stream
   * of its own. The cluster's key encrypts it; an existing key must allow this. CloudWatch charges for what is sent.
   * @default logs stay on the machines
   */
  readonly hostLogs?: HostLogsOptions;
  /** Tags of all resources. Keys can contain letters, digits and `+-=._,:@`. @default none */
  readonly tags?: Tags;
}

/** @internal */
export const AWS_CLUSTER_SHAPE: is.Shape<AwsClusterProps> = {
  network: is.required(is.like("a Network", "privateSubnets")),
  name: is.literal(is.name, "Use a literal name."),
  serverCount: is.literal(is.number, "Use a literal number."),
  serverType: is.literal(is.name, "Use a literal type."),
  serverDiskGib: is.number,
  image: is.made("MachineImage.ubuntu()"),
  keyArn: is.name,
  deletionProtection: is.literal(is.flag, "Use a literal value."),
  alarmTopicArn: is.name,
  uis: is.literal(is.flag, "Use a literal value."),
  snapshots: is.falseOr(is.block<ClusterSnapshotOptions>({ everySeconds: is.number, retain: is.number })),
  hostLogs: is.block<HostLogsOptions>({ retentionDays: RETENTION_DAYS }),
  datacenter: is.name,
  nomadRegion: is.name,
  versions: is.fields,
  tags: TAGS,
};

/** Props of {@link AwsCluster.addClientPool}. */
export interface ClientPoolProps extends Pick<
  NomadClientsProps,
  | "nodePool"
  | "nodeClass"
  | "meta"
  | "docker"
  | "rawExec"
  | "consulCni"
  | "taskDns"
  | "volumes"
  | "drainSeconds"
  | "extra"
  | "override"
  | "consulOverride"
> {
  /** The number of machines. @default Scaling.fixed(2) */
  readonly scaling?: Scaling;
  /**
   * Instance types of one architecture, the preferred one first, or what they must have, from which AWS chooses.
   * @default ["t4g.medium"]
   */
  readonly instanceTypes?: readonly string[] | InstanceRequirements;
  /** On-demand or spot instances. @default Capacity.onDemand() */
  readonly capacity?: Capacity;
  /** The image of the machines. @default the cluster's image */
  readonly image?: MachineImage;
  /** The size of each machine's disk, in GiB. @default 40 */
  readonly diskGib?: number;
  /**
   * The subnets of the machines: `"gateway"` for those that run mesh gateways, whose network has `gateways`. Only they can connect to
   * another cluster, see {@link ClusterConnection}.
   * @default "private"
   */
  readonly subnets?: MachineSubnets;
}

/** @internal */
export const CLIENT_POOL_SHAPE: is.Shape<ClientPoolProps> = {
  nodePool: is.name,
  nodeClass: is.name,
  meta: is.map(is.text),
  docker: is.flag,
  rawExec: is.flag,
  consulCni: is.flag,
  taskDns: is.flag,
  extra: is.fields,
  override: is.fields,
  consulOverride: is.fields,
  volumes: is.list(is.block(HOST_VOLUME_SHAPE)),
  drainSeconds: is.number,
  scaling: is.made("Scaling.fixed(2)"),
  instanceTypes: INSTANCE_TYPES,
  capacity: is.made("Capacity.onDemand()"),
  image: is.made("MachineImage.ubuntu()"),
  diskGib: is.number,
  subnets: is.oneOf(["private", "gateway"]),
};

/**
 * A cluster of Consul and Nomad in an AWS account: servers in an Auto Scaling group across the zones of a network, client pools,
 * security groups from the table of flows, a KMS key, secrets and buckets, and for each group of machines a role with the
 * permissions that it needs.
 *
 * @example
 * const cluster = new AwsCluster(stack, "prod", { network });
 * cluster.addClientPool("general", { scaling: Scaling.fixed(3) });
 */
export class AwsCluster extends Construct implements ServersLike {
  /**
   * Imports a cluster that another app created in this account and region, to publish gateways of this app. It creates nothing.
   * Terraform reads what it needs from an SSM parameter, for which it needs `ssm:GetParameter` on `/meshform/<name>/cluster`.
   *
   * @example
   * const cluster = AwsCluster.fromName(stack, "cluster", { name: "prod" });
   * cluster.publish(gateway, { pools: ["general"], allowFrom: ["10.0.0.0/16"] });
   */
  static fromName(scope: Construct, id: string, props: ImportedClusterProps): ImportedCluster {
    return new ImportedCluster(scope, id, props);
  }

  /** Prefix of all names. */
  readonly name: string;
  /** The network in which the machines run. */
  readonly network: NetworkLike;
  /** Name of the bucket for access logs. */
  readonly logsBucketName: string;
  /** Whether deletion protection is on. */
  readonly deletionProtection: boolean;
  /** ARN of the SNS topic that alarms notify; `undefined` without alarms. */
  readonly alarmTopicArn: string | undefined;
  /** Whether a load balancer can be in front of the UIs. */
  readonly uis: boolean;
  /** The security groups of servers and clients. */
  readonly securityGroups: SecurityGroups;
  /** The hosts of the servers. */
  readonly consul: ConsulServers;
  /** Nomad's servers, on the same hosts. */
  readonly nomad: NomadServers;
  /** ARN of the key that encrypts disks, secrets and buckets. */
  readonly keyArn: string;
  /** The machines of the servers. */
  readonly serverMachines: ServerGroup;

  private readonly poolMachines: Record<string, MachineGroup> = {};
  private readonly secrets: ClusterSecrets;
  private readonly assets: AssetsBucket;
  private readonly image: MachineImage;
  private readonly hostLogs: HostLogGroup | undefined;

  constructor(scope: Construct, id: string, props: AwsClusterProps) {
    super(scope, id);
    is.refuseWrongValues(this, props, AWS_CLUSTER_SHAPE);
    const { network, serverCount = 3, deletionProtection: isProtected = true } = props;
    this.name = clusterName(this, props.name ?? id);
    const { name } = this;
    this.network = network;
    this.deletionProtection = isProtected;
    this.alarmTopicArn = props.alarmTopicArn;
    this.uis = props.uis ?? false;
    addTags(this, { ...props.tags, "meshform:cluster": name });
    this.image = props.image ?? MachineImage.ubuntu();
    const logGroups = props.hostLogs === undefined ? undefined : [hostLogGroupName(name)];
    this.keyArn = props.keyArn ?? new EncryptionKey(this, "key", { name, isProtected, logGroups }).arn;
    if (props.hostLogs !== undefined) {
      const { retentionDays = 365 } = props.hostLogs;
      this.hostLogs = new HostLogGroup(this, "host-logs", { name, keyArn: this.keyArn, retentionDays });
    }
    this.secrets = new ClusterSecrets(this, "secrets", { name, keyArn: this.keyArn, isProtected });
    const logs = new LogsBucket(this, "logs", { name, deletionProtection: isProtected });
    this.logsBucketName = logs.bucketName;
    this.assets = new AssetsBucket(this, "assets", { name, keyArn: this.keyArn, logs });
    this.securityGroups = new SecurityGroups(this, "security-groups", { network, name });

    const { snapshots = {} } = props;
    const bucket =
      snapshots === false
        ? undefined
        : new SnapshotsBucket(this, "snapshots", { name, keyArn: this.keyArn, isProtected, logs });

    const { region } = this.secrets.store;
    const healthMetrics: CloudWatchMetricStore | undefined =
      props.alarmTopicArn === undefined ? undefined : { type: "cloudwatch", namespace: `Meshform/${name}`, region };
    this.consul = new ConsulServers(this, "servers", {
      platform: awsPlatform,
      lifecycleNotices: true,
      snapshots: bucket !== undefined && { store: bucket.store, ...snapshots },
      count: serverCount,
      join: [`provider=aws region=${region} tag_key=meshform:servers tag_value=${name}`],
      secretStore: this.secrets.store,
      datacenter: props.datacenter,
      nomadRegion: props.nomadRegion,
      versions: props.versions,
      healthMetrics,
      logs: this.hostLogs?.store,
      verifyHttpsClients: this.uis ? false : undefined,
      // Datacenters are joined by cluster peering.
      override: { ports: { serf_wan: -1 } },
    });
    this.nomad = new NomadServers(this, "nomad", { consul: this.consul });
    if (serverCount === 1) {
      silence(this.consul, "server-count", "The cluster was configured with one server.");
    }
    this.serverMachines = new ServerGroup(this, "server-machines", {
      ...this.common(),
      name: `${name}-servers`,
      hosts: this.consul,
      securityGroupIds: [this.securityGroups.serversId],
      statements: [
        ...this.secrets.statements("server"),
        encryptStatement(this.keyArn),
        ...(bucket?.statements() ?? []),
        ...(healthMetrics === undefined ? [] : metricStorePolicy(healthMetrics)),
        ...(this.hostLogs?.statements() ?? []),
      ],
      image: this.image,
      instanceType: props.serverType,
      diskGib: props.serverDiskGib ?? 30,
      machineTags: { "meshform:servers": name },
      deletionProtection: isProtected,
    });
    writeClusterFacts(this, name, () => {
      const { vpcId, privateSubnetIds, publicSubnetIds } = this.loadBalancers;
      const { clientsSecurityGroupId, logsBucketName, deletionProtection } = this;
      const pools = Object.fromEntries(this.poolNames.map((pool) => [pool, this.groupNameOf(pool)]));
      return {
        ...{ vpcId, privateSubnetIds, publicSubnetIds },
        ...{ clientsSecurityGroupId, logsBucketName, deletionProtection, pools },
      };
    });
    if (props.alarmTopicArn !== undefined && healthMetrics !== undefined) {
      addHealthAlarms(this, {
        ...{ name, namespace: healthMetrics.namespace, serverCount, topicArn: props.alarmTopicArn },
        snapshotSeconds: snapshots === false ? undefined : (snapshots.everySeconds ?? 3600),
      });
      addAlarm(this, "servers-alarm", {
        name: `${name}-servers-missing`,
        description: `The cluster ${name} has fewer than ${serverCount} servers in service.`,
        namespace: "AWS/AutoScaling",
        metric: "GroupInServiceInstances",
        dimensions: { AutoScalingGroupName: this.serverMachines.groupName },
        ...{ atLeast: serverCount, minutes: 5, topicArn: props.alarmTopicArn },
      });
    }
  }

  /**
   * Adds machines that run services.
   *
   * @param id the name of the pool
   * @returns the hosts of the pool
   *
   * @example
   * cluster.addClientPool("batch", { scaling: Scaling.byNomad({ min: 0, max: 20 }), nodePool: "batch", capacity: Capacity.spot()
   * });
   */
  addClientPool(id: string, props: ClientPoolProps = {}): NomadClients {
    is.refuseWrongValues(this, props, CLIENT_POOL_SHAPE, "clientPool", id);
    const { scaling, instanceTypes, capacity, image, diskGib, subnets, ...rest } = props;
    const { clientsId, gatewaysId } = this.securityGroups;
    const clients = new NomadClients(this, id, { nomad: this.nomad, lifecycleNotices: true, ...rest });
    this.poolMachines[id] = new MachineGroup(this, `${id}-machines`, {
      ...this.common(),
      name: `${this.name}-${id}`,
      hosts: clients,
      subnets,
      securityGroupIds: [clientsId, ...(subnets === "gateway" && gatewaysId !== undefined ? [gatewaysId] : [])],
      statements: [...this.secrets.statements("client"), ...(this.hostLogs?.statements() ?? [])],
      image: image ?? this.image,
      instanceTypes,
      capacity,
      scaling,
      diskGib,
      machineTags: { "meshform:pool": id },
    });
    return clients;
  }

  /**
   * Adds a load balancer in front of a gateway that runs on client pools, in the stack of the cluster. Use {@link PublishedGateway} for
   * another stack.
   *
   * @param gateway an `ApiGateway` or an `IngressGateway`
   *
   * @example
   * cluster.publish(gateway, { internetFacing: true, domain: { name: "shop.example.com", zoneId: "Z0123456789ABC" } });
   */
  publish(gateway: GatewayLike, options: PublishOptions = {}): PublishedGateway {
    is.refuseWrongArgument(this, "gateway", gateway, GATEWAY);
    is.refuseWrongValues(this, options, PUBLISH_SHAPE, "publish", gateway.serviceName);
    return new PublishedGateway(this, `publish-${gateway.serviceName}`, { cluster: this, gateway, ...options });
  }

  /**
   * Adds an internal load balancer in front of the UIs of Consul, at port 8501, and Nomad, at port 4646, in the stack of the cluster. It
   * needs `uis` of the cluster. Use {@link PublishedUis} for another stack.
   *
   * @example
   * cluster.publishUis({ allowFrom: ["10.8.0.0/16"], domain: { name: "mesh.example.com", zoneId: "Z0123456789ABC" } });
   */
  publishUis(options: PublishUisOptions): PublishedUis {
    is.refuseWrongValues(this, options, PUBLISH_UIS_SHAPE, "publishUis");
    return new PublishedUis(this, "uis", { cluster: this, ...options });
  }

  /**
   * Allows a Prometheus to scrape the agents of servers; those of clients and the Envoys too, if it is outside of the cluster.
   *
   * @param from id of the security group of a Prometheus outside of the cluster; default: the clients, on which that of `addPrometheus` runs
   *
   * @example
   * mesh.addPrometheus("prometheus", { publish: 9090, ...secureAgents() });
   * cluster.allowPrometheus();
   */
  allowPrometheus(from?: string): void {
    this.securityGroups.allowPrometheus(from);
  }

  /**
   * The IAM statements that a person or a pipeline needs for `meshform connect`: port forwards to the servers, and the secret with the
   * tokens. They allow no shell on a machine.
   *
   * @param as whose tokens: `management`, to apply access rules and jobs, or `operator`, which only reads
   *
   * @example
   * const policy = JSON.stringify({ Version: "2012-10-17", Statement: cluster.connectStatements() });
   */
  connectStatements(as: "management" | "operator" = "management"): readonly PolicyStatement[] {
    is.refuseWrongArgument(this, "as", as, is.oneOf(["management", "operator"]));
    const secret = [...this.secrets.statements(as), decryptStatement(this.keyArn)];
    return connectStatements(this, { name: this.name, secret });
  }

  /** Names of the Auto Scaling groups of its client pools, by pool. */
  get pools(): Readonly<Record<string, string>> {
    return Object.fromEntries(Object.entries(this.poolMachines).map(([pool, { groupName }]) => [pool, groupName]));
  }

  /** Names of its client pools. */
  get poolNames(): readonly string[] {
    return Object.keys(this.poolMachines);
  }

  /** Names of the client pools whose machines are in private subnets, not in those for mesh gateways. */
  get privatePoolNames(): readonly string[] {
    return this.poolNames.filter((pool) => this.poolMachines[pool].options.subnets === "private");
  }

  /** Name of the Auto Scaling group of a client pool, as a reference. */
  groupNameOf(pool: string): string {
    return this.poolMachines[pool].groupReference;
  }

  /** Where its load balancers are. */
  get loadBalancers(): LoadBalancerNetwork {
    const { vpcId, privateSubnets, publicSubnets, ipv6 } = this.network;
    const ids = (subnets: readonly NetworkSubnet[]) => subnets.map((subnet) => subnet.id);
    return { vpcId, privateSubnetIds: ids(privateSubnets), publicSubnetIds: ids(publicSubnets), ipv6 };
  }

  /** Id of the security group of its clients. */
  get clientsSecurityGroupId(): string {
    return this.securityGroups.clientsId;
  }

  /** Id of the security group of its servers. */
  get serversSecurityGroupId(): string {
    return this.securityGroups.serversId;
  }

  /** Name of the Auto Scaling group of its servers, as a reference. */
  get serverGroupName(): string {
    return this.serverMachines.groupReference;
  }

  private common() {
    return { network: this.network, assets: this.assets, keyArn: this.keyArn };
  }
}
