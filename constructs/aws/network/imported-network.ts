import { Construct } from "constructs";
import { MeshError } from "../../core/errors";
import * as is from "../../core/shape";
import type { NetworkLike, NetworkSubnet } from "./network-like";

/** The ids of an existing network, for {@link Network.fromIds}. */
export interface NetworkIds {
  /** e.g. `vpc-0abc…` */
  readonly vpcId: string;
  /** Ids of subnets for machines: one for each of one to three zones. */
  readonly privateSubnetIds: readonly string[];
  /** Ids of subnets for load balancers that the internet reaches, in the same zones. @default none */
  readonly publicSubnetIds?: readonly string[];
  /** Ids of subnets without internet access, in the same zones. @default none */
  readonly isolatedSubnetIds?: readonly string[];
  /**
   * Subnets for mesh gateways, in the same zones, with routes to the gateways of another network, e.g. by a transit gateway. Their CIDR
   * blocks are required.
   * @default none
   */
  readonly gatewaySubnets?: readonly NetworkSubnet[];
  /** Whether machines in the private subnets reach the internet: by NAT gateways, a transit gateway or a proxy. @default true */
  readonly hasInternetAccess?: boolean;
  /** Whether the subnets have IPv6 addresses, and internet access over them. @default false */
  readonly ipv6?: boolean;
  /** Id of the security group of interface endpoints that machines use. @default none */
  readonly endpointsSecurityGroupId?: string;
  /** Id of S3's prefix list, where the VPC has a gateway endpoint for S3. @default none */
  readonly s3PrefixListId?: string;
}

const IDS = is.literalList(is.name);

const NETWORK_IDS_SHAPE: is.Shape<NetworkIds> = {
  vpcId: is.required(is.name),
  privateSubnetIds: is.required(IDS),
  publicSubnetIds: IDS,
  isolatedSubnetIds: IDS,
  gatewaySubnets: is.list(is.block<NetworkSubnet>({ id: is.required(is.name), cidr: is.required(is.name) })),
  hasInternetAccess: is.literal(is.flag, "Use a literal value."),
  ipv6: is.literal(is.flag, "Use a literal value."),
  endpointsSecurityGroupId: is.name,
  s3PrefixListId: is.name,
};

/** An existing network. It creates no resources. */
export class ImportedNetwork extends Construct implements NetworkLike {
  readonly vpcId: string;
  readonly privateSubnets: readonly NetworkSubnet[];
  readonly publicSubnets: readonly NetworkSubnet[];
  readonly isolatedSubnets: readonly NetworkSubnet[];
  readonly gatewaySubnets: readonly NetworkSubnet[];
  readonly hasInternetAccess: boolean;
  readonly ipv6: boolean;
  readonly endpointsSecurityGroupId: string | undefined;
  readonly s3PrefixListId: string | undefined;

  constructor(scope: Construct, id: string, ids: NetworkIds) {
    super(scope, id);
    is.refuseWrongValues(this, ids, NETWORK_IDS_SHAPE);
    const subnets = (list: readonly string[] = []) => list.map((subnetId) => ({ id: subnetId }));
    this.vpcId = ids.vpcId;
    this.privateSubnets = subnets(ids.privateSubnetIds);
    this.publicSubnets = subnets(ids.publicSubnetIds);
    this.isolatedSubnets = subnets(ids.isolatedSubnetIds);
    this.gatewaySubnets = ids.gatewaySubnets ?? [];
    this.hasInternetAccess = ids.hasInternetAccess ?? true;
    this.ipv6 = ids.ipv6 ?? false;
    this.endpointsSecurityGroupId = ids.endpointsSecurityGroupId;
    this.s3PrefixListId = ids.s3PrefixListId;
    this.refuseWrongCounts();
  }

  private refuseWrongCounts(): void {
    const zones = this.privateSubnets.length;
    if (zones < 1 || zones > 3) {
      throw new MeshError(this, `privateSubnetIds has ${zones} subnets.`, "Set one for each of one to three zones.");
    }
    for (const [property, { length }] of [
      ["publicSubnetIds", this.publicSubnets],
      ["isolatedSubnetIds", this.isolatedSubnets],
      ["gatewaySubnets", this.gatewaySubnets],
    ] as const) {
      if (length !== 0 && length !== zones) {
        throw new MeshError(
          this,
          `${property} has ${length} subnets, and privateSubnetIds ${zones}.`,
          "Set one for each zone, or none.",
        );
      }
    }
  }
}
