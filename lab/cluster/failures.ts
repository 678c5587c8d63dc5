import type { EngineApi } from "./engine-api";
import { type InstanceStatus, isHealthy, type JobStatus } from "./job-status";
import { lastWords } from "./task-log";

/** How many of its last events are shown of a task. */
const shownEvents = 3;

/** What is wrong with each instance that is not healthy: reasons, what its checks say, last events, last words. */
export async function describeFailures(nomad: EngineApi, jobs: readonly JobStatus[]): Promise<string> {
  const sick = jobs.filter((job) => !isHealthy(job));
  const lines = sick.map(async (job) => {
    const { id, wanted, instances, failed, unplaced, isReplacing, outdated, failure } = job;
    const ill = instances.filter(({ healthy }) => !healthy);
    // What has replaced them may not have come so far yet.
    const replaced = failed.filter(({ group }) => outdated !== undefined || ill.some((it) => it.group === group));
    return [
      `${id}: ${instances.length - ill.length} of ${wanted} instances are healthy`,
      ...(isReplacing ? ["  its canaries are not promoted yet: Nomad promotes them when all are healthy"] : []),
      ...[...unplaced, ...(outdated === undefined ? [] : [outdated]), ...(failure === undefined ? [] : [failure])].map(
        (problem) => `  ${problem}`,
      ),
      ...(await Promise.all(ill.map((it) => instanceLines(nomad, it, "on")))).flat(),
      ...(await Promise.all(replaced.map((it) => instanceLines(nomad, it, "before, on")))).flat(),
    ];
  });
  return (await Promise.all(lines)).flat().join("\n");
}

async function instanceLines(
  nomad: EngineApi,
  { allocation, node, problems, tasks }: InstanceStatus,
  where: string,
): Promise<string[]> {
  // An Envoy that ends with its service has nothing to say about it.
  const isCulprit = tasks.some(({ isSidecar, hasFailed }) => hasFailed && !isSidecar);
  // Envoy says much, and of the failures of others.
  const inOrder = [...tasks].sort((left, right) => Number(left.isSidecar) - Number(right.isSidecar));
  const words = inOrder.map(async ({ name, state, events, isSidecar }) => [
    `  task ${name} is ${state}`,
    ...events.slice(-shownEvents).map((event) => `    ${event}`),
    ...(isSidecar && isCulprit ? [] : (await lastWords(nomad, allocation, name)).map((line) => `    ${line}`)),
  ]);
  return [` ${where} ${node}: ${problems.join("; ")}`, ...(await Promise.all(words)).flat()];
}
