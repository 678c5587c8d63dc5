import { Lb } from "@cdktf/provider-aws/lib/lb";
import type { LbTargetGroup } from "@cdktf/provider-aws/lib/lb-target-group";
import { SecurityGroup } from "@cdktf/provider-aws/lib/security-group";
import { VpcSecurityGroupEgressRule } from "@cdktf/provider-aws/lib/vpc-security-group-egress-rule";
import { VpcSecurityGroupIngressRule } from "@cdktf/provider-aws/lib/vpc-security-group-ingress-rule";
import type { Construct } from "constructs";
import { internalLoadBalancersOf } from "../checks/machines";
import { awsName } from "../names";
import { tagsOf } from "../tags";
import { addAlarm } from "../watch/alarm";
import type { ClusterLike } from "./cluster-like";

/** Options of {@link addLoadBalancer}. */
export interface LoadBalancerOptions {
  /** Prefix of all names. */
  readonly name: string;
  readonly kind: "application" | "network";
  readonly isPublic: boolean;
  readonly subnetIds: readonly string[];
  /** What it is for. */
  readonly description: string;
}

/** A load balancer, and the security group in which it is from the start. */
export interface LoadBalancer {
  readonly balancer: Lb;
  readonly securityGroupId: string;
}

/** Adds a load balancer with its security group. It writes access logs into the bucket of the cluster. */
export function addLoadBalancer(
  scope: Construct,
  { loadBalancers, deletionProtection, logsBucketName }: ClusterLike,
  { name, kind, isPublic, subnetIds, description }: LoadBalancerOptions,
): LoadBalancer {
  const securityGroup = new SecurityGroup(scope, "security-group", {
    vpcId: loadBalancers.vpcId,
    name: awsName(scope, "security group", `${name}-load-balancer`),
    description,
    tags: tagsOf(scope, `${name}-load-balancer`),
  });
  if (!isPublic) internalLoadBalancersOf(scope).push(loadBalancers);
  const balancer = new Lb(scope, "load-balancer", {
    name,
    loadBalancerType: kind,
    internal: !isPublic,
    ipAddressType: loadBalancers.ipv6 ? "dualstack" : "ipv4",
    subnets: [...subnetIds],
    securityGroups: [securityGroup.id],
    // What it is for may run in one of the zones only.
    enableCrossZoneLoadBalancing: true,
    enableDeletionProtection: deletionProtection,
    dropInvalidHeaderFields: kind === "application" || undefined,
    accessLogs: { bucket: logsBucketName, prefix: `load-balancers/${name}`, enabled: true },
    tags: tagsOf(scope, name),
  });
  return { balancer, securityGroupId: securityGroup.id };
}

/** Lets a load balancer reach a port of machines: a rule at its security group, and one at theirs. */
export function allowToMachines(
  scope: Construct,
  id: string,
  securityGroupId: string,
  machinesSecurityGroupId: string,
  {
    port,
    description,
    tags,
  }: { readonly port: number; readonly description: string; readonly tags: Record<string, string> },
): void {
  const rule = { ipProtocol: "tcp", fromPort: port, toPort: port, description, tags };
  new VpcSecurityGroupEgressRule(scope, `${id}-out`, {
    securityGroupId,
    referencedSecurityGroupId: machinesSecurityGroupId,
    ...rule,
  });
  new VpcSecurityGroupIngressRule(scope, `${id}-in`, {
    securityGroupId: machinesSecurityGroupId,
    referencedSecurityGroupId: securityGroupId,
    ...rule,
  });
}

/** Adds an alarm for a target group without a healthy target, if the cluster has alarms. */
export function addTargetAlarm(
  scope: Construct,
  id: string,
  { alarmTopicArn }: ClusterLike,
  {
    balancer,
    target,
    name,
    description,
  }: {
    readonly balancer: Lb;
    readonly target: LbTargetGroup;
    readonly name: string;
    readonly description: string;
  },
): void {
  if (alarmTopicArn === undefined) return;
  addAlarm(scope, id, {
    name: `${name}-no-healthy-target`,
    description,
    namespace: balancer.loadBalancerTypeInput === "application" ? "AWS/ApplicationELB" : "AWS/NetworkELB",
    metric: "HealthyHostCount",
    dimensions: { LoadBalancer: balancer.arnSuffix, TargetGroup: target.arnSuffix },
    ...{ atLeast: 1, minutes: 3, topicArn: alarmTopicArn },
  });
}
