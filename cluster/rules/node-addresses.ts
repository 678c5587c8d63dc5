import { onNodes } from "../on-nodes";
import { rule } from "../rule";

/** Nodes that register sidecars at a loopback address. */
export const nodeAddresses = rule({
  id: "node-addresses",
  reason: "Nomad registers a sidecar at the address of its node, where the Envoys of other allocations must reach it.",
  needs: ["nodes"],
  find: ({ nodes }) =>
    onNodes(nodes, ({ Attributes }) => {
      const address = Attributes["unique.network.ip-address"] ?? "";
      if (!/^(127\.|::1$)/.test(address)) return undefined;
      return {
        problem: `Its address is ${address}, so its sidecars cannot be reached from other network namespaces.`,
        fix: "Set network_interface in Nomad's `client` block to an interface with a routable address.",
      };
    }),
});
