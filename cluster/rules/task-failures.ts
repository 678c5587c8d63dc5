import { rule } from "../rule";
import { eventsOf } from "./task-events";

/** Messages of Nomad whose cause is the cluster, not the job. */
const CAUSES: readonly { readonly pattern: RegExp; readonly fix: string }[] = [
  {
    pattern: /error creating bootstrap configuration for Connect proxy(?!.*executable file not found)/,
    fix:
      "Read alloc/logs/envoy_bootstrap.stderr.0 of the allocation (`nomad alloc fs <id>`): usually consul cannot reach its agent, " +
      "or its token is refused.",
  },
  {
    pattern: /failed to setup alloc:.*(network|cni|iptables)/i,
    fix: "Check the CNI plugins, iptables and the kernel module bridge on the node; its Nomad log has the plugin's output.",
  },
  {
    pattern: /(auth method .* not found|failed to derive|consul_hook|Consul JWT|failed to authenticate with consul)/i,
    fix: "Create the auth method, binding rules and roles of workload identities: `nomad setup consul`, or an AccessStack.",
  },
  {
    pattern: /Failed to pull|toomanyrequests|manifest unknown/i,
    fix: "Check that the node reaches the registry, or set connect.sidecar_image in `meta` of Nomad's `client` block.",
  },
];

/** Allocations that do not start for a reason that lies in the cluster. */
export const taskFailures = rule({
  id: "task-failures",
  reason: "Nomad tells why a sidecar does not start only in the events of its tasks.",
  needsDeployment: true,
  needs: ["allocations"],
  find: ({ allocations }) => {
    const seen = new Set<string>();
    return allocations.flatMap((allocation) => {
      const found = CAUSES.flatMap(({ pattern, fix }) => {
        const event = eventsOf(allocation).find(({ message }) => pattern.test(message));
        return event === undefined ? [] : [{ event, fix }];
      });
      return found.flatMap(({ event, fix }) => {
        const at = `job ${allocation.JobID} on ${allocation.NodeName}`;
        const key = `${at} ${fix}`;
        if (seen.has(key)) return [];
        seen.add(key);
        return [{ at, problem: `Task ${event.task}: ${event.message.slice(0, 300)}.`.replace(/\.\.$/, "."), fix }];
      });
    });
  },
});
