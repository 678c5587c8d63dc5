import { fitsRequest, type HttpRequest } from "../constructs/model/http-request";
import { isSeen } from "../cluster/fact";
import type { ChainTarget, CompiledChain, ConnectionFacts, Instance } from "./facts";
import { isHealthy } from "./instances";
import { seen } from "./link";

/** One end of a discovery chain: where a request goes, and where while nothing healthy is left there. */
export interface Branch {
  readonly target: ChainTarget;
  readonly failover: readonly ChainTarget[];
  /** Percentage of the requests, where a splitter decides. */
  readonly weight?: number;
}

/** The ends of a chain that a request can reach; any request, if none is given. */
export function branchesOf({ StartNode, Nodes, Targets }: CompiledChain, request?: HttpRequest): Branch[] {
  const walk = (name: string, weight?: number): Branch[] => {
    const { Routes, Splits, Resolver } = Nodes[name] ?? {};
    if (Routes) {
      const fitting = Routes.filter(({ Definition }) => !request || fitsRequest(Definition?.Match?.HTTP, request));
      return (request ? fitting.slice(0, 1) : fitting).flatMap(({ NextNode }) => walk(NextNode, weight));
    }
    if (Splits) {
      const parts = Splits.filter(({ Weight }) => Weight > 0);
      return parts.flatMap(({ Weight, NextNode }) => walk(NextNode, ((weight ?? 100) * Weight) / 100));
    }
    const target = Resolver && Targets[Resolver.Target];
    if (!target) return [];
    const failover = (Resolver.Failover?.Targets ?? []).flatMap((id) => Targets[id] ?? []);
    return [{ target, failover, ...(weight !== undefined && { weight }) }];
  };
  return walk(StartNode);
}

/** The ends of the asked request. @throws NotVisible if Consul has not shown its chain */
export function branchesIn({ chain, question }: ConnectionFacts): Branch[] {
  return branchesOf(seen(chain), question.request);
}

/** The target of a branch that gets its requests now: the first with a healthy instance. */
export function servingOf(facts: ConnectionFacts, { target, failover }: Branch): ChainTarget | undefined {
  return [target, ...failover].find(({ ID }) => healthyAt(facts, ID).length > 0);
}

/**
 * Whether this is what an Envoy calls the cluster of a target of a branch. With a failover, each choice has the name of the first, after
 * its number. Where the upstream changes the chain, for example its mesh gateway mode or timeout, a hash of that comes before the name.
 */
export function isClusterOf(name: string, { target, failover }: Branch, serving: ChainTarget): boolean {
  const order = failover.length === 0 ? "" : `failover-target~${[target, ...failover].indexOf(serving)}~`;
  const [, rest] = /^(?:[0-9a-f]{1,8}~)?(.*)$/.exec(name.slice(order.length)) ?? [];
  return name.startsWith(order) && rest === target.Name;
}

/** Healthy instances of a target. */
export function healthyAt({ targets, chain }: ConnectionFacts, id: string): Instance[] {
  const { [id]: fact } = targets;
  const target = isSeen(chain) ? chain.value.Targets[id] : undefined;
  return fact !== undefined && isSeen(fact) ? fact.value.filter((it) => isHealthy(it, target)) : [];
}

/** The targets that get the requests now. */
export function servingTargets(facts: ConnectionFacts): ChainTarget[] {
  const all = branchesIn(facts).map((branch) => servingOf(facts, branch));
  return [...new Set(all.filter((it) => it !== undefined))];
}

/** The healthy instances that get the requests now. */
export function receivers(facts: ConnectionFacts): Instance[] {
  return servingTargets(facts).flatMap(({ ID }) => healthyAt(facts, ID));
}

/** Whether a target is in the datacenter of the source, so that its instances, not gateways, are what Envoys are sent. */
export function isLocal({ Peer, Datacenter }: ChainTarget, { question }: Pick<ConnectionFacts, "question">): boolean {
  return !Peer && Datacenter === question.datacenter;
}

/** `the subset v2 of count-api`, `count-api in dc2`: a target in messages. */
export function nameOfTarget(target: ChainTarget, facts: Pick<ConnectionFacts, "question">): string {
  const { Service, ServiceSubset, Peer, Datacenter } = target;
  const place = Peer ? ` at the peer ${Peer}` : isLocal(target, facts) ? "" : ` in ${Datacenter}`;
  return `${ServiceSubset ? `the subset ${ServiceSubset} of ` : ""}${Service}${place}`;
}
