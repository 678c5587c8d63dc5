import type { Allocation } from "../facts";

/** Ids of the nodes on which an Envoy that Nomad configures runs. */
export function nodesWithSidecars(allocations: readonly Allocation[]): ReadonlySet<string> {
  return new Set(
    allocations
      .filter(({ TaskStates }) =>
        Object.entries(TaskStates ?? {}).some(
          ([name, { State }]) => name.startsWith("connect-") && State === "running",
        ),
      )
      .map(({ NodeID }) => NodeID),
  );
}
