import { listNames } from "../on-nodes";
import { rule } from "../rule";

/** Drivers that the jobs of the app need, in their node pools. */
export const drivers = rule({
  id: "drivers",
  reason: "A task runs only on a node whose driver for it is healthy.",
  needsApp: true,
  needs: ["nodes"],
  find: ({ nodes, app }) =>
    (app?.jobs ?? []).flatMap(({ construct, nodePool, drivers: needed }) => {
      const pool = nodes.filter((node) => nodePool === "all" || node.NodePool === nodePool);
      if (pool.length === 0) return [];
      return needed.flatMap((driver) => {
        if (pool.some(({ Drivers }) => Drivers[driver]?.Healthy)) return [];
        const said = pool.map(({ Drivers }) => Drivers[driver]?.HealthDescription).find(Boolean);
        return [
          {
            at: construct,
            problem: `No node of the pool ${nodePool} (${listNames(pool.map(({ Name }) => Name))}) has the driver ${driver}${said ? `: ${said}` : ""}.`,
            fix: FIXES[driver] ?? `Install or enable the driver ${driver} on the nodes.`,
          },
        ];
      });
    }),
});

const FIXES: Readonly<Partial<Record<string, string>>> = {
  docker: "Start Docker on the nodes, or set `runtime` to exec, which runs Envoy without Docker.",
  raw_exec: 'Set `plugin "raw_exec" { config { enabled = true } }` in Nomad\'s clients.',
  exec: "Run Nomad's clients as root, on Linux with cgroups.",
};
