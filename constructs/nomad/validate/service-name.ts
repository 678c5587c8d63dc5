import type * as nomad from "../generated/job";

/** The job, group and task of a service. */
export interface ServiceSurroundings {
  readonly job: nomad.Job;
  readonly group: nomad.TaskGroup;
  /** The task that contains the service; `undefined` for services of the group. */
  readonly task?: nomad.Task;
}

/** The name with which Nomad registers a service, including Nomad's default for a service without a name. */
export function nameOf(service: nomad.Service, { job, group, task }: ServiceSurroundings): string {
  if (service.Name !== undefined && service.Name !== "" && !service.Name.includes("${")) {
    return service.Name;
  }
  const [jobName, groupName, taskName] = [job.Name ?? job.ID ?? "", group.Name ?? "", task?.Name];
  if (service.Name === undefined || service.Name === "") {
    return [jobName, groupName, ...(taskName === undefined ? [] : [taskName])].join("-");
  }
  const values: Readonly<Record<string, string>> = {
    JOB: jobName,
    TASKGROUP: groupName,
    TASK: taskName ?? "group",
    BASE: `${jobName}-${groupName}-${taskName ?? "group"}`,
  };
  return service.Name.replace(/\$\{([A-Z]+)\}/g, (variable, key: string) => values[key] ?? variable);
}
