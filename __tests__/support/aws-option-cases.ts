import { AwsProvider } from "@cdktf/provider-aws/lib/provider";
import { TerraformStack } from "cdktf";
import {
  ApiGatewayListener,
  awsPlatform,
  ConsulServers,
  NomadClients,
  NomadServers,
  ServiceMesh,
} from "../../constructs";
import {
  AssetsBucket,
  AwsCluster,
  Capacity,
  ClusterConnection,
  FlowLogs,
  InstanceRequirements,
  LogsBucket,
  MachineGroup,
  MachineImage,
  Nat,
  Network,
  PublishedGateway,
  PublishedUis,
  Scaling,
  SecurityGroups,
  ServerGroup,
  StateBucket,
  type AssetsBucketProps,
  type AwsClusterProps,
  type ClientPoolProps,
  type ClusterConnectionProps,
  type CpuScalingOptions,
  type FlowLogsOptions,
  type ImportedClusterProps,
  type ImportedPublishOptions,
  type InstanceRequirementsOptions,
  type LogsBucketProps,
  type MachineGroupProps,
  type MachineImageOptions,
  type MachineRange,
  type MachinesProps,
  type NetworkIds,
  type NetworkLike,
  type NetworkProps,
  type PublishedGatewayProps,
  type PublishedUisProps,
  type PublishOptions,
  type PublishUisOptions,
  type SecurityGroupsProps,
  type ServerGroupProps,
  type SpotOptions,
  type StateBucketProps,
} from "../../constructs/aws";
import { AwsTestStack } from "./aws";
import { of, type OptionCase } from "./option-cases";

function importedNetwork(): NetworkLike {
  return Network.fromIds(new AwsTestStack(), "net", { vpcId: "vpc-1", privateSubnetIds: ["subnet-1"] });
}

const aCluster = new AwsCluster(new AwsTestStack(), "prod", { network: importedNetwork() });

const ownStack = new AwsTestStack();
let stacks = 0;
const serverHosts = new ConsulServers(ownStack, "consul", {
  platform: awsPlatform,
  lifecycleNotices: true,
  join: ["provider=aws tag_key=consul tag_value=prod"],
  secretStore: { type: "aws-secrets-manager", prefix: "meshform/prod/", region: "eu-central-1" },
});
const clientHosts = new NomadClients(ownStack, "clients", {
  nomad: new NomadServers(ownStack, "nomad", { consul: serverHosts }),
  lifecycleNotices: true,
});

/** What both kinds of groups take. */
const machines: Required<MachinesProps> = {
  network: importedNetwork(),
  subnets: "private",
  securityGroupIds: ["sg-1"],
  assets: new AssetsBucket(ownStack, "assets"),
  name: "own",
  keyArn: "arn:aws:kms:x",
  statements: [{ Sid: "Own", Effect: "Allow", Action: ["sqs:SendMessage"], Resource: ["arn:aws:sqs:x"] }],
  image: MachineImage.ubuntu(),
  diskGib: 40,
  machineTags: { rack: "r1" },
  tags: { team: "core" },
};

/** A cluster that can be connected to another one. */
function gatewayCluster(datacenter: string, cidr: string): AwsCluster {
  const stack = new AwsTestStack();
  const network = new Network(stack, "net", { cidr, gateways: true, flowLogs: false });
  return new AwsCluster(stack, datacenter, { network, datacenter });
}

/** A cluster on which a gateway can run. */
const withPool = new AwsCluster(new AwsTestStack(), "shop", {
  network: Network.fromIds(new AwsTestStack(), "net", {
    vpcId: "vpc-1",
    privateSubnetIds: ["subnet-1"],
    publicSubnetIds: ["subnet-2"],
  }),
  serverCount: 1,
  uis: true,
});
withPool.addClientPool("general");

const gateway = new ServiceMesh(new TerraformStack(ownStack, "mesh"), "mesh").addApiGateway("gateway", {
  listeners: [ApiGatewayListener.http({ port: 8080 })],
});

const publishing: Required<PublishOptions> = {
  name: "edge",
  kind: "network",
  internetFacing: true,
  allowFrom: ["10.0.0.0/8"],
  certificateArn: "arn:aws:acm:x",
  domain: { name: "shop.example", zoneId: "Z1" },
  ports: { 8080: 443 },
  pools: ["general"],
  deregistrationSeconds: 30,
};

const publishingUis: Required<PublishUisOptions> = {
  name: "uis",
  allowFrom: ["10.0.0.0/8"],
  certificateArn: "arn:aws:acm:x",
  domain: { name: "mesh.example", zoneId: "Z1" },
};

export const AWS_OPTION_CASES: readonly OptionCase[] = [
  of<NetworkProps>(
    "Network",
    {
      name: "net",
      cidr: "10.0.0.0/16",
      zones: 2,
      nat: Nat.single(),
      isolated: true,
      gateways: true,
      interfaceEndpoints: ["ssm"],
      ipv6: true,
      flowLogs: FlowLogs.toCloudWatch(),
      tags: { team: "core" },
    },
    (options) => new Network(new AwsTestStack(), "net", options),
  ),
  of<NetworkIds>(
    "Network.fromIds",
    {
      vpcId: "vpc-1",
      privateSubnetIds: ["subnet-1"],
      publicSubnetIds: ["subnet-2"],
      isolatedSubnetIds: ["subnet-3"],
      gatewaySubnets: [{ id: "subnet-4", cidr: "10.0.56.0/21" }],
      hasInternetAccess: true,
      ipv6: true,
      endpointsSecurityGroupId: "sg-1",
      s3PrefixListId: "pl-1",
    },
    (options) => Network.fromIds(new AwsTestStack(), "net", options),
  ),
  of<FlowLogsOptions>("FlowLogs.toCloudWatch", { retentionDays: 30, kmsKeyArn: "arn:aws:kms:x" }, (options) => {
    new Network(new AwsTestStack(), "net", { flowLogs: FlowLogs.toCloudWatch(options) });
  }),
  of<SecurityGroupsProps>(
    "SecurityGroups",
    { network: importedNetwork(), name: "prod", tags: { team: "core" } },
    (options) => new SecurityGroups(new AwsTestStack(), "groups", options),
  ),
  of<AwsClusterProps>(
    "AwsCluster",
    {
      network: importedNetwork(),
      name: "prod",
      serverCount: 3,
      serverType: "t4g.small",
      serverDiskGib: 30,
      image: MachineImage.ubuntu(),
      keyArn: "arn:aws:kms:x",
      deletionProtection: true,
      alarmTopicArn: "arn:aws:sns:eu-central-1:123456789012:alarms",
      uis: true,
      snapshots: { everySeconds: 900, retain: 96 },
      hostLogs: { retentionDays: 30 },
      datacenter: "dc1",
      nomadRegion: "global",
      versions: {},
      tags: { team: "core" },
    },
    (options) => new AwsCluster(new AwsTestStack(), "prod", options),
  ),
  of<ClientPoolProps>(
    "a pool of clients",
    {
      scaling: Scaling.fixed(2),
      volumes: [{ name: "nomad", mountPoint: "/opt/nomad", sizeGib: 50 }],
      drainSeconds: 120,
      instanceTypes: ["t4g.small"],
      capacity: Capacity.onDemand(),
      image: MachineImage.ubuntu(),
      diskGib: 40,
      subnets: "private",
      nodePool: "default",
      nodeClass: "big",
      meta: { rack: "r1" },
      docker: true,
      rawExec: true,
      consulCni: true,
      taskDns: true,
      extra: {},
      override: {},
      consulOverride: {},
    },
    (options) => aCluster.addClientPool("general", options),
  ),
  of<MachineImageOptions>(
    "MachineImage.id",
    { distribution: "debian-12", architecture: "arm64", rootDevice: "/dev/xvda", prepared: true },
    (options) => aCluster.addClientPool("general", { image: MachineImage.id("ami-1", options) }),
  ),
  of<MachineRange>("Scaling.byNomad", { min: 0, max: 2 }, (options) =>
    aCluster.addClientPool("general", { scaling: Scaling.byNomad(options) }),
  ),
  of<CpuScalingOptions>("Scaling.cpu", { min: 1, max: 2, percent: 50 }, (options) =>
    aCluster.addClientPool("general", { scaling: Scaling.cpu(options) }),
  ),
  of<AssetsBucketProps>(
    "AssetsBucket",
    { name: "prod", keyArn: "arn:aws:kms:x", logs: new LogsBucket(new AwsTestStack(), "logs") },
    (options) => new AssetsBucket(new AwsTestStack(), "assets", options),
  ),
  of<LogsBucketProps>(
    "LogsBucket",
    { name: "prod", deletionProtection: true },
    (options) => new LogsBucket(new AwsTestStack(), "logs", options),
  ),
  of<PublishOptions>("publish", publishing, (options) => withPool.publish(gateway, options)),
  of<ImportedClusterProps>(
    "AwsCluster.fromName",
    { name: "prod", ipv6: true, alarmTopicArn: "arn:aws:sns:eu-central-1:123456789012:alarms" },
    (options) => AwsCluster.fromName(new AwsTestStack(), "prod", options),
  ),
  of<ImportedPublishOptions>("publish of an imported cluster", publishing, (options) =>
    AwsCluster.fromName(new AwsTestStack(), "prod", { name: "prod" }).publish(gateway, options),
  ),
  of<PublishedGatewayProps>(
    "PublishedGateway",
    { ...publishing, cluster: withPool, gateway, tags: { team: "core" } },
    (options) => new PublishedGateway(new AwsTestStack(), "edge", options),
  ),
  of<PublishUisOptions>("publishUis", publishingUis, (options) => withPool.publishUis(options)),
  of<PublishedUisProps>(
    "PublishedUis",
    { ...publishingUis, cluster: withPool, tags: { team: "core" } },
    (options) => new PublishedUis(new AwsTestStack(), "uis", options),
  ),
  of<ClusterConnectionProps>(
    "ClusterConnection",
    {
      cluster: gatewayCluster("dc1", "10.0.0.0/16"),
      peer: gatewayCluster("dc2", "10.1.0.0/16"),
      peerProvider: new AwsProvider(ownStack, "peer", { alias: "peer", region: "eu-west-1" }),
      vpcPeering: true,
      tags: { team: "core" },
    },
    (options) => new ClusterConnection(new AwsTestStack(), "connection", options),
  ),
  of<StateBucketProps>(
    "StateBucket",
    { bucketName: "example-state", deletionProtection: true },
    (options) => new StateBucket(new AwsTestStack(), "state", options),
  ),
  of<MachineGroupProps>(
    "MachineGroup",
    {
      ...machines,
      hosts: clientHosts,
      scaling: Scaling.fixed(2),
      instanceTypes: ["t4g.small"],
      capacity: Capacity.onDemand(),
    },
    (options) => new MachineGroup(new TerraformStack(ownStack, `stack-${stacks++}`), "machines", options),
  ),
  of<ServerGroupProps>(
    "ServerGroup",
    { ...machines, hosts: serverHosts, instanceType: "t4g.small", deletionProtection: true },
    (options) => new ServerGroup(new TerraformStack(ownStack, `stack-${stacks++}`), "servers", options),
  ),
  of<SpotOptions>("Capacity.spot", { base: 1 }, (options) =>
    aCluster.addClientPool("general", { capacity: Capacity.spot(options) }),
  ),
  of<InstanceRequirementsOptions>(
    "InstanceRequirements.of",
    {
      vcpus: { min: 2, max: 8 },
      memoryGib: { min: 4, max: 32 },
      burstable: true,
      excluded: ["c6g.*"],
    },
    (options) => aCluster.addClientPool("general", { instanceTypes: InstanceRequirements.of(options) }),
  ),
];
