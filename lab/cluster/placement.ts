import { counted } from "../core/counted";

/** Why Nomad found no node for a group, as an evaluation tells it. */
export interface PlacementFailure {
  readonly NodesEvaluated: number;
  readonly NodesFiltered: number;
  /** How many more instances of the group failed in the same way. */
  readonly CoalescedFailures: number;
  readonly ConstraintFiltered: Readonly<Record<string, number>> | null;
  readonly DimensionExhausted: Readonly<Record<string, number>> | null;
}

/** One sentence for each group without a node. */
export function placementProblems(failures: Readonly<Record<string, PlacementFailure>> | null): string[] {
  return Object.entries(failures ?? {}).map(([group, failure]) => {
    const reasons = Object.entries({ ...failure.ConstraintFiltered, ...failure.DimensionExhausted });
    const why =
      reasons.map(([reason, nodes]) => `${reason} (${counted(nodes, "node")})`).join(", ") || "no node is eligible";
    const hint = why.includes("consul-cni")
      ? " A transparent proxy needs the plugin consul-cni. Hosts of a lab that an earlier version has booted lack it: run `meshform down`, then `up`."
      : "";
    return `group ${group} cannot be placed on ${counted(failure.NodesEvaluated, "node")}: ${why}.${hint}`;
  });
}

/** Whether a group finds no node since none is of the right kind: no room that is made would help. */
export function isUnplaceable(failures: Readonly<Record<string, PlacementFailure>> | null): boolean {
  return Object.values(failures ?? {}).some(
    ({ NodesEvaluated, NodesFiltered, DimensionExhausted }) =>
      NodesFiltered >= NodesEvaluated && Object.keys(DimensionExhausted ?? {}).length === 0,
  );
}
