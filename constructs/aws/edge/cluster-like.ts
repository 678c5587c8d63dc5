import type { IConstruct } from "constructs";
import type { NetworkLike } from "../network/network-like";

/** A cluster of this app, or one of another app: what its load balancers need to know of it. */
export interface ClusterLike extends IConstruct {
  /** Prefix of all names. */
  readonly name: string;
  /** The network in which its machines run. */
  readonly network: NetworkLike;
  /** Id of the security group of its clients. */
  readonly clientsSecurityGroupId: string;
  /** Names of the Auto Scaling groups of its client pools, by pool. */
  readonly pools: Readonly<Record<string, string>>;
  /** Name of the bucket for access logs. */
  readonly logsBucketName: string;
  /** Whether deletion protection is on. */
  readonly deletionProtection: boolean;
  /** ARN of the SNS topic that alarms notify. @default there are no alarms */
  readonly alarmTopicArn?: string;
}
