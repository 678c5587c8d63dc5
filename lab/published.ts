import type { WantedListener } from "./forwarder";
import type { JobStatus } from "./services";
import { hostsOf, type Topology } from "./topology";

/** What jobs publish. A static port may be served by any client host: the one that has the instance does not refuse. */
export function publishedBy(jobs: readonly JobStatus[], topology: Topology): WantedListener[] {
  const targets = hostsOf(topology, "client").map(({ address }) => address);
  const names = new Map<number, string>();
  for (const { id, ports } of jobs) {
    for (const port of ports) names.set(port, names.has(port) ? `${names.get(port)}, ${id}` : id);
  }
  return [...names].sort(([a], [b]) => a - b).map(([wanted, name]) => ({ name, wanted, targets }));
}
