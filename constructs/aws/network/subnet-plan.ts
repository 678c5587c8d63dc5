import type { IConstruct } from "constructs";
import { MeshError } from "../../core/errors";
import { Cidr } from "./cidr";

/** What a subnet leads to: the internet through a NAT gateway, the same and gateways of other networks, the internet, nothing but the VPC. */
export type SubnetKind = "private" | "gateway" | "public" | "isolated";

/**
 * Which part of the network a subnet gets. Each zone has a quarter of the addresses, and there is one quarter more than zones; of that
 * half is private, a quarter public, an eighth isolated, an eighth for gateways. So a zone or a kind that is added later moves no other subnet.
 */
const PARTS: Readonly<Record<SubnetKind, { readonly bits: number; readonly first: number }>> = {
  private: { bits: 3, first: 0 },
  public: { bits: 4, first: 2 },
  isolated: { bits: 5, first: 6 },
  gateway: { bits: 5, first: 7 },
};

/** Every subnet of IPv6 has 64 bits, of which the VPC gives 8: four places for each kind. */
const IPV6_PLACES: Readonly<Record<SubnetKind, number>> = { private: 0, public: 4, isolated: 8, gateway: 12 };

/** The addresses of a zone's subnet. */
export function subnetOf(network: Cidr, kind: SubnetKind, zone: number): Cidr {
  const { bits, first } = PARTS[kind];
  return network.part(bits, zone * 2 ** (bits - 2) + first);
}

/** Which of the VPC's 256 parts of IPv6 addresses a zone's subnet has. */
export function ipv6PlaceOf(kind: SubnetKind, zone: number): number {
  return IPV6_PLACES[kind] + zone;
}

/** What the hosts themselves use: a machine cannot reach another one that has such an address. */
const TAKEN = [
  { cidr: "172.17.0.0/16", by: "Docker's bridge" },
  { cidr: "172.26.64.0/20", by: "Nomad's bridge" },
];

/** Consul's agents give the first of their addresses that is in one of these. */
const PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

/**
 * The addresses of a whole network.
 *
 * @throws MeshError if there is no room for the subnets, or if hosts could not use the addresses
 */
export function networkCidr(scope: IConstruct, text: string): Cidr {
  const cidr = Cidr.parse(text);
  const wrong = (problem: string, fix: string) => new MeshError(scope, `cidr is "${text}"${problem}`, fix);
  if (cidr === undefined) {
    throw wrong(", which is not an IPv4 CIDR block.", 'Use an address and a prefix length, such as "10.0.0.0/16".');
  }
  if (cidr.prefix < 16 || cidr.prefix > 23) {
    throw wrong(
      ".",
      "Use a prefix length from /16, the largest that AWS allows, to /23, so that a load balancer fits into a public subnet.",
    );
  }
  if (!PRIVATE.some((block) => Cidr.parse(block)?.contains(cidr) === true)) {
    throw wrong(
      ", but agents use only private addresses.",
      `Choose a part of ${PRIVATE.slice(0, 2).join(", ")} or ${PRIVATE[2]}.`,
    );
  }
  for (const { cidr: block, by } of TAKEN) {
    if (Cidr.parse(block)?.overlaps(cidr) === true) {
      throw wrong(`, but ${by} on each host uses ${block}.`, 'Choose other addresses, such as "10.0.0.0/16".');
    }
  }
  return cidr;
}
