import { SubsetFilter } from "../consul/subset-filter";
import type { Reference, TrafficOwnerRecord, TrafficRecord } from "./records";

/** Name of the subset with all instances that belong to no version. */
export const STABLE = "stable";

/** Returns the record of a name without traffic rules. */
export function noTraffic(): TrafficRecord {
  return { subsets: new Map(), outsideStable: new Set(), resolve: { given: [], fields: {} }, routes: [] };
}

/** Returns the name of the subset that receives requests without a subset. */
export function defaultSubsetOf({ resolve, subsets }: TrafficRecord): string | undefined {
  const hasVersions = [...subsets.values()].some(({ isVersion }) => isVersion);
  return resolve.defaultSubset ?? (hasVersions && resolve.redirect === undefined ? STABLE : undefined);
}

/** Returns the filter of a subset in Consul's format; empty for all instances. */
export function filterOf({ subsets, outsideStable }: TrafficRecord, name: string): string {
  const { filter, canaryFilter } = subsets.get(name) ?? {};
  if (filter !== undefined) {
    return filter;
  }
  const others = [...[...outsideStable].map((other) => subsets.get(other)?.filter), canaryFilter];
  return SubsetFilter.noneOf(...new Set(others.filter((other) => other !== undefined)));
}

/** A reference in a rule, and the kind of the rule. */
export interface TrafficReference extends Reference {
  readonly kind: "default subset" | "failover" | "redirect" | "route" | "split";
}

/** Returns all references in the traffic rules of a name, including those to its own subsets. */
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
