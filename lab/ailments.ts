import type { Cluster } from "./cluster";
import { isHealthy, type JobStatus } from "./services";
import { lastErrors } from "./task-log";

/** What is wrong with each instance that is not healthy: reasons, last events, last words. */
export async function ailments({ endpoints }: Cluster, jobs: readonly JobStatus[]): Promise<string> {
  const sick = jobs.filter((job) => !isHealthy(job));
  const lines = sick.map(async ({ id, wanted, instances, unplaced, isReplacing, outdated }) => {
    const ill = instances.filter(({ healthy }) => !healthy);
    const details = ill.map(async ({ allocation, node, problems, tasks }) => {
      const words = tasks.map(async ({ name, state, events }) => [
        `  task ${name} is ${state}`,
        ...events.slice(-3).map((event) => `    ${event}`),
        ...(await lastErrors(endpoints.nomad, allocation, name)).map((line) => `    stderr: ${line}`),
      ]);
      return [` on ${node}: ${problems.join("; ")}`, ...(await Promise.all(words)).flat()];
    });
    return [
      `${id}: ${instances.length - ill.length} of ${wanted} instances are healthy`,
      ...(isReplacing ? ["  its canaries are not promoted yet: Nomad does that once all of them are healthy"] : []),
      ...[...unplaced, ...(outdated === undefined ? [] : [outdated])].map((problem) => `  ${problem}`),
      ...(await Promise.all(details)).flat(),
    ];
  });
  return (await Promise.all(lines)).flat().join("\n");
}
