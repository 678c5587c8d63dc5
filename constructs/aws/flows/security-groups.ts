import { SecurityGroup } from "@cdktf/provider-aws/lib/security-group";
import { VpcSecurityGroupEgressRule } from "@cdktf/provider-aws/lib/vpc-security-group-egress-rule";
import { VpcSecurityGroupIngressRule } from "@cdktf/provider-aws/lib/vpc-security-group-ingress-rule";
import { Construct } from "constructs";
import { attachChecks } from "../../checks/attach";
import * as is from "../../core/shape";
import { AWS_CHECKS } from "../checks";
import { securityGroupsOf } from "../checks/prometheus-access";
import { awsName } from "../names";
import type { NetworkLike } from "../network/network-like";
import { addTags, TAGS, tagsOf, type Tags } from "../tags";
import { FLOWS, GATEWAY_FLOWS, PROMETHEUS_FLOWS, type Flow, type FlowParty } from "./table";

/** Props of {@link SecurityGroups}. */
export interface SecurityGroupsProps {
  /** The network of the cluster. */
  readonly network: NetworkLike;
  /** What the groups are named after. @default the construct's id */
  readonly name?: string;
  /** Tags of the groups and their rules. @default none */
  readonly tags?: Tags;
}

/** @internal */
export const SECURITY_GROUPS_SHAPE: is.Shape<SecurityGroupsProps> = {
  network: is.required(is.like("a Network", "privateSubnets")),
  name: is.literal(is.name, "Use a literal name."),
  tags: TAGS,
};

/** One end of connections, as a rule names it. */
interface Peer {
  readonly referencedSecurityGroupId?: string;
  readonly prefixListId?: string;
  readonly cidrIpv4?: string;
  readonly cidrIpv6?: string;
}

/**
 * The security groups of a cluster's servers and clients, and, if its network has subnets for them, of its mesh gateways. Their rules are those
 * of the tables of flows ({@link FLOWS}, {@link GATEWAY_FLOWS}), from group to group; nothing is open to an address.
 *
 * Rules are resources of their own, both halves here, so that the stack of the network knows nothing of the cluster.
 *
 * @example
 * const groups = new SecurityGroups(stack, "security-groups", { network, name: "prod" });
 */
export class SecurityGroups extends Construct {
  /** Id of the servers' group. */
  readonly serversId: string;
  /** Id of the clients' group. */
  readonly clientsId: string;
  /** Id of the additional group of clients that run mesh gateways; `undefined` if the network has no subnets for them. */
  readonly gatewaysId: string | undefined;

  private readonly groups: Groups;
  private isPrometheusAllowed = false;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: SecurityGroupsProps,
  ) {
    super(scope, id);
    is.refuseWrongValues(this, props, SECURITY_GROUPS_SHAPE);
    const { network, name = id } = props;
    addTags(this, props.tags ?? {});
    attachChecks(this, AWS_CHECKS);
    securityGroupsOf(this).push(this);
    this.groups = {
      servers: this.group("servers", `${name}-servers`, "Consul and Nomad servers", network),
      clients: this.group("clients", `${name}-clients`, "Consul and Nomad clients, which run the services", network),
      gateways:
        network.gatewaySubnets.length === 0
          ? undefined
          : this.group("gateways", `${name}-gateways`, "Mesh gateways to other clusters", network),
    };
    this.serversId = this.groups.servers.id;
    this.clientsId = this.groups.clients.id;
    this.gatewaysId = this.groups.gateways?.id;
    this.allow([...FLOWS, ...GATEWAY_FLOWS]);
  }

  /** Whether a Prometheus can scrape the agents. */
  get allowsPrometheus(): boolean {
    return this.isPrometheusAllowed;
  }

  /**
   * Allows a Prometheus to scrape the agents and Envoys ({@link PROMETHEUS_FLOWS}).
   *
   * @param from id of the security group of a Prometheus outside of the cluster; default: the clients, on which that of `addPrometheus` runs
   *
   * @example
   * groups.allowPrometheus();
   */
  allowPrometheus(from?: string): void {
    if (from !== undefined) is.refuseWrongArgument(this, "from", from, is.name);
    this.isPrometheusAllowed = true;
    const source: FlowParty = from === undefined ? "clients" : "Prometheus";
    const flows = PROMETHEUS_FLOWS.filter((flow) => flow.from.includes(source));
    this.allow(
      flows.map((flow) => ({ ...flow, from: [source] })),
      from,
    );
  }

  private allow(flows: readonly Flow[], prometheusId?: string): void {
    const peers = (party: FlowParty) => peersOf(party, { ...this.groups, prometheusId }, this.props.network);
    for (const flow of flows) {
      for (const from of flow.from) {
        for (const to of flow.to) {
          for (const protocol of flow.protocols) {
            this.addRules({ from: [from, peers(from)], to: [to, peers(to)] }, { ...flow, protocol });
          }
        }
      }
    }
  }

  private group(id: string, label: string, description: string, network: NetworkLike): SecurityGroup {
    const name = awsName(this, "security group", label);
    return new SecurityGroup(this, id, {
      vpcId: network.vpcId,
      name,
      description,
      tags: tagsOf(this, name),
    });
  }

  /** Both halves, as far as the groups are of this cluster: what leaves the one, and what comes in to the other. */
  private addRules(
    ends: { readonly from: Ends; readonly to: Ends },
    flow: {
      readonly id: string;
      readonly protocol: string;
      readonly ports: readonly [number, number];
      readonly why: string;
    },
  ): void {
    const [fromName, sources] = ends.from;
    const [toName, destinations] = ends.to;
    const name = `${flow.id}-${flow.protocol}-${fromName}-${toName}`;
    for (const source of sources) {
      destinations.forEach((destination, index) => {
        const rule = {
          ipProtocol: flow.protocol,
          fromPort: flow.ports[0],
          toPort: flow.ports[1],
          description: flow.why,
          tags: tagsOf(this, name),
        };
        const suffix = index === 0 ? "" : `-${index + 1}`;
        if (source.referencedSecurityGroupId !== undefined && fromName !== "Prometheus") {
          new VpcSecurityGroupEgressRule(this, `${name}-out${suffix}`, {
            securityGroupId: source.referencedSecurityGroupId,
            ...destination,
            ...rule,
          });
        }
        if (destination.referencedSecurityGroupId !== undefined) {
          new VpcSecurityGroupIngressRule(this, `${name}-in${suffix}`, {
            securityGroupId: destination.referencedSecurityGroupId,
            ...source,
            ...rule,
          });
        }
      });
    }
  }
}

/** The groups of a cluster. */
type Groups = Readonly<Record<"servers" | "clients", SecurityGroup> & { gateways: SecurityGroup | undefined }>;

type Ends = readonly [FlowParty, readonly Peer[]];

/** How rules name a party; none where the network has no such thing. */
function peersOf(
  party: FlowParty,
  groups: Groups & { readonly prometheusId?: string },
  { endpointsSecurityGroupId, s3PrefixListId, hasInternetAccess, ipv6 }: NetworkLike,
): readonly Peer[] {
  switch (party) {
    case "servers":
    case "clients":
      return [{ referencedSecurityGroupId: groups[party].id }];
    case "gateways":
      return groups.gateways === undefined ? [] : [{ referencedSecurityGroupId: groups.gateways.id }];
    case "Prometheus":
      return groups.prometheusId === undefined ? [] : [{ referencedSecurityGroupId: groups.prometheusId }];
    case "peer gateways":
      // A region cannot name groups of another one: see ClusterConnection.
      return [];
    case "endpoints":
      return endpointsSecurityGroupId === undefined ? [] : [{ referencedSecurityGroupId: endpointsSecurityGroupId }];
    case "S3":
      return s3PrefixListId === undefined ? [] : [{ prefixListId: s3PrefixListId }];
    case "anywhere":
      return [...(hasInternetAccess ? [{ cidrIpv4: "0.0.0.0/0" }] : []), ...(ipv6 ? [{ cidrIpv6: "::/0" }] : [])];
  }
}
