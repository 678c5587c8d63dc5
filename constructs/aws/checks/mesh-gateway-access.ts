import type { Check } from "../../checks/check";
import { GATEWAY_FLOWS } from "../flows/table";
import { machineGroupsOf } from "./machines";

const [PORT] = GATEWAY_FLOWS.flatMap(({ to, ports }) => (to.includes("peer gateways") ? ports : []));

/** Mesh gateways where those of another cluster do not reach them, in an app that has machines for them. */
export const meshGatewayAccess: Check = {
  id: "mesh-gateway-access",
  reason: "Other clusters reach mesh gateways only at one port of the machines in the subnets for gateways.",
  level: "error",
  *find({ root, graph }) {
    const groups = machineGroupsOf(root).filter(({ options }) => options.subnets === "gateway");
    const pools = [...new Set(groups.flatMap(({ options }) => options.hosts.nodePool ?? []))];
    if (pools.length === 0) return;
    for (const { key, owner = "" } of graph.data.jobs.values()) {
      const member = graph.data.members.get(owner);
      if (member?.kind !== "gateway" || member.gatewayKind !== "mesh gateway") continue;
      const { NodePool: pool = "default" } = graph.jobOf(key);
      if (!pools.includes(pool)) {
        yield {
          at: key,
          saidBy: "no-client-pool",
          problem: `The mesh gateway runs in the node pool "${pool}", whose machines are not in subnets for gateways.`,
          fix: `Set nodePool to ${pools.map((it) => `"${it}"`).join(" or ")}.`,
        };
      }
      const other = member.hostPorts.find((port) => port !== PORT);
      if (other !== undefined) {
        yield {
          at: key,
          problem: `The mesh gateway listens on port ${other}, but security groups open port ${PORT} to other clusters.`,
          fix: "Omit port of the gateway.",
        };
      }
    }
  },
};
