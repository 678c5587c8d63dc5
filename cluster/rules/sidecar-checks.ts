import { rule, type Finding } from "../rule";

/** Sidecars whose own check fails. */
export const sidecarChecks = rule({
  id: "sidecar-checks",
  reason: "Consul sends no traffic to a sidecar whose port its agent cannot reach.",
  needsDeployment: true,
  needs: ["criticalChecks"],
  find: ({ criticalChecks }) =>
    criticalChecks.flatMap(({ Name, Node, ServiceName, Output }): Finding[] => {
      if (Name !== "Connect Sidecar Listening") return [];
      const at = `${ServiceName} on ${Node}`;
      if (/timeout|no route|unreachable/i.test(Output)) {
        return [
          {
            at,
            problem: `Consul's agent cannot reach its sidecar: ${Output.trim()}.`,
            fix: "Allow the agent to reach Nomad's dynamic ports, and check the host network of the group: its address must be one that Consul reaches.",
          },
        ];
      }
      return [
        {
          at,
          problem: `Its sidecar does not listen: ${Output.trim()}.`,
          fix: "Read the log of its Envoy: `nomad alloc logs -stderr <id> connect-proxy-<service>`.",
        },
      ];
    }),
});
