import { Route } from "@cdktf/provider-aws/lib/route";
import { VpcPeeringConnection } from "@cdktf/provider-aws/lib/vpc-peering-connection";
import { VpcPeeringConnectionAccepterA } from "@cdktf/provider-aws/lib/vpc-peering-connection-accepter";
import { VpcSecurityGroupEgressRule } from "@cdktf/provider-aws/lib/vpc-security-group-egress-rule";
import { VpcSecurityGroupIngressRule } from "@cdktf/provider-aws/lib/vpc-security-group-ingress-rule";
import type { AwsProvider } from "@cdktf/provider-aws/lib/provider";
import { TerraformStack } from "cdktf";
import { Construct } from "constructs";
import { attachChecks } from "../checks/attach";
import { MeshError } from "../core/errors";
import * as is from "../core/shape";
import { AWS_CHECKS } from "./checks";
import type { AwsCluster } from "./cluster";
import { GATEWAY_FLOWS } from "./flows/table";
import { Cidr } from "./network/cidr";
import { addTags, TAGS, tagsOf, type Tags } from "./tags";

/** Props of {@link ClusterConnection}. */
export interface ClusterConnectionProps {
  /** A cluster in the region of the stack's own provider. Its network has subnets for gateways. */
  readonly cluster: AwsCluster;
  /** The other cluster, likewise. */
  readonly peer: AwsCluster;
  /** The provider of the account and region of `peer`, with an alias. @default the stack's own provider */
  readonly peerProvider?: AwsProvider;
  /**
   * Whether it connects the networks by VPC peering. With `false`, they are connected already, e.g. by a transit gateway, and it adds only
   * rules of security groups.
   * @default true
   */
  readonly vpcPeering?: boolean;
  /** Tags of all resources. @default none */
  readonly tags?: Tags;
}

/** @internal */
export const CLUSTER_CONNECTION_SHAPE: is.Shape<ClusterConnectionProps> = {
  cluster: is.required(is.like("an AwsCluster", "securityGroups")),
  peer: is.required(is.like("an AwsCluster", "securityGroups")),
  peerProvider: is.like("an AwsProvider", "terraformResourceType"),
  vpcPeering: is.literal(is.flag, "Use a literal value."),
  tags: TAGS,
};

/** One of both clusters, as the other one sees it. */
interface End {
  readonly id: "cluster" | "peer";
  readonly cluster: AwsCluster;
  readonly gatewaysId: string;
  /** CIDR blocks of the subnets of its gateways. */
  readonly cidrs: readonly string[];
  /** The provider of its region. @default the stack's own */
  readonly provider?: AwsProvider;
}

/**
 * Connects the mesh gateways of two clusters, which can be in different regions: VPC peering, routes between the subnets of the gateways, and
 * rules that allow the port of the gateways, 8443, from these subnets. No other machine of one cluster can reach one of the other.
 *
 * Each cluster stays a Consul datacenter of its own. An operator peers the datacenters once, when their mesh gateways run.
 *
 * Put it in a stack of its own. That depends on the stacks of both clusters, which do not depend on each other.
 *
 * @example
 * // peerProvider is an AwsProvider with the alias "peer" and the region of the other cluster.
 * new ClusterConnection(stack, "connection", { cluster: east, peer: west, peerProvider });
 * @see https://docs.aws.amazon.com/vpc/latest/peering/what-is-vpc-peering.html
 */
export class ClusterConnection extends Construct {
  constructor(
    scope: Construct,
    id: string,
    private readonly props: ClusterConnectionProps,
  ) {
    super(scope, id);
    is.refuseWrongValues(this, props, CLUSTER_CONNECTION_SHAPE);
    attachChecks(this, AWS_CHECKS);
    const { cluster, peer, peerProvider, tags = {} } = props;
    addTags(this, tags);
    const [one, other] = [this.endOf("cluster", cluster), this.endOf("peer", peer, peerProvider)];
    this.refuseSameDatacenter();
    const stack = TerraformStack.of(this);
    for (const other of [cluster, peer].map((it) => TerraformStack.of(it))) {
      if (other !== stack) stack.addDependency(other);
    }
    this.refuseOverlap(one, other);
    if (props.vpcPeering ?? true) {
      const connectionId = this.connect();
      this.addRoutes(one, other, connectionId);
      this.addRoutes(other, one, connectionId);
    }
    this.addRules(one, other);
    this.addRules(other, one);
  }

  private endOf(id: End["id"], cluster: AwsCluster, provider?: AwsProvider): End {
    const { network, securityGroups } = cluster;
    const { gatewaysId } = securityGroups;
    if (gatewaysId === undefined) {
      throw new MeshError(
        this,
        `The network of ${cluster.node.path} has no subnets for gateways.`,
        "Set gateways of the Network to true, or gatewaySubnets of Network.fromIds.",
      );
    }
    const cidrs = network.gatewaySubnets.flatMap(({ cidr }) => cidr ?? []);
    return { id, cluster, gatewaysId, cidrs, provider };
  }

  /** Peers of the same name could not be told apart. */
  private refuseSameDatacenter(): void {
    const [datacenter, other] = [this.props.cluster, this.props.peer].map(
      ({ consul }) => consul.cluster.consulDatacenter,
    );
    if (datacenter === other) {
      throw new MeshError(
        this,
        `Both clusters are the datacenter ${datacenter}.`,
        "Set datacenter of one of them to another name.",
      );
    }
  }

  /** AWS refuses to peer networks that overlap, and no route could lead from one to the other. */
  private refuseOverlap(one: End, other: End): void {
    const blocksOf = ({ cluster: { network }, cidrs }: End) => (network.cidr === undefined ? cidrs : [network.cidr]);
    for (const block of blocksOf(one)) {
      for (const otherBlock of blocksOf(other)) {
        const parsed = Cidr.parse(otherBlock);
        if (parsed !== undefined && Cidr.parse(block)?.overlaps(parsed) === true) {
          throw new MeshError(
            this,
            `The addresses ${block} of ${one.cluster.node.path} and ${otherBlock} of ${other.cluster.node.path} overlap.`,
            "Set cidr of one of both networks to other addresses.",
          );
        }
      }
    }
  }

  /** @returns the id of the VPC peering connection, once it is accepted */
  private connect(): string {
    const { cluster, peer, peerProvider } = this.props;
    const tags = tagsOf(this, `${cluster.name}-${peer.name}`);
    const { id } = new VpcPeeringConnection(this, "request", {
      vpcId: cluster.network.vpcId,
      peerVpcId: peer.network.vpcId,
      peerRegion: peerProvider?.region,
      autoAccept: false,
      tags,
    });
    return new VpcPeeringConnectionAccepterA(this, "acceptance", {
      provider: peerProvider,
      vpcPeeringConnectionId: id,
      autoAccept: true,
      tags,
    }).id;
  }

  private addRoutes({ id, cluster, provider }: End, { cidrs }: End, vpcPeeringConnectionId: string): void {
    const tables = cluster.network.gatewayRouteTableIds;
    if (tables === undefined) {
      throw new MeshError(
        this,
        `The route tables of the gateways of ${cluster.node.path} are not known.`,
        "Connect the networks yourself, and set vpcPeering to false.",
      );
    }
    tables.forEach((routeTableId, table) => {
      cidrs.forEach((destinationCidrBlock, index) => {
        new Route(this, `${id}-route-${table + 1}-${index + 1}`, {
          ...{ provider, routeTableId, destinationCidrBlock, vpcPeeringConnectionId },
        });
      });
    });
  }

  /** What the gateways of one end may send to those of the other, and receive from them. */
  private addRules({ id, cluster, gatewaysId: securityGroupId, provider }: End, { cidrs }: End): void {
    for (const { id: flow, to, protocols, ports, why: description } of GATEWAY_FLOWS) {
      if (!to.includes("peer gateways")) continue;
      for (const ipProtocol of protocols) {
        cidrs.forEach((cidrIpv4, index) => {
          const name = `${flow}-${ipProtocol}`;
          const rule = {
            ...{ provider, securityGroupId, cidrIpv4, ipProtocol, description },
            ...{ fromPort: ports[0], toPort: ports[1] },
            tags: tagsOf(this, `${cluster.name}-${name}`),
          };
          new VpcSecurityGroupIngressRule(this, `${id}-${name}-in-${index + 1}`, rule);
          new VpcSecurityGroupEgressRule(this, `${id}-${name}-out-${index + 1}`, rule);
        });
      }
    }
  }
}
