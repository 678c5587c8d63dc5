import type { IResolvable } from "cdktf";
import type { IConstruct } from "constructs";

/** The subnets for load balancers. */
export interface LoadBalancerNetwork {
  /** e.g. `vpc-0abc…` */
  readonly vpcId: string;
  /** Ids of the private subnets, one for each zone: a literal list, or one that only Terraform knows. */
  readonly privateSubnetIds: readonly string[];
  /** Ids of the public subnets; an empty list if there are none. */
  readonly publicSubnetIds: readonly string[];
  /** Whether load balancers have IPv6 addresses. */
  readonly ipv6: boolean;
}

/** A cluster of this app, or one of another app: what its load balancers need to know of it. */
export interface ClusterLike extends IConstruct {
  /** Prefix of all names. */
  readonly name: string;
  /** Where its load balancers are. */
  readonly loadBalancers: LoadBalancerNetwork;
  /** Id of the security group of its clients. */
  readonly clientsSecurityGroupId: string;
  /** Names of its client pools. @default not known at synthesis */
  readonly poolNames?: readonly string[];
  /** Names of those whose machines are in private subnets, not in those for mesh gateways. @default not known at synthesis */
  readonly privatePoolNames?: readonly string[];
  /** Name of the Auto Scaling group of a client pool. */
  groupNameOf(pool: string): string;
  /** Name of the bucket for access logs. */
  readonly logsBucketName: string;
  /** Whether deletion protection is on. */
  readonly deletionProtection: boolean | IResolvable;
  /** ARN of the SNS topic that alarms notify. @default there are no alarms */
  readonly alarmTopicArn?: string;
}

/** A cluster of this app: what a load balancer in front of its servers needs to know of it. */
export interface ServersLike extends ClusterLike {
  /** Whether its servers accept HTTPS without a client certificate. */
  readonly uis: boolean;
  /** Id of the security group of its servers. */
  readonly serversSecurityGroupId: string;
  /** Name of the Auto Scaling group of its servers. */
  readonly serverGroupName: string;
}
