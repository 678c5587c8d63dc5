import {
  FlowLogs,
  Nat,
  Network,
  SecurityGroups,
  type FlowLogsOptions,
  type NetworkIds,
  type NetworkLike,
  type NetworkProps,
  type SecurityGroupsProps,
} from "../../constructs/aws";
import { AwsTestStack } from "./aws";
import { of, type OptionCase } from "./option-cases";

function importedNetwork(): NetworkLike {
  return Network.fromIds(new AwsTestStack(), "net", { vpcId: "vpc-1", privateSubnetIds: ["subnet-1"] });
}

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
      hasWayOut: true,
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
];
