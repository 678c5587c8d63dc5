import { listNames } from "../on-nodes";
import { rule } from "../rule";

/** Node pools of the app that do not exist, or have no node. */
export const nodePools = rule({
  id: "node-pools",
  reason: "A job is placed only on ready nodes of its pool.",
  needsApp: true,
  needs: ["nodes", "nodePools"],
  find: ({ nodes, nodePools: existing, app }) =>
    [...new Set((app?.jobs ?? []).map(({ nodePool }) => nodePool))].flatMap((pool) => {
      const at = listNames(
        (app?.jobs ?? []).filter(({ nodePool }) => nodePool === pool).map(({ construct }) => construct),
      );
      if (!existing.includes(pool)) {
        return [
          {
            at,
            problem: `Nomad has no node pool ${pool}; it has ${existing.join(", ")}.`,
            fix: "Set nodePool to one of them, or set node_pool in the configuration of the clients that should run these jobs.",
          },
        ];
      }
      const own = nodes.filter(({ NodePool }) => pool === "all" || NodePool === pool);
      if (own.some(({ SchedulingEligibility }) => SchedulingEligibility === "eligible")) return [];
      return [
        {
          at,
          problem: `The node pool ${pool} has no node that is ready and eligible.`,
          fix: "Start a Nomad client in this pool, or `nomad node eligibility -enable` one.",
        },
      ];
    }),
});
