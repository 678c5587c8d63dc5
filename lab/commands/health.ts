import { setTimeout as sleep } from "node:timers/promises";
import { describeFailures } from "../cluster/failures";
import { identityOf, readDocuments } from "../apply/documents";
import { readStacks } from "../apply/synthesized";
import { isHealthy, type JobStatus } from "../cluster/job-status";
import { readJobs, type ReadableCluster } from "../cluster/read-jobs";

/** How often the engines are asked, in milliseconds. */
const pollMs = 1_000;

/** A job that is looked for. */
export interface WantedJob {
  readonly id: string;
  /** @default any */
  readonly namespace?: string;
}

export interface HealthOptions {
  /** @default all jobs */
  readonly jobs?: readonly WantedJob[];
  /** How long jobs may take to become healthy, in milliseconds. It ends sooner once Nomad has given up one of them. */
  readonly timeoutMs: number;
  /** @default never */
  readonly signal?: AbortSignal;
}

/** How jobs are. */
export interface HealthReport {
  readonly healthy: boolean;
  readonly jobs: readonly JobStatus[];
  /** Of each job that is not healthy: which task or check fails, and what it says. Empty if all are. */
  readonly problems: readonly string[];
}

/** The jobs of an app, from its synthesized output. */
export function jobsOfApp(outDir: string): WantedJob[] {
  return readDocuments(readStacks(outDir)).jobs.map(({ job }) => {
    const { ID: id, Namespace: namespace } = identityOf(job);
    return { id, namespace };
  });
}

/**
 * Looks at jobs, again and again until all of them are healthy, Nomad calls the deployment of one that is not failed, or the time is
 * over. Changes nothing.
 */
export async function health(
  clusters: readonly ReadableCluster[],
  { jobs: wanted, timeoutMs, signal }: HealthOptions,
): Promise<HealthReport> {
  const end = Date.now() + timeoutMs;
  const isMeant = ({ ID, Namespace }: { readonly ID: string; readonly Namespace: string }) =>
    wanted?.some(({ id, namespace = Namespace }) => id === ID && namespace === Namespace) ?? true;
  for (;;) {
    signal?.throwIfAborted();
    const perCluster = await Promise.all(
      clusters.map(async (cluster) => ({ cluster, jobs: await readJobs(cluster, isMeant) })),
    );
    const jobs = perCluster.flatMap((it) => it.jobs);
    const missing = (wanted ?? []).filter(({ id }) => !jobs.some((job) => job.id === id));
    const sick = jobs.filter((job) => !isHealthy(job));
    if (sick.length === 0 && missing.length === 0) return { healthy: true, jobs, problems: [] };
    const isCertain = sick.some(({ failure, outdated }) => (failure ?? outdated) !== undefined);
    if (isCertain || Date.now() >= end) {
      const words = await Promise.all(perCluster.map(({ cluster, jobs }) => describeFailures(cluster.nomad, jobs)));
      const absent = missing.map(({ id }) => `${id}: Nomad has no such job`);
      return { healthy: false, jobs, problems: [...absent, ...words.filter((text) => text !== "")] };
    }
    await sleep(Math.min(pollMs, Math.max(end - Date.now(), 1)), undefined, { signal });
  }
}
