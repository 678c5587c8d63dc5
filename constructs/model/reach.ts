import { ANY_SERVICE } from "../consul/service-intentions";
import { lookupText, type QueryLookup } from "../consul/prepared-query";
import { isSameTenancy, namespaceOf, partitionOf, type Tenancy } from "../consul/tenancy";
import { areOneCluster, type ConfigEntries, type World } from "./config-entries";
import { discoveryChain, type ChainEnd, type ServiceAddress } from "./discovery-chain";
import type { HttpRequest } from "./http-request";
import { decide, type Allowed, type Decision } from "./intentions";
import { placeOfName } from "./place-name";

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
  /** What to do if no intention can allow it. @default an intention can */
  readonly fix?: string;
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
  const chain = discoveryChain(world, destination, request, source.datacenter);
  return reachOf(chain.map((end) => decided(world, source, end, request)));
}

/**
 * Returns the same for an upstream to a prepared query: the service that it looks up, in its datacenters, without traffic rules.
 *
 * @param query the query, with the service that it looks up for this name
 * @param datacenter the one that runs the query
 */
export function reachByQuery(
  world: World,
  source: ServiceAddress,
  { asked, service, lookup }: AskedQuery,
  datacenter: string,
  request?: HttpRequest,
): Reach {
  const { NearestN = 0, Datacenters, Targets } = lookup.Failover ?? {};
  const others = (world.federated ?? []).flatMap((names) => (names.includes(datacenter) ? names : []));
  const nearest = NearestN > 0 ? [...new Set(others)].filter((name) => name !== datacenter) : [];
  const named = (Targets ?? []).map(({ Peer, Datacenter = "" }) => Peer || Datacenter);
  const by = [`the prepared query ${asked} (${lookupText(lookup)})`];
  const endAt = (name: string, isFailover: boolean): ReachEnd => {
    const way = isFailover ? [...by, "its failover"] : by;
    const end = { service, datacenter: name, isRewritten: false, isFailover, by: way };
    return (Targets ?? []).some(({ Peer }) => Peer === name)
      ? { ...end, decision: { allowed: "no", reason: REFUSED_PEER }, fix: failoverFix(service) }
      : decided(world, source, end, request);
  };
  const failovers = [...new Set([...nearest, ...(Datacenters ?? []), ...named])].filter((name) => name !== datacenter);
  return reachOf([endAt(datacenter, false), ...failovers.map((name) => endAt(name, true))]);
}

/** A prepared query, and the name by which it is asked. */
export interface AskedQuery {
  readonly asked: string;
  readonly service: string;
  readonly lookup: QueryLookup;
}

/** Why instances of cluster peers that a prepared query finds are of no use to an upstream. */
export const REFUSED_PEER = "Envoy refuses the certificates of a cluster peer's instances that a prepared query finds";

/** What to use instead. */
export function failoverFix(service: string): string {
  return `Use an upstream without preparedQuery, and the failover of ${service}: resolve({ failover: … }).`;
}

/** Joins what can be reached in several ways. */
export function reachOf(ends: readonly ReachEnd[]): Reach {
  return { allowed: together(ends.flatMap(({ decision }) => decision?.allowed ?? [])), ends };
}

function decided(world: World, source: ServiceAddress, end: ChainEnd, request: HttpRequest | undefined): ReachEnd {
  const entries = world.entries.get(end.datacenter);
  return entries === undefined ? end : { ...end, decision: decideAt(world, entries, source, end, request) };
}

function decideAt(
  world: World,
  entries: ConfigEntries,
  { service, datacenter }: ServiceAddress,
  end: ChainEnd,
  request: HttpRequest | undefined,
): Decision {
  const [own, home] = [datacenter, end.datacenter].map((name) => placeOfName(name));
  const consumer: Consumer = areOneCluster(world, end.datacenter, datacenter)
    ? { partition: partitionOf(own.tenancy) }
    : { peer: own.datacenter };
  if (consumer.partition === partitionOf(home.tenancy)) {
    const tenancy = isSameTenancy(own.tenancy, home.tenancy) ? undefined : own.tenancy;
    return decide(entries, { service, tenancy, at: home.tenancy }, end.service, request);
  }
  return isExported(entries, end.service, home.tenancy, consumer)
    ? decide(entries, { service, peer: consumer.peer, tenancy: own.tenancy, at: home.tenancy }, end.service, request)
    : { allowed: "no", reason: `${end.service} is not exported to the ${consumerText(consumer)}` };
}

/** A cluster peer, or another partition of the same datacenter. */
interface Consumer {
  readonly peer?: string;
  readonly partition?: string;
}

function consumerText({ peer, partition = "" }: Consumer): string {
  return peer === undefined ? `partition ${partition}` : `peer ${peer}`;
}

/** Some requests can reach a service that allows them, and others a service that denies them. */
function together(parts: readonly Allowed[]): Reach["allowed"] {
  const [first = "unknown", ...others] = parts;
  return others.every((part) => part === first) ? first : "some requests";
}

/** @see https://developer.hashicorp.com/consul/docs/reference/config-entry/exported-services */
function isExported(entries: ConfigEntries, service: string, home: Tenancy, { peer, partition }: Consumer): boolean {
  const { Services } = entries.find("exported-services", partitionOf(home)) ?? {};
  const names = [service, ANY_SERVICE];
  const namespaces = [namespaceOf(home), ANY_SERVICE];
  return (Services ?? []).some(
    ({ Name = "", Namespace, Consumers }) =>
      names.includes(Name) &&
      namespaces.includes(namespaceOf({ namespace: Namespace })) &&
      Consumers?.some((it) => (peer === undefined ? it.Partition === partition : it.Peer === peer)),
  );
}
