import { DataAwsSsmParameter } from "@cdktf/provider-aws/lib/data-aws-ssm-parameter";
import { Fn, propertyAccess, Token, type IResolvable } from "cdktf";
import { Construct } from "constructs";
import * as is from "../core/shape";
import type { ClusterFacts } from "./cluster-facts";
import { clusterName, clusterParameter } from "./cluster-name";
import type { ClusterLike, LoadBalancerNetwork } from "./edge/cluster-like";
import { GATEWAY, PUBLISH_SHAPE, type GatewayLike, type PublishOptions } from "./edge/publish-options";
import { PublishedGateway } from "./edge/published-gateway";

/** Props of {@link AwsCluster.fromName}. */
export interface ImportedClusterProps {
  /** Name of the cluster, in the account and region of this stack. */
  readonly name: string;
  /** Whether load balancers have IPv6 addresses: the network of the cluster must have them. @default false */
  readonly ipv6?: boolean;
  /** ARN of an SNS topic that the alarms of this app's load balancers notify. @default there are no alarms */
  readonly alarmTopicArn?: string;
}

/** @internal */
export const IMPORTED_CLUSTER_SHAPE: is.Shape<ImportedClusterProps> = {
  name: is.required(is.literal(is.name, "Use a literal name.")),
  ipv6: is.literal(is.flag, "Use a literal value."),
  alarmTopicArn: is.name,
};

/** Options of {@link ImportedCluster.publish}. */
export interface ImportedPublishOptions extends PublishOptions {
  /** The client pools on which the gateway runs: which pools the cluster has is not known at synthesis. */
  readonly pools: readonly string[];
}

const IMPORTED_PUBLISH_SHAPE: is.Shape<ImportedPublishOptions> = {
  ...PUBLISH_SHAPE,
  pools: is.required(PUBLISH_SHAPE.pools, 'Name the client pools on which the gateway runs, such as ["general"].'),
};

/**
 * A cluster that another app created ({@link AwsCluster.fromName}). Only the app that created it can change it, so this has neither
 * hosts nor pools. Terraform reads what it needs from an SSM parameter that the other app wrote.
 */
export class ImportedCluster extends Construct implements ClusterLike {
  /** Prefix of all names. */
  readonly name: string;
  /** Where its load balancers are. */
  readonly loadBalancers: LoadBalancerNetwork;
  /** ARN of the SNS topic that alarms of its load balancers notify; `undefined` without alarms. */
  readonly alarmTopicArn: string | undefined;

  private readonly facts: unknown;

  /** @internal */
  constructor(scope: Construct, id: string, props: ImportedClusterProps) {
    super(scope, id);
    is.refuseWrongValues(this, props, IMPORTED_CLUSTER_SHAPE);
    this.name = clusterName(this, props.name);
    this.alarmTopicArn = props.alarmTopicArn;
    const parameter = new DataAwsSsmParameter(this, "facts", { name: clusterParameter(this.name) });
    // The provider treats every parameter as a secret; plans would hide the subnets.
    this.facts = Fn.jsondecode(Fn.nonsensitive(parameter.value) as string);
    this.loadBalancers = {
      vpcId: Token.asString(this.fact("vpcId")),
      privateSubnetIds: Token.asList(this.fact("privateSubnetIds")),
      publicSubnetIds: Token.asList(this.fact("publicSubnetIds")),
      ipv6: props.ipv6 ?? false,
    };
  }

  /**
   * Adds a load balancer in front of a gateway that runs on client pools of the cluster, in the stack of this construct. The other
   * app need not be applied again.
   *
   * @param gateway an `ApiGateway` or an `IngressGateway`
   *
   * @example
   * cluster.publish(gateway, { pools: ["general"], allowFrom: ["10.0.0.0/16"] });
   */
  publish(gateway: GatewayLike, options: ImportedPublishOptions): PublishedGateway {
    is.refuseWrongArgument(this, "gateway", gateway, GATEWAY);
    is.refuseWrongValues(this, options, IMPORTED_PUBLISH_SHAPE, "publish", gateway.serviceName);
    return new PublishedGateway(this, `publish-${gateway.serviceName}`, { cluster: this, gateway, ...options });
  }

  /** Id of the security group of its clients. */
  get clientsSecurityGroupId(): string {
    return Token.asString(this.fact("clientsSecurityGroupId"));
  }

  /** Name of the bucket for access logs. */
  get logsBucketName(): string {
    return Token.asString(this.fact("logsBucketName"));
  }

  /** Whether its deletion protection is on. */
  get deletionProtection(): IResolvable {
    return this.fact("deletionProtection");
  }

  /** Name of the Auto Scaling group of a client pool. Terraform fails if the cluster has no such pool. */
  groupNameOf(pool: string): string {
    return Token.asString(this.fact("pools", pool));
  }

  private fact(...path: readonly [keyof ClusterFacts, ...string[]]): IResolvable {
    return propertyAccess(this.facts, [...path]);
  }
}
