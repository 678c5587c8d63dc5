import { SubsetFilter } from "../consul/subset-filter";
import type { Reference, TrafficOwnerRecord, TrafficRecord } from "./records";

/** Name of the subset of all instances that are of no version. */
export const STABLE = "stable";

/** What is stated of a name without traffic rules. */
export function noTraffic(): TrafficRecord {
  return { subsets: new Map(), outsideStable: new Set(), resolve: { given: [], fields: {} }, routes: [] };
}

/** Name of the subset that answers where none is named. */
export function defaultSubsetOf({ resolve, subsets }: TrafficRecord): string | undefined {
  const hasVersions = [...subsets.values()].some(({ isVersion }) => isVersion);
  return resolve.defaultSubset ?? (hasVersions && resolve.redirect === undefined ? STABLE : undefined);
}

/** What picks the instances of a subset, as Consul takes it; empty for all. */
export function filterOf({ subsets, outsideStable }: TrafficRecord, name: string): string {
  const { filter, canaryFilter } = subsets.get(name) ?? {};
  if (filter !== undefined) {
    return filter;
  }
  const others = [...[...outsideStable].map((other) => subsets.get(other)?.filter), canaryFilter];
  return SubsetFilter.noneOf(...new Set(others.filter((other) => other !== undefined)));
}

/** A rule that names a place, and of what kind it is. */
export interface TrafficReference extends Reference {
  readonly kind: "default subset" | "failover" | "redirect" | "route" | "split";
}

/** All that the traffic rules of a name lead to, its own subsets too. */
export function referencesOf(owner: TrafficOwnerRecord, traffic: TrafficRecord): readonly TrafficReference[] {
  const { resolve, splits = [], routes } = traffic;
  const self = { service: owner.name, member: owner.key };
  const subset = defaultSubsetOf(traffic);
  return [
    ...(subset === undefined ? [] : [{ kind: "default subset" as const, ...self, subset }]),
    ...(resolve.redirect === undefined ? [] : [{ kind: "redirect" as const, ...resolve.redirect }]),
    ...Object.values(resolve.failover ?? {}).flatMap((targets) =>
      targets.map((target) => ({ kind: "failover" as const, ...target })),
    ),
    ...splits.map(({ to }) => ({ kind: "split" as const, ...to })),
    ...routes.map(({ to }) => ({ kind: "route" as const, ...(to ?? self) })),
  ];
}
