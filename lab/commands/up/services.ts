import { HopelessJobs, retryFailed } from "../../apply/hopeless";
import { describeFailures } from "../../cluster/failures";
import { readMeshPicture } from "../../cluster/mesh-picture";
import { joinClusters } from "../../cluster/peering";
import { isEngine, publishedBy } from "../../cluster/published";
import { isHealthy, type JobStatus } from "../../cluster/job-status";
import { readJobs } from "../../cluster/read-jobs";
import { LabError } from "../../core/errors";
import { invocation } from "../../core/invocation";
import { waitFor } from "../../core/wait";
import { thisMachine } from "../../machine/prerequisites";
import { type Run, type Results, type Task, type Site, clustersOf } from "./run";

const fixServices = `See the logs of a service with \`${invocation("logs", "<service>")}\`, fix the app, then run \`${invocation("up")}\` again.`;

/** Waits until all services are healthy, and publishes their ports. */
export async function awaitServices(run: Run, results: Results): Promise<void> {
  const { sites, apart = [] } = results;
  // A run of a periodic job that has failed long ago can only be made good by the next one.
  const jobs = await awaitJobs(run, sites, "all services", ({ runs }) => runs === undefined);
  results.jobs = (await Promise.all(clustersOf(sites).map((cluster) => readJobs(cluster)))).flat();
  const mesh = await readMeshPicture(clustersOf(sites), results.jobs, run.topology.join === "wan");
  results.mesh = { ...mesh, remarks: [...mesh.remarks, ...apart] };
  const listeners = run.lab.listeners.filter(isEngine);
  const published = sites.flatMap(({ datacenter }, index) => publishedBy(jobs[index], datacenter));
  results.sites = await run.reach([...listeners, ...published]);
}

/** Peers the datacenters that have mesh gateways. */
export async function peer(run: Run, results: Results, task: Task): Promise<void> {
  await awaitJobs(run, results.sites, "the mesh gateways", ({ isMeshGateway }) => isMeshGateway);
  const apart = await joinClusters(clustersOf(results.sites), {
    ...run.patience,
    onJoined: (left, right) => (task.output = `${left} and ${right}`),
  });
  if (apart.length === 0) return;
  task.title = `Peer the datacenters: no mesh gateway in ${apart.join(", ")}`;
  results.apart = [
    `No mesh gateway runs in ${apart.join(" and ")}, so these datacenters are not connected. Add one with addMeshGateway.`,
  ];
}

/** @returns the jobs of each datacenter that were waited for */
export function awaitJobs(
  run: Run,
  sites: readonly Site[],
  what: string,
  counts: (job: JobStatus) => boolean,
): Promise<JobStatus[][]> {
  return run.atEach(sites, async ({ datacenter, cluster }) => {
    let jobs = (await readJobs(cluster)).filter(counts);
    const { appliedAt } = run;
    await retryFailed(cluster, jobs, appliedAt);
    const hopeless = new HopelessJobs(appliedAt);
    await waitFor(
      `${what}${run.in(datacenter)} to be healthy`,
      async () => {
        jobs = (await readJobs(cluster)).filter(counts);
        const reasons = hopeless.find(jobs);
        if (reasons.length > 0) {
          throw new LabError([...reasons, await describeFailures(cluster.nomad, jobs)].join("\n"), fixServices);
        }
        await requireRoom(run.lab.files.folder);
        return jobs.every(isHealthy);
      },
      { ...run.patience, intervalMs: 200, lastSeen: () => describeFailures(cluster.nomad, jobs), fix: fixServices },
    );
    return jobs;
  });
}

/** Room without which neither the engines nor tasks can write, in bytes. */
const leastRoom = 64 * 2 ** 20;

/** @throws LabError if the disk of a folder is full */
async function requireRoom(folder: string): Promise<void> {
  const free = await thisMachine().freeDisk(folder);
  if (free >= leastRoom) return;
  throw new LabError(
    `The disk of ${folder} is full: ${Math.floor(free / 2 ** 20)} MiB are left for the hosts and their tasks.`,
    `Free some space there, then run \`${invocation("up")}\` again.`,
  );
}
