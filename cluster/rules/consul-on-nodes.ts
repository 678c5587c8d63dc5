import { onNodes } from "../on-nodes";
import { rule } from "../rule";

/** Nodes whose Nomad has found no Consul. */
export const consulOnNodes = rule({
  id: "consul-on-nodes",
  reason: "Nomad places a service of the mesh only on nodes where it has found a Consul agent.",
  needs: ["nodes"],
  find: ({ nodes }) =>
    onNodes(nodes, ({ Attributes }) =>
      Attributes["consul.version"] === undefined
        ? {
            problem: "Nomad has found no Consul agent (there is no attribute consul.version).",
            fix:
              "Start the Consul agent of the node, check `address` and `token` in Nomad's `consul` block (the token needs " +
              "agent = read), then restart the Nomad client.",
          }
        : undefined,
    ),
});
