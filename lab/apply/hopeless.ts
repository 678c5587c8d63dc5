import { jobPath } from "./nomad-deployment";
import type { Cluster } from "../cluster/cluster";
import { healthyInstances, isHealthy, type JobStatus } from "../cluster/job-status";

/** How long Nomad may see no place for a job, in milliseconds: instances that end free ports and memory. */
const noPlaceMs = 20_000;
/** The same where no node is of the right kind, or where Nomad has given a deployment up. */
const noChanceMs = 3_000;
/** The same where a process of Nomad itself did not start: Nomad starts the task in another place 30 s later. */
const nomadFailsMs = 90_000;

/** Finds jobs that cannot become healthy, however long somebody waits for them. */
export class HopelessJobs {
  /** Since when something has been seen, by what it is. */
  private readonly since = new Map<string, number>();

  /** @param start what happened before, in milliseconds, may have been put right since */
  constructor(private readonly start: number) {}

  /** Why they cannot, one sentence for each reason, for all jobs as they are now. */
  find(jobs: readonly JobStatus[], now = Date.now()): string[] {
    const seen = jobs.filter((job) => !isHealthy(job)).flatMap((job) => this.suspicions(job));
    const keys = new Set(seen.map(({ problem }) => problem));
    for (const key of this.since.keys()) if (!keys.has(key)) this.since.delete(key);
    return [...keys].filter((problem) => {
      const first = this.since.get(problem) ?? now;
      this.since.set(problem, first);
      return now - first >= Math.min(...seen.filter((it) => it.problem === problem).map(({ afterMs }) => afterMs));
    });
  }

  private suspicions(job: JobStatus): Suspicion[] {
    const { id, instances, failed, failure, outdated, unplaced, isUnplaceable } = job;
    const tasks = [...instances, ...failed].flatMap(({ tasks, node }) =>
      tasks.flatMap(({ name, fatal }) =>
        fatal !== undefined && fatal.at >= this.start
          ? [
              {
                problem: `The task ${name} of ${id} cannot run on ${node}: ${fatal.reason}`,
                afterMs: fatal.isOfNomad ? nomadFailsMs : 0,
              },
            ]
          : [],
      ),
    );
    // On each node, or on none where it does not fit.
    const isEverywhere = job.kind.startsWith("sys");
    const isGivenUp = failure !== undefined && healthyInstances(job) < job.wanted;
    return [
      ...tasks,
      ...(isEverywhere ? [] : unplaced).map((problem) => ({
        problem: `${id}: ${problem}`,
        afterMs: isUnplaceable ? noChanceMs : noPlaceMs,
      })),
      ...(outdated === undefined ? [] : [{ problem: outdated, afterMs: 0 }]),
      ...(isGivenUp ? [{ problem: failure, afterMs: noChanceMs }] : []),
    ];
  }
}

interface Suspicion {
  readonly problem: string;
  /** How long it must last before it is certain. */
  readonly afterMs: number;
}

/**
 * Has Nomad place again, and at once, what failed before: it would wait for up to an hour, and the reason may be gone.
 *
 * @param start failures before this time, in milliseconds
 */
export async function retryFailed({ nomad }: Cluster, jobs: readonly JobStatus[], start: number): Promise<void> {
  const hasFailed = ({ instances }: JobStatus) =>
    instances.some(({ tasks }) => tasks.some(({ fatal }) => fatal !== undefined && fatal.at < start));
  for (const { id, namespace } of jobs.filter((job) => !isHealthy(job) && hasFailed(job))) {
    const body = { JobID: id, EvalOptions: { ForceReschedule: true } };
    await nomad.put(jobPath({ ID: id, Namespace: namespace }, "/evaluate"), body);
  }
}
