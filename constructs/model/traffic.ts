import type { Reference, TrafficOwnerRecord, TrafficRecord } from "./records";

/** A rule that names a place, and of what kind it is. */
export interface TrafficReference extends Reference {
  readonly kind: "default subset" | "failover" | "redirect" | "route" | "split";
}

/** All that the traffic rules of a name lead to, its own subsets too. */
export function referencesOf(owner: TrafficOwnerRecord, traffic: TrafficRecord): readonly TrafficReference[] {
  const { resolve, splits = [], routes } = traffic;
  const self = { service: owner.name, member: owner.key };
  return [
    ...(resolve.defaultSubset === undefined
      ? []
      : [{ kind: "default subset" as const, ...self, subset: resolve.defaultSubset }]),
    ...(resolve.redirect === undefined ? [] : [{ kind: "redirect" as const, ...resolve.redirect }]),
    ...Object.values(resolve.failover ?? {}).flatMap((targets) =>
      targets.map((target) => ({ kind: "failover" as const, ...target })),
    ),
    ...splits.map(({ to }) => ({ kind: "split" as const, ...to })),
    ...routes.map(({ to }) => ({ kind: "route" as const, ...(to ?? self) })),
  ];
}
