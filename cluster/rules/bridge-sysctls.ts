import { nodesAt } from "../on-nodes";
import { rule } from "../rule";

/** Nomad's API does not show sysctls. */
export const bridgeSysctls = rule({
  id: "bridge-sysctls",
  reason: "Packets between namespaces pass iptables only if the kernel filters those of bridges.",
  needs: ["nodes"],
  find: ({ nodes }) =>
    nodes.length === 0
      ? []
      : [
          {
            level: "note",
            at: nodesAt(nodes),
            problem: "No API shows the sysctls of the node, which must be 1.",
            fix: "Run `modprobe br_netfilter; sysctl net.bridge.bridge-nf-call-{arptables,ip6tables,iptables}` on each node.",
          },
        ],
});
