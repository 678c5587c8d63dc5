import type { nomad } from "../../constructs";

/** The one group of a service's job. */
export function groupOf(job: nomad.Job): nomad.TaskGroup {
  return only(job.TaskGroups);
}

/** The one service of a service's job. */
export function serviceOf(job: nomad.Job): nomad.Service {
  return only(groupOf(job).Services);
}

/** The task of this name. */
export function taskOf(job: nomad.Job, name = job.Name): nomad.Task {
  const task = groupOf(job).Tasks?.find((candidate) => candidate.Name === name);
  if (task === undefined) {
    throw new Error(`There is no task ${name ?? ""}.`);
  }
  return task;
}

/** The one element of a list. */
export function only<T>(list: readonly T[] | undefined): T {
  if (list?.length !== 1) {
    throw new Error(`Expected one element, got ${list?.length ?? "none"}.`);
  }
  return list[0];
}
