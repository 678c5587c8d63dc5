import { statedProtocol } from "../constructs/consul/protocol";
import { areOneCluster, configEntries, type ConfigEntries, type World } from "../constructs/model/config-entries";
import type { Decision } from "../constructs/model/intentions";
import { reach, reachByQuery } from "../constructs/model/reach";
import { isSeen, valueOf } from "../cluster/fact";
import type { ConnectionFacts } from "./facts";
import { seen } from "./link";

/** What the intentions in Consul decide at a service where requests can end. */
export interface LiveDecision {
  readonly service: string;
  /** @default those of its cluster are not known */
  readonly decision?: Decision;
  /** Whether no intention applies, so that Consul's default decides. */
  readonly isByDefault: boolean;
}

/**
 * Consul's own answer, `/v1/connect/intentions/check`, is of no use here: it knows nothing of requests, and its servers do not read
 * `default_intention_policy`, by which agents configure the Envoys.
 *
 * @throws NotVisible if the entries of the source's cluster are not known
 */
export function decisionsOf(facts: ConnectionFacts): LiveDecision[] {
  const { chain, question, defaultAllows } = facts;
  const { source, destination, datacenter, request } = question;
  const world = worldOf(facts);
  const from = { datacenter, service: source };
  const { Query: query, Datacenter: there = datacenter } = isSeen(chain) ? chain.value : {};
  const { ends } = query
    ? reachByQuery(world, from, query, datacenter, request)
    : reach(world, from, { datacenter: there, service: destination }, request);
  // The others are refused for another reason, and no intention can allow them.
  const decided = ends.filter(({ fix }) => fix === undefined);
  return decided.map(({ service, decision, datacenter: place }) => {
    if (decision === undefined) return { service, isByDefault: false };
    const isByDefault = decision.intention === undefined && areOneCluster(world, place, datacenter);
    if (isByDefault && isSeen(defaultAllows) && defaultAllows.value) {
      return {
        service,
        isByDefault,
        decision: { allowed: "all", reason: "no intention applies, and Consul's default is to allow" },
      };
    }
    return { service, isByDefault, decision: withProtocol(decision, world.entries.get(place), service) };
  });
}

/** All entries that are known. A WAN federation has the same ones in each datacenter. */
function worldOf({ entries, federated, question: { datacenter } }: ConnectionFacts): World {
  const own = configEntries(seen(entries[datacenter]));
  const names = valueOf(federated) ?? [datacenter];
  const known = new Map([datacenter, ...names].map((name) => [name, own] as const));
  for (const [name, fact] of Object.entries(entries)) {
    if (name !== datacenter && fact !== undefined && isSeen(fact)) known.set(name, configEntries(fact.value));
  }
  return { entries: known, federated: [names] };
}

/** Permissions on requests let nothing in where Envoy sees no requests. */
function withProtocol(decision: Decision, entries: ConfigEntries | undefined, service: string): Decision {
  const protocol = protocolOf(entries, service);
  const hasPermissions = (decision.intention?.rule.Permissions ?? []).length > 0;
  if (!hasPermissions || ["http", "http2", "grpc"].includes(protocol)) return decision;
  const { intention } = decision;
  const name = intention && `the intention ${intention.source} → ${intention.destination}`;
  return {
    ...decision,
    allowed: "no",
    reason: `${name ?? "the intention"} has permissions on requests, but the protocol of ${service} is ${protocol}`,
  };
}

function protocolOf(entries: ConfigEntries | undefined, service: string): string {
  const defaults = entries?.find("service-defaults", service);
  return statedProtocol(defaults, entries?.find("proxy-defaults", "global")) ?? "tcp";
}
