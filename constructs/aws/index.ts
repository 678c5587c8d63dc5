// Where hosts live on AWS. An entry of its own: the others load no AWS provider.
import "./require-provider";

export type { Conditions, PolicyStatement } from "./access/policy";
export { AWS_CHECKS } from "./checks";
export {
  AwsCluster,
  type AwsClusterProps,
  type ClientPoolProps,
  type ClusterSnapshotOptions,
  type HostLogsOptions,
} from "./cluster";
export type { ClusterLike, LoadBalancerNetwork, ServersLike } from "./edge/cluster-like";
export type { GatewayLike, GatewayListenerLike, PublicName, PublishOptions } from "./edge/publish-options";
export { PublishedGateway, type PublishedGatewayProps } from "./edge/published-gateway";
export { PublishedUis, type PublishedUisProps, type PublishUisOptions } from "./edge/published-uis";
export { SecurityGroups, type SecurityGroupsProps } from "./flows/security-groups";
export { ClusterConnection, type ClusterConnectionProps } from "./cluster-connection";
export { FLOWS, GATEWAY_FLOWS, PROMETHEUS_FLOWS, type Flow, type FlowParty } from "./flows/table";
export type { ImportedCluster, ImportedClusterProps, ImportedPublishOptions } from "./imported-cluster";
export type { Architecture } from "./machines/architecture";
export { Capacity, type SpotOptions } from "./machines/capacity";
export {
  InstanceRequirements,
  type InstanceRequirementsOptions,
  type RequiredRange,
} from "./machines/instance-requirements";
export { MachineImage, type MachineImageOptions } from "./machines/machine-image";
export { MachineGroup, type MachineGroupProps } from "./machines/machine-group";
export type { MachinesProps } from "./machines/machines-props";
export type { MachineSubnets } from "./network/machine-subnets";
export { Scaling, type CpuScalingOptions, type MachineRange } from "./machines/scaling";
export { ServerGroup, type ServerGroupProps } from "./machines/server-group";
export { FlowLogs, type FlowLogsOptions } from "./network/flow-logs";
export type { NetworkIds } from "./network/imported-network";
export { Nat } from "./network/nat";
export { Network, type NetworkProps } from "./network/network";
export type { NetworkLike, NetworkSubnet } from "./network/network-like";
export { AssetsBucket, type AssetsBucketProps } from "./storage/assets-bucket";
export { LogsBucket, type LogsBucketProps } from "./storage/logs-bucket";
export { StateBucket, type StateBucketProps } from "./storage/state-bucket";
export type { Tags } from "./tags";
