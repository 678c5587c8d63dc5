import type * as nomad from "../generated/job";

/** What a service is seen in. */
export interface ServiceSurroundings {
  readonly job: nomad.Job;
  readonly group: nomad.TaskGroup;
  /** The task that has the service, where it is not the group's. */
  readonly task?: nomad.Task;
}

/** The name under which a service is registered, with what Nomad fills in when the job is registered. */
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
