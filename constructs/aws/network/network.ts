import { DataAwsAvailabilityZones } from "@cdktf/provider-aws/lib/data-aws-availability-zones";
import { DefaultSecurityGroup } from "@cdktf/provider-aws/lib/default-security-group";
import { EgressOnlyInternetGateway } from "@cdktf/provider-aws/lib/egress-only-internet-gateway";
import { Eip } from "@cdktf/provider-aws/lib/eip";
import { InternetGateway } from "@cdktf/provider-aws/lib/internet-gateway";
import { NatGateway } from "@cdktf/provider-aws/lib/nat-gateway";
import { Route } from "@cdktf/provider-aws/lib/route";
import { RouteTable } from "@cdktf/provider-aws/lib/route-table";
import { RouteTableAssociation } from "@cdktf/provider-aws/lib/route-table-association";
import { SecurityGroup } from "@cdktf/provider-aws/lib/security-group";
import { Subnet } from "@cdktf/provider-aws/lib/subnet";
import { Vpc } from "@cdktf/provider-aws/lib/vpc";
import { VpcEndpoint } from "@cdktf/provider-aws/lib/vpc-endpoint";
import { Fn } from "cdktf";
import { Construct } from "constructs";
import { MeshError } from "../../core/errors";
import * as is from "../../core/shape";
import { isToken } from "../../core/token";
import { AwsAccount } from "../account";
import { awsName } from "../names";
import { addTags, TAGS, tagsOf, type Tags } from "../tags";
import type { Cidr } from "./cidr";
import { FlowLogs } from "./flow-logs";
import { ImportedNetwork, type NetworkIds } from "./imported-network";
import { Nat } from "./nat";
import type { NetworkLike, NetworkSubnet } from "./network-like";
import { ipv6PlaceOf, networkCidr, subnetOf, type SubnetKind } from "./subnet-plan";

/** Props of {@link Network}. */
export interface NetworkProps {
  /** Prefix of the names of its resources. @default the construct's id */
  readonly name?: string;
  /**
   * Its IPv4 addresses, from /16 to /23 of a private range. Three quarters of them are cut into subnets.
   * @default "10.0.0.0/16"
   */
  readonly cidr?: string;
  /**
   * In how many availability zones it is, from 1 to 3, or in which. A number takes the first ones of the region's list when the
   * network is made, and stays with them.
   * @default 3
   */
  readonly zones?: number | readonly string[];
  /** How machines reach the internet over IPv4. @default Nat.single() */
  readonly nat?: Nat;
  /** Whether there are subnets without internet access, for databases of your own. @default false */
  readonly isolated?: boolean;
  /** Whether there are subnets for mesh gateways that connect to another network, see {@link ClusterConnection}. @default false */
  readonly gateways?: boolean;
  /**
   * Services of AWS that get an endpoint in each zone, e.g. `secretsmanager`, `ssm`, `ssmmessages`, `ec2`, `logs`. Each costs by
   * the hour and zone; three of them in three zones cost more than a NAT gateway. S3 has an endpoint of another kind, which costs
   * nothing.
   * @default none
   * @see https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html
   */
  readonly interfaceEndpoints?: readonly string[];
  /**
   * Whether subnets have IPv6 addresses too, which load balancers listen on and machines reach the internet from. Agents talk to
   * each other over IPv4 all the same.
   * @default false
   */
  readonly ipv6?: boolean;
  /** Where it is written down which address talked to which; `false` for nowhere. @default FlowLogs.toCloudWatch() */
  readonly flowLogs?: FlowLogs | false;
  /** Tags of everything in it. @default none */
  readonly tags?: Tags;
}

/** @internal */
export const NETWORK_SHAPE: is.Shape<NetworkProps> = {
  name: is.literal(is.name, "Use a literal name."),
  cidr: is.literal(is.text, "Use a literal CIDR block: the subnets are calculated from it."),
  zones: is.literal((place, property, value) => {
    (typeof value === "number" ? is.number : is.list(is.name))(place, property, value);
  }, "Use a literal number or literal names: each zone has subnets."),
  nat: is.like("Nat.single()", "gatewaysFor"),
  isolated: is.literal(is.flag, "Use a literal value."),
  gateways: is.literal(is.flag, "Use a literal value."),
  interfaceEndpoints: is.literalList(is.name),
  ipv6: is.literal(is.flag, "Use a literal value."),
  flowLogs: is.falseOr(is.made("FlowLogs.toCloudWatch()")),
  tags: TAGS,
};

const ANYWHERE = "0.0.0.0/0";
const ANYWHERE_IPV6 = "::/0";

/**
 * A VPC for a cluster: in each zone a private subnet for machines and a public one for load balancers, which no machine gets an
 * address of. The default security group lets nothing pass, and S3 is reached without a NAT gateway.
 *
 * @example
 * const network = new Network(stack, "network", { zones: 3, nat: Nat.perZone() });
 */
export class Network extends Construct implements NetworkLike {
  /** Uses an existing network, with its subnets for machines and load balancers. */
  static fromIds(scope: Construct, id: string, ids: NetworkIds): NetworkLike {
    return new ImportedNetwork(scope, id, ids);
  }

  /** e.g. `vpc-0abc…` */
  readonly vpcId: string;
  readonly privateSubnets: readonly NetworkSubnet[];
  readonly publicSubnets: readonly NetworkSubnet[];
  readonly isolatedSubnets: readonly NetworkSubnet[];
  readonly gatewaySubnets: readonly NetworkSubnet[];
  readonly gatewayRouteTableIds: readonly string[];
  /** Its IPv4 addresses. */
  readonly cidr: string;
  readonly hasInternetAccess: boolean;
  readonly ipv6: boolean;
  readonly endpointsSecurityGroupId: string | undefined;
  readonly s3PrefixListId: string;
  /** How many NAT gateways there are. */
  readonly natGateways: number;

  private readonly name: string;
  private readonly block: Cidr;
  private readonly vpc: Vpc;
  private readonly zones: readonly string[];
  /** Whether the zones are those that the region's list began with. */
  private readonly zonesAreFound: boolean;

  constructor(scope: Construct, id: string, props: NetworkProps = {}) {
    super(scope, id);
    is.refuseWrongValues(this, props, NETWORK_SHAPE);
    const { zones = 3, nat = Nat.single(), isolated = false, ipv6 = false, flowLogs = FlowLogs.toCloudWatch() } = props;
    this.name = props.name ?? id;
    addTags(this, props.tags ?? {});
    this.block = networkCidr(this, props.cidr ?? "10.0.0.0/16");
    this.cidr = this.block.toString();
    this.zonesAreFound = typeof zones === "number";
    this.zones = this.zoneNames(zones);
    this.ipv6 = ipv6;
    this.natGateways = nat.gatewaysFor(this.zones.length);
    this.hasInternetAccess = this.natGateways > 0;

    this.vpc = new Vpc(this, "vpc", {
      cidrBlock: this.cidr,
      assignGeneratedIpv6CidrBlock: ipv6 || undefined,
      // Interface endpoints answer to the names of their services.
      enableDnsHostnames: true,
      enableDnsSupport: true,
      tags: tagsOf(this, this.name),
    });
    this.vpcId = this.vpc.id;
    // It has no rules, so that an instance that is started in it by mistake has no network access.
    new DefaultSecurityGroup(this, "default-security-group", {
      vpcId: this.vpcId,
      tags: tagsOf(this, `${this.name}-default-empty`),
    });

    const gateway = new InternetGateway(this, "internet-gateway", { vpcId: this.vpcId, tags: tagsOf(this, this.name) });
    const publicTable = this.routeTable("public");
    this.route(publicTable, "internet", { destinationCidrBlock: ANYWHERE, gatewayId: gateway.id });
    if (ipv6) {
      this.route(publicTable, "internet-ipv6", { destinationIpv6CidrBlock: ANYWHERE_IPV6, gatewayId: gateway.id });
    }
    this.publicSubnets = this.subnets("public", () => publicTable);

    const natGateways = this.publicSubnets
      .slice(0, this.natGateways)
      .map((subnet, index) => this.natGateway(subnet, index, gateway));
    const egressOnly = ipv6
      ? new EgressOnlyInternetGateway(this, "egress-only-gateway", {
          vpcId: this.vpcId,
          tags: tagsOf(this, this.name),
        })
      : undefined;
    const tableOf = (kind: SubnetKind) => (_: string, zone: number) => {
      const table = this.routeTable(`${kind}-${zone + 1}`);
      const natGateway = natGateways.at(Math.min(zone, natGateways.length - 1));
      if (natGateway !== undefined) {
        this.route(table, "internet", { destinationCidrBlock: ANYWHERE, natGatewayId: natGateway.id });
      }
      if (egressOnly !== undefined) {
        this.route(table, "internet-ipv6", {
          destinationIpv6CidrBlock: ANYWHERE_IPV6,
          egressOnlyGatewayId: egressOnly.id,
        });
      }
      return table;
    };
    const privateTables = this.zones.map(tableOf("private"));
    this.privateSubnets = this.subnets("private", (zone) => privateTables[zone]);

    // Only these have routes to another network.
    const gatewayTables = props.gateways === true ? this.zones.map(tableOf("gateway")) : [];
    this.gatewaySubnets = props.gateways === true ? this.subnets("gateway", (zone) => gatewayTables[zone]) : [];
    this.gatewayRouteTableIds = gatewayTables.map((table) => table.id);

    const isolatedTable = isolated ? [this.routeTable("isolated")] : [];
    this.isolatedSubnets = isolatedTable.flatMap((table) => this.subnets("isolated", () => table));

    const { region } = AwsAccount.of(this);
    const s3 = new VpcEndpoint(this, "s3", {
      vpcId: this.vpcId,
      vpcEndpointType: "Gateway",
      serviceName: `com.amazonaws.${region}.s3`,
      routeTableIds: [...privateTables, ...gatewayTables, ...isolatedTable, publicTable].map((table) => table.id),
      tags: tagsOf(this, `${this.name}-s3`),
    });
    this.s3PrefixListId = s3.prefixListId;
    this.endpointsSecurityGroupId = this.interfaceEndpoints(props.interfaceEndpoints ?? []);
    if (flowLogs !== false) {
      flowLogs.bind(this, this.name, this.vpcId);
    }
  }

  private zoneNames(zones: number | readonly string[]): readonly string[] {
    const count = typeof zones === "number" ? zones : zones.length;
    if (!Number.isInteger(count) || count < 1 || count > 3) {
      throw new MeshError(this, `It has ${count} zones.`, "Use one to three; three zones tolerate the loss of one.");
    }
    if (typeof zones !== "number") {
      const repeated = zones.find((zone, index) => !isToken(zone) && zones.indexOf(zone) !== index);
      if (repeated !== undefined) {
        throw new MeshError(this, `The zone ${repeated} is listed twice.`, "Use each zone once.");
      }
      return zones;
    }
    // Local and wavelength zones have no NAT gateways.
    const { names } = new DataAwsAvailabilityZones(this, "zones", {
      state: "available",
      filter: [{ name: "zone-type", values: ["availability-zone"] }],
    });
    return Array.from({ length: count }, (_, index) => Fn.element(names, index) as string);
  }

  private subnets(kind: SubnetKind, tableOf: (zone: number) => RouteTable): NetworkSubnet[] {
    return this.zones.map((availabilityZone, zone) => {
      const id = `${kind}-${zone + 1}`;
      const cidr = subnetOf(this.block, kind, zone).toString();
      const subnet = new Subnet(this, `${id}-subnet`, {
        vpcId: this.vpcId,
        availabilityZone,
        cidrBlock: cidr,
        mapPublicIpOnLaunch: false,
        ipv6CidrBlock: this.ipv6 ? Fn.cidrsubnet(this.vpc.ipv6CidrBlock, 8, ipv6PlaceOf(kind, zone)) : undefined,
        assignIpv6AddressOnCreation: (this.ipv6 && ["private", "gateway"].includes(kind)) || undefined,
        tags: tagsOf(this, `${this.name}-${id}`),
        // If AWS adds zones or changes their order, existing subnets must stay in their zones.
        lifecycle: this.zonesAreFound ? { ignoreChanges: ["availability_zone"] } : undefined,
      });
      new RouteTableAssociation(this, `${id}-association`, { subnetId: subnet.id, routeTableId: tableOf(zone).id });
      return { id: subnet.id, cidr };
    });
  }

  private routeTable(id: string): RouteTable {
    return new RouteTable(this, `${id}-routes`, { vpcId: this.vpcId, tags: tagsOf(this, `${this.name}-${id}`) });
  }

  private route(
    table: RouteTable,
    id: string,
    target: Omit<ConstructorParameters<typeof Route>[2], "routeTableId">,
  ): void {
    new Route(table, id, { routeTableId: table.id, ...target });
  }

  private natGateway(subnet: NetworkSubnet, zone: number, gateway: InternetGateway): NatGateway {
    const name = `${this.name}-nat-${zone + 1}`;
    const address = new Eip(this, `nat-${zone + 1}-address`, { domain: "vpc", tags: tagsOf(this, name) });
    return new NatGateway(this, `nat-${zone + 1}`, {
      subnetId: subnet.id,
      allocationId: address.id,
      tags: tagsOf(this, name),
      dependsOn: [gateway],
    });
  }

  /** @returns the id of their security group; add a rule to it for each group of machines that uses the endpoints */
  private interfaceEndpoints(services: readonly string[]): string | undefined {
    if (services.length === 0) {
      return undefined;
    }
    const { region, servicePrefix } = AwsAccount.of(this);
    const name = awsName(this, "security group", `${this.name}-endpoints`);
    const group = new SecurityGroup(this, "endpoints", {
      vpcId: this.vpcId,
      name,
      description: "Interface endpoints of AWS services",
      tags: tagsOf(this, name),
    });
    for (const service of services) {
      new VpcEndpoint(this, `endpoint-${service}`, {
        vpcId: this.vpcId,
        vpcEndpointType: "Interface",
        serviceName: `${servicePrefix}.${region}.${service}`,
        subnetIds: this.privateSubnets.map((subnet) => subnet.id),
        securityGroupIds: [group.id],
        privateDnsEnabled: true,
        tags: tagsOf(this, `${this.name}-${service}`),
      });
    }
    return group.id;
  }
}
