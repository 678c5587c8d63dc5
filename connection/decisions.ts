import { statedProtocol } from "../constructs/consul/protocol";
import { configEntries, type ConfigEntries } from "../constructs/model/config-entries";
import type { Decision } from "../constructs/model/intentions";
import { reach, reachByQuery } from "../constructs/model/reach";
import { isSeen } from "../cluster/fact";
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
export function decisionsOf({ chain, entries, question, defaultAllows }: ConnectionFacts): LiveDecision[] {
  const { source, destination, datacenter, request } = question;
  seen(entries[datacenter]);
  const known = Object.entries(entries).flatMap(([name, fact]) =>
    fact !== undefined && isSeen(fact) ? [[name, configEntries(fact.value)] as const] : [],
  );
  const from = { datacenter, service: source };
  const query = isSeen(chain) ? chain.value.Query : undefined;
  const federated = [datacenter, ...(query?.lookup.Failover?.Targets ?? []).flatMap((it) => it.Datacenter || [])];
  const world = { entries: new Map(known), ...(query && { federated: [federated] }) };
  const { ends } = query
    ? reachByQuery(world, from, query, datacenter, request)
    : reach(world, from, { datacenter, service: destination }, request);
  // The others are refused for another reason, and no intention can allow them.
  const decided = ends.filter(({ fix }) => fix === undefined);
  return decided.map(({ service, decision, datacenter: place }) => {
    if (decision === undefined) return { service, isByDefault: false };
    const isByDefault = decision.intention === undefined && place === datacenter;
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
