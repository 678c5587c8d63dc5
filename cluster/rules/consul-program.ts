import { nodesAt } from "../on-nodes";
import { rule } from "../rule";
import { nodesWithSidecars } from "./running-sidecars";
import { eventsOf } from "./task-events";

/** Nomad runs `consul connect envoy` for each sidecar. */
export const consulProgram = rule({
  id: "consul-program",
  reason: "Nomad writes the configuration of each sidecar with the program consul, which it looks for on its PATH.",
  needs: ["nodes", "allocations"],
  find: ({ nodes, allocations }) => {
    const failing = allocations.filter((allocation) =>
      eventsOf(allocation).some(({ message }) => /"consul": executable file not found/.test(message)),
    );
    const lacking = nodes.filter(({ ID }) => failing.some(({ NodeID }) => NodeID === ID));
    const working = nodesWithSidecars(allocations);
    const unknown = nodes.filter((node) => !lacking.includes(node) && !working.has(node.ID));
    return [
      ...(lacking.length === 0
        ? []
        : [
            {
              at: nodesAt(lacking),
              problem: 'Nomad does not find the program consul (exec: "consul": executable file not found in $PATH).',
              fix: "Install consul in a directory of the PATH of Nomad's service, for example /usr/local/bin, and restart Nomad.",
            },
          ]),
      ...(unknown.length === 0
        ? []
        : [
            {
              level: "note" as const,
              at: nodesAt(unknown),
              problem: "No API shows whether the program consul is on Nomad's PATH until a sidecar runs on the node.",
              fix: "Run `command -v consul` there, with the PATH of Nomad's service.",
            },
          ]),
    ];
  },
});
