import { driftOf } from "../../apply/drift";
import { problemsOfAgents, readAgents } from "../../cluster/agents";
import { isEngine } from "../../cluster/published";
import { tryMesh } from "../../cluster/verify";
import { warningsOfHosts } from "../host-tool";
import { type Run, type Results, type Task, clustersOf } from "./run";

/** How long a connection or a page may fail before that counts, in milliseconds. Health checks have passed by then. */
const SETTLING_MS = 25_000;

/**
 * The same where a WAN federation has just started. Consul's agents have looked for instances in datacenters that were not there yet,
 * and look again after longer and longer waits, of up to two minutes.
 *
 * @see https://github.com/hashicorp/consul/blob/v1.21.0/agent/submatview/materializer.go
 */
const FEDERATION_SETTLING_MS = 130_000;

/** What does not work is reported, not thrown: everything is in place by now, and worth a look. */
export async function verify(run: Run, results: Results, task: Task): Promise<void> {
  const { sites, mesh } = results;
  const clusters = clustersOf(sites);
  const published = run.lab.listeners.filter((it) => !isEngine(it));
  const settlingMs = run.topology.join === "wan" && results.booted ? FEDERATION_SETTLING_MS : SETTLING_MS;
  const { tried, problems, udp } = await tryMesh(clusters, mesh, published, {
    settlingMs: Math.min(settlingMs, run.options.timeoutMs),
    signal: run.options.signal,
    initOf: (host) => run.lab.initOf(host),
    hosts: run.clients,
  });
  if (udp.length > 0) {
    results.sites = await run.reach(run.lab.listeners.filter((it) => !udp.some(({ port }) => port === it.port)));
    const remarks = udp.map(
      ({ name, wanted, targets }) =>
        `Port ${wanted} of ${name} is one of UDP, which the lab does not lead to this machine. On a host of the lab, it is at ${targets.join(" or ")}.`,
    );
    results.mesh = { ...mesh, remarks: [...mesh.remarks, ...remarks] };
  }
  const agents = await run.atEach(sites, ({ datacenter, cluster }) => readAgents(cluster, datacenter));
  const others = [
    ...problemsOfAgents(agents.flat(), (host) => run.lab.execOn(host)),
    // All else was restored just now.
    ...(await driftOf(run.lab, clusters)).foreign,
  ];
  results.problems = [...problems, ...others];
  results.dangers = await warningsOfHosts(run.lab);
  if (problems.length > 0) task.title += `: ${problems.length} of ${tried} fail`;
}
