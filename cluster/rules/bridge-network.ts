import { onNodes } from "../on-nodes";
import { rule } from "../rule";

/** Nodes that cannot run groups in bridge mode. */
export const bridgeNetwork = rule({
  id: "bridge-network",
  reason: "Sidecars run in network namespaces that are connected by a bridge.",
  needs: ["nodes"],
  find: ({ nodes }) =>
    onNodes(nodes, ({ NodeResources }) =>
      (NodeResources.NodeNetworks ?? []).some(({ Mode }) => Mode === "bridge")
        ? undefined
        : {
            problem: "The node does not offer the network mode bridge.",
            fix: "Load the kernel module bridge (`modprobe bridge`, and /etc/modules-load.d), run Nomad as root, and restart it.",
          },
    ),
});
