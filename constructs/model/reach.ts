import { ANY_SERVICE } from "../consul/service-intentions";
import { areOneCluster, type ConfigEntries, type World } from "./config-entries";
import { discoveryChain, type ChainEnd, type ServiceAddress } from "./discovery-chain";
import type { HttpRequest } from "./http-request";
import { decide, type Allowed, type Decision } from "./intentions";

/** Whether a service can reach another, and why. */
export interface Reach {
  /** `unknown` if all entries that determine it belong to another team. */
  readonly allowed: Allowed | "unknown";
  /** The services that receive the requests, and the result for each. */
  readonly ends: readonly ReachEnd[];
}

/** A service that receives requests, and the result of its intentions for the source. */
export interface ReachEnd extends ChainEnd {
  /** `undefined` if the intentions of this datacenter are not known here. */
  readonly decision?: Decision;
}

/**
 * Returns the services that receive the requests of a service to another one, and whether their intentions allow it. Checks,
 * intentions that are derived from traffic rules, the diagram and the reports of a lab all use this function.
 *
 * @param source the source service, and its datacenter
 * @param destination the destination service, and the datacenter where its name is looked up: its own, or that of a peer
 * @param request evaluate this request
 * @default any request
 */
export function reach(world: World, source: ServiceAddress, destination: ServiceAddress, request?: HttpRequest): Reach {
  const ends = discoveryChain(world, destination, request, source.datacenter).map((end): ReachEnd => {
    const entries = world.entries.get(end.datacenter);
    return entries === undefined ? end : { ...end, decision: decideAt(world, entries, source, end, request) };
  });
  return { allowed: together(ends.flatMap(({ decision }) => decision?.allowed ?? [])), ends };
}

function decideAt(
  world: World,
  entries: ConfigEntries,
  { service, datacenter }: ServiceAddress,
  end: ChainEnd,
  request: HttpRequest | undefined,
): Decision {
  if (areOneCluster(world, end.datacenter, datacenter)) {
    return decide(entries, { service }, end.service, request);
  }
  return isExported(entries, end.service, datacenter)
    ? decide(entries, { service, peer: datacenter }, end.service, request)
    : { allowed: "no", reason: `${end.service} is not exported to the peer ${datacenter}` };
}

/** Some requests can reach a service that allows them, and others a service that denies them. */
function together(parts: readonly Allowed[]): Reach["allowed"] {
  const [first = "unknown", ...others] = parts;
  return others.every((part) => part === first) ? first : "some requests";
}

/** @see https://developer.hashicorp.com/consul/docs/reference/config-entry/exported-services */
function isExported(entries: ConfigEntries, service: string, peer: string): boolean {
  const { Services } = entries.find("exported-services", "default") ?? {};
  return (Services ?? []).some(
    ({ Name, Consumers }) => (Name === service || Name === ANY_SERVICE) && Consumers?.some(({ Peer }) => Peer === peer),
  );
}
