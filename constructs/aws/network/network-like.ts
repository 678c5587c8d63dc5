import type { IConstruct } from "constructs";

/** An existing or a new subnet. */
export interface NetworkSubnet {
  /** e.g. `subnet-0abc…` */
  readonly id: string;
  /** Its CIDR block. @default not known */
  readonly cidr?: string;
}

/** A VPC with its subnets: a {@link Network}, or an existing one. */
export interface NetworkLike extends IConstruct {
  /** e.g. `vpc-0abc…` */
  readonly vpcId: string;
  /** One for each zone; machines run here. */
  readonly privateSubnets: readonly NetworkSubnet[];
  /** One for each zone, for load balancers that the internet reaches; none where the network has none. */
  readonly publicSubnets: readonly NetworkSubnet[];
  /** One for each zone, without internet access; none where the network has none. */
  readonly isolatedSubnets: readonly NetworkSubnet[];
  /** One for each zone, for mesh gateways that connect to another network; none where the network has none. */
  readonly gatewaySubnets: readonly NetworkSubnet[];
  /** Ids of the route tables of `gatewaySubnets`. @default not known: routes to another network are not added */
  readonly gatewayRouteTableIds?: readonly string[];
  /** Its IPv4 addresses. @default not known */
  readonly cidr?: string;
  /** Whether machines in private subnets reach the internet over IPv4. */
  readonly hasInternetAccess: boolean;
  /** How many NAT gateways there are. @default not known */
  readonly natGateways?: number;
  /** Whether load balancers have IPv6 addresses, and machines reach the internet over IPv6. */
  readonly ipv6: boolean;
  /** The security group of the interface endpoints, which machines must be let in to; `undefined` without such endpoints. */
  readonly endpointsSecurityGroupId: string | undefined;
  /** The prefix list of the gateway endpoint for S3, which rules of security groups can name; `undefined` without one. */
  readonly s3PrefixListId: string | undefined;
}
