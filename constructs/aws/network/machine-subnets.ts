import type { NetworkLike, NetworkSubnet } from "./network-like";

/** Which subnets of a network machines are in. */
export type MachineSubnets = "private" | "gateway";

/** @internal The subnets of a network for machines of this kind. */
export function subnetsFor(kind: MachineSubnets, network: NetworkLike): readonly NetworkSubnet[] {
  return kind === "private" ? network.privateSubnets : network.gatewaySubnets;
}
