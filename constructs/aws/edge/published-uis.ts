import { AutoscalingAttachment } from "@cdktf/provider-aws/lib/autoscaling-attachment";
import type { Lb } from "@cdktf/provider-aws/lib/lb";
import { LbListener } from "@cdktf/provider-aws/lib/lb-listener";
import { LbTargetGroup } from "@cdktf/provider-aws/lib/lb-target-group";
import { VpcSecurityGroupIngressRule } from "@cdktf/provider-aws/lib/vpc-security-group-ingress-rule";
import { Construct } from "constructs";
import { attachChecks } from "../../checks/attach";
import { MeshError } from "../../core/errors";
import * as is from "../../core/shape";
import { AWS_CHECKS } from "../checks";
import { awsName } from "../names";
import { addTags, TAGS, tagsOf, type Tags } from "../tags";
import { addCertificate } from "./certificate";
import type { ServersLike } from "./cluster-like";
import { addDnsRecords } from "./dns-records";
import { addLoadBalancer, addTargetAlarm, allowToMachines } from "./load-balancer";
import { PUBLISH_SHAPE, ruleSource, type PublishOptions } from "./publish-options";
import { TLS_POLICY } from "./tls-policy";

/** Options of {@link AwsCluster.publishUis}. */
export interface PublishUisOptions extends Pick<PublishOptions, "certificateArn" | "domain"> {
  /** Who can connect: ids of security groups and of prefix lists, and CIDR blocks, such as that of a VPN. */
  readonly allowFrom: readonly string[];
  /** Prefix of all names: at most 32 characters. @default `<cluster>-uis` */
  readonly name?: string;
}

/** @internal */
export const PUBLISH_UIS_SHAPE: is.Shape<PublishUisOptions> = {
  allowFrom: is.required(PUBLISH_SHAPE.allowFrom, "List security groups, prefix lists or CIDR blocks."),
  certificateArn: PUBLISH_SHAPE.certificateArn,
  domain: PUBLISH_SHAPE.domain,
  name: PUBLISH_SHAPE.name,
};

/** Props of {@link PublishedUis}. */
export interface PublishedUisProps extends PublishUisOptions {
  /** The cluster, with `uis`. */
  readonly cluster: ServersLike;
  /** Tags of all resources. @default none */
  readonly tags?: Tags;
}

const PUBLISHED_UIS_SHAPE: is.Shape<PublishedUisProps> = {
  ...PUBLISH_UIS_SHAPE,
  cluster: is.required(is.like("an AwsCluster", "serversSecurityGroupId")),
  tags: TAGS,
};

/** The HTTPS APIs of a server, which have the UIs, and what answers there without a token. */
const UIS = [
  { engine: "consul", port: 8501, path: "/v1/status/leader" },
  { engine: "nomad", port: 4646, path: "/v1/agent/health" },
] as const;

/**
 * An internal Network Load Balancer in front of the UIs of a cluster: Consul's at port 8501, Nomad's at port 4646. It terminates TLS with a
 * certificate that browsers trust, and connects to the servers by TLS. It cannot be internet-facing. Users still need a token.
 *
 * @example
 * new PublishedUis(stack, "uis", { cluster, allowFrom: ["10.8.0.0/16"], domain: { name: "mesh.example.com", zoneId } });
 */
export class PublishedUis extends Construct {
  /** The name that AWS gives the load balancer. */
  readonly dnsName: string;
  /** Id of the security group of the load balancer. */
  readonly securityGroupId: string;

  private readonly name: string;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: PublishedUisProps,
  ) {
    super(scope, id);
    is.refuseWrongValues(this, props, PUBLISHED_UIS_SHAPE);
    attachChecks(this, AWS_CHECKS);
    const { cluster, domain } = props;
    this.name = awsName(this, "load balancer", props.name ?? `${cluster.name}-uis`);
    addTags(this, { ...props.tags, "meshform:cluster": cluster.name });
    this.refuseUnreachable();
    const certificateArn = props.certificateArn ?? (domain && addCertificate(this, domain));
    const { privateSubnetIds, ipv6 } = cluster.loadBalancers;
    const { balancer, securityGroupId } = addLoadBalancer(this, cluster, {
      ...{ name: this.name, kind: "network", isPublic: false, subnetIds: privateSubnetIds },
      description: `Load balancer of the UIs of the cluster ${cluster.name}`,
    });
    this.securityGroupId = securityGroupId;
    this.dnsName = balancer.dnsName;
    for (const ui of UIS) {
      this.addRules(ui);
      this.addListener(ui, balancer, certificateArn);
    }
    if (domain !== undefined) addDnsRecords(this, domain, balancer, ipv6);
  }

  private refuseUnreachable(): void {
    const { cluster, allowFrom, certificateArn, domain } = this.props;
    if (!cluster.uis) {
      throw new MeshError(
        this,
        `The servers of the cluster ${cluster.name} accept HTTPS only with a certificate of the cluster, which browsers do not have.`,
        "Set uis of the AwsCluster to true.",
      );
    }
    if (certificateArn === undefined && domain === undefined) {
      throw new MeshError(this, "The load balancer has no certificate.", "Set certificateArn or domain.");
    }
    if (allowFrom.length === 0) {
      throw new MeshError(
        this,
        "Nothing can connect to the load balancer: allowFrom is empty.",
        "List security groups, prefix lists or CIDR blocks in allowFrom.",
      );
    }
  }

  private addRules({ engine, port }: (typeof UIS)[number]): void {
    const { cluster, allowFrom } = this.props;
    const tags = tagsOf(this, `${this.name}-${engine}`);
    allowFrom.forEach((source, index) => {
      new VpcSecurityGroupIngressRule(this, `${engine}-from-${index + 1}`, {
        securityGroupId: this.securityGroupId,
        ...ruleSource(this, source),
        ...{ ipProtocol: "tcp", fromPort: port, toPort: port, tags },
        description: `Browsers that use the UI of ${engine}`,
      });
    });
    allowToMachines(this, engine, this.securityGroupId, cluster.serversSecurityGroupId, {
      ...{ port, tags },
      description: `Load balancer of the UI of ${engine}, and its health checks`,
    });
  }

  private addListener(
    { engine, port, path }: (typeof UIS)[number],
    balancer: Lb,
    certificateArn: string | undefined,
  ): void {
    const { cluster } = this.props;
    const target = new LbTargetGroup(this, `${engine}-targets`, {
      namePrefix: "mesh-",
      vpcId: cluster.loadBalancers.vpcId,
      ...{ port, protocol: "TLS", targetType: "instance" },
      deregistrationDelay: "60",
      connectionTermination: true,
      healthCheck: {
        ...{ port: "traffic-port", protocol: "HTTPS", path, matcher: "200-399" },
        ...{ interval: 10, healthyThreshold: 2, unhealthyThreshold: 2 },
      },
      tags: tagsOf(this, `${this.name}-${engine}`),
      lifecycle: { createBeforeDestroy: true },
    });
    new LbListener(this, `${engine}-listener`, {
      loadBalancerArn: balancer.arn,
      ...{ port, protocol: "TLS", certificateArn, sslPolicy: TLS_POLICY },
      defaultAction: [{ type: "forward", targetGroupArn: target.arn }],
      tags: tagsOf(this, `${this.name}-${engine}`),
    });
    new AutoscalingAttachment(this, `${engine}-servers`, {
      autoscalingGroupName: cluster.serverGroupName,
      lbTargetGroupArn: target.arn,
    });
    addTargetAlarm(this, `${engine}-alarm`, cluster, {
      ...{ balancer, target, name: `${this.name}-${engine}` },
      description: `No server of the cluster ${cluster.name} answers ${path} of ${engine}.`,
    });
  }
}
