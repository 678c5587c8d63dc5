import { listNames } from "../on-nodes";
import { rule } from "../rule";

/** Host networks that ports of the app name. */
export const hostNetworks = rule({
  id: "host-networks",
  reason: "A group with a port on a host network is placed only on nodes that have a network of this name.",
  needsApp: true,
  needs: ["nodes"],
  find: ({ nodes, app }) =>
    (app?.jobs ?? []).flatMap(({ construct, nodePool, hostNetworks: names }) => {
      const pool = nodes.filter((node) => nodePool === "all" || node.NodePool === nodePool);
      const existing = [...new Set(pool.flatMap(({ HostNetworks }) => Object.keys(HostNetworks ?? {})))];
      return names
        .filter((name) => pool.length > 0 && !existing.includes(name))
        .map((name) => ({
          at: construct,
          problem: `No node of the pool ${nodePool} has the host network ${name}; they have ${listNames(["default", ...existing])}.`,
          fix: `Set \`host_network "${name}" { … }\` in Nomad's \`client\` block.`,
        }));
    }),
});
