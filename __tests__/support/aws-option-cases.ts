import {
  AwsCluster,
  Capacity,
  FlowLogs,
  MachineImage,
  Nat,
  Network,
  SecurityGroups,
  type AwsClusterProps,
  type ClientPoolProps,
  type FlowLogsOptions,
  type MachineImageOptions,
  type NetworkIds,
  type NetworkLike,
  type NetworkProps,
  type SecurityGroupsProps,
  type SpotOptions,
} from "../../constructs/aws";
import { AwsTestStack } from "./aws";
import { of, type OptionCase } from "./option-cases";

function importedNetwork(): NetworkLike {
  return Network.fromIds(new AwsTestStack(), "net", { vpcId: "vpc-1", privateSubnetIds: ["subnet-1"] });
}

const aCluster = new AwsCluster(new AwsTestStack(), "prod", { network: importedNetwork() });

export const AWS_OPTION_CASES: readonly OptionCase[] = [
  of<NetworkProps>(
    "Network",
    {
      name: "net",
      cidr: "10.0.0.0/16",
      zones: 2,
      nat: Nat.single(),
      isolated: true,
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
      size: 2,
      instanceTypes: ["t4g.small"],
      capacity: Capacity.onDemand(),
      image: MachineImage.ubuntu(),
      diskGib: 40,
      nodePool: "default",
      nodeClass: "big",
      meta: { rack: "r1" },
      docker: true,
      rawExec: true,
      consulCni: true,
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
  of<SpotOptions>("Capacity.spot", { base: 1 }, (options) =>
    aCluster.addClientPool("general", { capacity: Capacity.spot(options) }),
  ),
];
