import { tasksWithImages } from "../app/app-needs";
import { jobPath } from "../apply/nomad-deployment";
import { identityOf, type JobDocument } from "../apply/documents";
import type { Cluster } from "../cluster/cluster";

interface Allocation {
  readonly ID: string;
  readonly TaskGroup: string;
  readonly ClientStatus: string;
  readonly DesiredStatus: string;
  /** In nanoseconds. */
  readonly CreateTime: number;
}

/**
 * Restarts the tasks that run an image of which there is another one now under the same name: for Nomad their job is as it was.
 *
 * @param images their names, as `plainName` has them
 * @param since when they were loaded, in milliseconds; what was placed later has them
 */
export async function restartTasks(
  { nomad }: Cluster,
  jobs: readonly JobDocument[],
  images: ReadonlySet<string>,
  since: number,
): Promise<void> {
  for (const document of jobs) {
    const tasks = tasksWithImages(document, images);
    if (tasks.length === 0) continue;
    const allocations = ((await nomad.get(jobPath(identityOf(document.job), "/allocations"))) ?? []) as Allocation[];
    const running = allocations.filter(
      ({ ClientStatus, DesiredStatus, CreateTime }) =>
        ClientStatus === "running" && DesiredStatus === "run" && CreateTime / 1e6 < since,
    );
    for (const allocation of running) {
      for (const { task } of tasks.filter(({ group }) => group === allocation.TaskGroup)) {
        await nomad.put(`/v1/client/allocation/${allocation.ID}/restart`, { TaskName: task });
      }
    }
  }
}
