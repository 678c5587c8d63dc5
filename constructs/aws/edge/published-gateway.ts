import { AutoscalingAttachment } from "@cdktf/provider-aws/lib/autoscaling-attachment";
import type { Lb } from "@cdktf/provider-aws/lib/lb";
import { LbListener } from "@cdktf/provider-aws/lib/lb-listener";
import { LbTargetGroup } from "@cdktf/provider-aws/lib/lb-target-group";
import { VpcSecurityGroupIngressRule } from "@cdktf/provider-aws/lib/vpc-security-group-ingress-rule";
import { Construct } from "constructs";
import { attachChecks } from "../../checks/attach";
import { silence } from "../../checks/silence";
import { MeshError } from "../../core/errors";
import * as is from "../../core/shape";
import { isToken } from "../../core/token";
import { AWS_CHECKS } from "../checks";
import { awsName } from "../names";
import { addTags, TAGS, tagsOf, type Tags } from "../tags";
import { addCertificate } from "./certificate";
import type { ClusterLike } from "./cluster-like";
import { addDnsRecords } from "./dns-records";
import { addLoadBalancer, addTargetAlarm, allowToMachines } from "./load-balancer";
import {
  GATEWAY,
  PUBLISH_SHAPE,
  ruleSource,
  type GatewayLike,
  type GatewayListenerLike,
  type PublishOptions,
  type RuleSource,
} from "./publish-options";
import { TLS_POLICY } from "./tls-policy";

/** Props of {@link PublishedGateway}. */
export interface PublishedGatewayProps extends PublishOptions {
  /** The cluster on whose clients the gateway runs. */
  readonly cluster: ClusterLike;
  /** The gateway. */
  readonly gateway: GatewayLike;
  /** Tags of all resources. @default none */
  readonly tags?: Tags;
}

const PUBLISHED_GATEWAY_SHAPE: is.Shape<PublishedGatewayProps> = {
  ...PUBLISH_SHAPE,
  cluster: is.required(is.like("an AwsCluster", "clientsSecurityGroupId")),
  gateway: is.required(GATEWAY),
  tags: TAGS,
};

/** A listener of the gateway, with what it becomes at the load balancer. */
interface Published {
  readonly listener: GatewayListenerLike;
  readonly hostPort: number;
  /** Port of the load balancer. */
  readonly port: number;
}

/**
 * A load balancer in front of a gateway: its listeners forward to the ports of the gateway on the machines of client pools. Its
 * security group is the only source from which the machines accept connections on these ports. It writes access logs into the
 * bucket of the cluster, and checks the health of the very ports, so that only machines with a running gateway get connections.
 * A machine that leaves its group is deregistered before it drains.
 *
 * @example
 * new PublishedGateway(stack, "edge", { cluster, gateway, internetFacing: true, domain: { name: "shop.example.com", zoneId } });
 * @see https://docs.aws.amazon.com/elasticloadbalancing/latest/network/introduction.html
 */
export class PublishedGateway extends Construct {
  /** The name that AWS gives the load balancer, e.g. `prod-gateway-0123456789abcdef.elb.eu-central-1.amazonaws.com`. */
  readonly dnsName: string;
  /** Id of the security group of the load balancer. */
  readonly securityGroupId: string;

  private readonly name: string;
  private readonly isApplication: boolean;
  private readonly isPublic: boolean;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: PublishedGatewayProps,
  ) {
    super(scope, id);
    is.refuseWrongValues(this, props, PUBLISHED_GATEWAY_SHAPE);
    attachChecks(this, AWS_CHECKS);
    const { cluster, gateway, domain } = props;
    this.name = awsName(this, "load balancer", props.name ?? `${cluster.name}-${gateway.serviceName}`);
    this.isApplication = props.kind === "application";
    this.isPublic = props.internetFacing ?? false;
    addTags(this, { ...props.tags, "meshform:cluster": cluster.name, "meshform:gateway": gateway.serviceName });
    const terminatesTls =
      props.certificateArn !== undefined ||
      (domain !== undefined && gateway.listeners.some(({ options }) => options.tls === undefined));
    const published = this.published(terminatesTls);
    this.refuseListeners(published, terminatesTls);
    const sources = this.sources();
    const subnetIds = this.subnetIds();
    const groups = this.groups();

    const { balancer, securityGroupId } = addLoadBalancer(this, cluster, {
      ...{ name: this.name, isPublic: this.isPublic, subnetIds },
      kind: this.isApplication ? "application" : "network",
      description: `Load balancer of the gateway ${gateway.serviceName}`,
    });
    this.securityGroupId = securityGroupId;
    for (const it of published) {
      this.addRules(it, sources);
    }
    this.dnsName = balancer.dnsName;
    const certificateArn =
      props.certificateArn ?? (terminatesTls && domain !== undefined ? addCertificate(this, domain) : undefined);
    for (const it of published) {
      this.addListener(it, { balancer, certificateArn, groups });
    }
    if (domain !== undefined) {
      addDnsRecords(this, domain, balancer, cluster.loadBalancers.ipv6);
    }
  }

  private published(terminatesTls: boolean): readonly Published[] {
    const { gateway, ports = {} } = this.props;
    const known = gateway.listeners.map(({ options }) => options.port);
    const unknown = Object.keys(ports).find((port) => !known.includes(Number(port)));
    if (unknown !== undefined) {
      throw new MeshError(
        this,
        `ports has port ${unknown}, but the listeners of the gateway ${gateway.serviceName} have ${known.join(", ")}.`,
        "Use the port of a listener.",
      );
    }
    return gateway.listeners.map((listener) => {
      const { port, hostPort = port } = listener.options;
      const own = terminatesTls && gateway.listeners.length === 1 ? 443 : hostPort;
      return { listener, hostPort, port: port in ports ? ports[port] : own };
    });
  }

  /** What AWS would refuse, or what would not work. */
  private refuseListeners(published: readonly Published[], terminatesTls: boolean): void {
    const { gateway } = this.props;
    const repeated = published.find(
      ({ port }, index) => !isToken(port) && published.findIndex((it) => it.port === port) !== index,
    );
    if (repeated !== undefined) {
      throw new MeshError(
        this,
        `Two listeners of the gateway ${gateway.serviceName} would have port ${repeated.port} of the load balancer.`,
        "Set another one in ports.",
      );
    }
    if (!this.isApplication) return;
    for (const { listener } of published) {
      const { port } = listener.options;
      if (listener.protocol === "tcp") {
        throw new MeshError(
          this,
          `The listener on port ${port} of the gateway ${gateway.serviceName} is for tcp, which an Application Load Balancer does not forward.`,
          'Set kind to "network".',
        );
      }
      if (["http2", "grpc"].includes(listener.protocol) && !terminatesTls) {
        throw new MeshError(
          this,
          `The listener on port ${port} of the gateway ${gateway.serviceName} is for ${listener.protocol}, which an Application Load Balancer forwards only from a TLS listener.`,
          'Set certificateArn or domain, or set kind to "network".',
        );
      }
    }
  }

  private sources(): readonly RuleSource[] {
    const { allowFrom, cluster } = this.props;
    if (allowFrom === undefined && this.isPublic) {
      return [{ cidrIpv4: "0.0.0.0/0" }, ...(cluster.loadBalancers.ipv6 ? [{ cidrIpv6: "::/0" }] : [])];
    }
    if (allowFrom === undefined || allowFrom.length === 0) {
      throw new MeshError(
        this,
        "Nothing can connect to the load balancer: allowFrom is empty.",
        "List security groups, prefix lists or CIDR blocks in allowFrom, or set internetFacing to true.",
      );
    }
    return allowFrom.map((it) => ruleSource(this, it));
  }

  private subnetIds(): readonly string[] {
    const { publicSubnetIds, privateSubnetIds } = this.props.cluster.loadBalancers;
    const subnets = this.isPublic ? publicSubnetIds : privateSubnetIds;
    if (subnets.length === 0) {
      throw new MeshError(
        this,
        "It has internetFacing, but the network has no public subnets.",
        "Set publicSubnetIds of Network.fromIds, or omit internetFacing.",
      );
    }
    if (this.isApplication && subnets.length < 2 && !isToken(subnets)) {
      throw new MeshError(
        this,
        "An Application Load Balancer needs subnets in two zones, and the network has one.",
        'Use a network with more zones, or set kind to "network".',
      );
    }
    return subnets;
  }

  /** The Auto Scaling groups by pool. */
  private groups(): readonly (readonly [string, string])[] {
    const { cluster, pools = cluster.privatePoolNames } = this.props;
    if (pools === undefined) {
      throw new MeshError(
        this,
        `Which client pools the cluster ${cluster.name} has is not known at synthesis.`,
        "Set pools to those on which the gateway runs.",
      );
    }
    if (pools.length === 0) {
      throw new MeshError(
        this,
        `The cluster ${cluster.name} has no client pool on which the gateway could run.`,
        "Add one before you publish the gateway.",
      );
    }
    return pools.map((pool) => {
      if (cluster.poolNames?.includes(pool) === false) {
        throw new MeshError(
          this,
          `The cluster ${cluster.name} has no client pool ${pool}.`,
          `Choose from its pools: ${cluster.poolNames.join(", ")}.`,
        );
      }
      return [pool, cluster.groupNameOf(pool)] as const;
    });
  }

  private addRules({ port, hostPort, listener }: Published, sources: readonly RuleSource[]): void {
    const { clientsSecurityGroupId } = this.props.cluster;
    const { serviceName } = this.props.gateway;
    const id = listener.options.port;
    sources.forEach((source, index) => {
      const rule = new VpcSecurityGroupIngressRule(this, `${id}-from-${index + 1}`, {
        securityGroupId: this.securityGroupId,
        ...source,
        ...{ ipProtocol: "tcp", fromPort: port, toPort: port },
        description: `Clients of the gateway ${serviceName}`,
        tags: tagsOf(this, `${this.name}-${id}`),
      });
      if (this.isPublic) {
        silence(rule, "open-to-the-world", "The load balancer is internet-facing by configuration.");
      }
    });
    allowToMachines(this, String(id), this.securityGroupId, clientsSecurityGroupId, {
      port: hostPort,
      description: `Load balancer of the gateway ${serviceName}, and its health checks`,
      tags: tagsOf(this, `${this.name}-${id}`),
    });
  }

  private addListener(
    { listener, hostPort, port }: Published,
    parts: {
      readonly balancer: Lb;
      readonly certificateArn: string | undefined;
      readonly groups: readonly (readonly [string, string])[];
    },
  ): void {
    const { protocol, options } = listener;
    const id = options.port;
    const gatewayHasTls = options.tls !== undefined;
    const { certificateArn } = parts;
    const hasTls = certificateArn !== undefined;
    const target = new LbTargetGroup(this, `${id}-targets`, {
      // A target group with another port replaces the old one before that is removed, so both have names.
      namePrefix: "mesh-",
      vpcId: this.props.cluster.loadBalancers.vpcId,
      port: hostPort,
      targetType: "instance",
      deregistrationDelay: String(this.props.deregistrationSeconds ?? 60),
      ...(this.isApplication
        ? {
            protocol: gatewayHasTls ? "HTTPS" : "HTTP",
            protocolVersion: protocol === "grpc" ? "GRPC" : protocol === "http2" ? "HTTP2" : "HTTP1",
          }
        : { protocol: gatewayHasTls && hasTls ? "TLS" : "TCP", connectionTermination: true }),
      healthCheck: {
        port: "traffic-port",
        interval: 10,
        healthyThreshold: 2,
        unhealthyThreshold: 2,
        ...(this.isApplication
          ? // Any answer is one of the gateway: which paths it has is up to its routes.
            { protocol: gatewayHasTls ? "HTTPS" : "HTTP", path: "/", matcher: protocol === "grpc" ? "0-99" : "200-499" }
          : { protocol: "TCP" }),
      },
      tags: tagsOf(this, `${this.name}-${id}`),
      lifecycle: { createBeforeDestroy: true },
    });
    const created = new LbListener(this, `${id}-listener`, {
      loadBalancerArn: parts.balancer.arn,
      port,
      protocol: this.isApplication ? (hasTls ? "HTTPS" : "HTTP") : hasTls ? "TLS" : "TCP",
      certificateArn,
      sslPolicy: hasTls ? TLS_POLICY : undefined,
      // Clients of HTTP/2 ask for it in the TLS handshake.
      alpnPolicy: hasTls && !this.isApplication && ["http2", "grpc"].includes(protocol) ? "HTTP2Only" : undefined,
      defaultAction: [{ type: "forward", targetGroupArn: target.arn }],
      tags: tagsOf(this, `${this.name}-${port}`),
    });
    if (gatewayHasTls && !this.isApplication) {
      silence(created, "public-without-tls", "The gateway terminates TLS.");
    }
    addTargetAlarm(this, `${id}-alarm`, this.props.cluster, {
      ...{ balancer: parts.balancer, target, name: `${this.name}-${port}` },
      description: `No machine runs the gateway ${this.props.gateway.serviceName}, or none accepts connections on port ${hostPort}.`,
    });
    for (const [pool, groupName] of parts.groups) {
      new AutoscalingAttachment(this, `${id}-${pool}`, {
        autoscalingGroupName: groupName,
        lbTargetGroupArn: target.arn,
      });
    }
  }
}
