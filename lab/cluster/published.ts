import type { WantedListener } from "../hosts/forwarder/forwarder";
import type { JobStatus } from "./job-status";
import { hostsOf, type Datacenter } from "../hosts/topology";

/** What the jobs of a datacenter publish. A static port may be served by any client host: the one that has the instance does not refuse. */
export function publishedBy(jobs: readonly JobStatus[], datacenter: Datacenter): WantedListener[] {
  const targets = hostsOf(datacenter, "client").map(({ address }) => address);
  const names = new Map<number, string>();
  for (const { id, ports } of jobs) {
    for (const port of ports) names.set(port, names.has(port) ? `${names.get(port)}, ${id}` : id);
  }
  return [...names]
    .sort(([a], [b]) => a - b)
    .map(([wanted, name]) => ({ name, datacenter: datacenter.name, wanted, targets }));
}

/** Whether a listener leads to an engine, not to a service. */
export function isEngine({ callers }: Pick<WantedListener, "callers">): boolean {
  return callers !== undefined;
}
