import { mergeMaps } from "../core/collections";
import type * as nomad from "./generated/job";

/** @internal Fields that are added to the task of an Envoy. Values that the job sets are kept. */
export type EnvoyTaskAdditions = Pick<nomad.Task, "Env" | "Meta">;

/** @internal Adds fields to the task of each Envoy of a finished job: tasks of the job itself, and tasks that Nomad adds. */
export function addToEnvoyTasks(
  job: nomad.Job,
  additions: (serviceName: string) => Required<EnvoyTaskAdditions>,
): nomad.Job {
  return { ...job, TaskGroups: job.TaskGroups?.map((group) => addInGroup(group, additions)) };
}

function addInGroup(
  group: nomad.TaskGroup,
  additions: (serviceName: string) => Required<EnvoyTaskAdditions>,
): nomad.TaskGroup {
  const ownTasks = new Set(group.Tasks?.map(envoyOf));
  const front = inboundGatewayOf(group)?.Name;
  const added = (serviceName: string, task?: EnvoyTaskAdditions): EnvoyTaskAdditions => {
    const { Env, Meta } = additions(serviceName);
    return { Env: mergeMaps(Env, task?.Env), Meta: mergeMaps(Meta, task?.Meta) };
  };
  return {
    ...group,
    Tasks: group.Tasks?.map((task) => {
      const serviceName = envoyOf(task);
      return serviceName === undefined ? task : { ...task, ...added(front ?? serviceName, task) };
    }),
    Services: group.Services?.map((service) => {
      const { Name: name = "", Connect: connect } = service;
      return hasEnvoy(service) && !ownTasks.has(name)
        ? {
            ...service,
            Connect: { ...connect, SidecarTask: { ...connect?.SidecarTask, ...added(name, connect?.SidecarTask) } },
          }
        : service;
    }),
  };
}

/** Name of the service whose Envoy runs in a task of the job, from the field `Kind`; `undefined` for other tasks. */
function envoyOf({ Kind }: nomad.Task): string | undefined {
  return Kind === undefined ? undefined : /^connect-\w+:(.*)$/.exec(Kind)?.[1];
}

/** @internal Whether a service has a sidecar or is a gateway. */
export function hasEnvoy({ Connect }: nomad.Service): boolean {
  return Connect?.SidecarService !== undefined || Connect?.Gateway !== undefined;
}

/**
 * @internal The API gateway or ingress gateway of a group. For Nomad, its Envoy is the sidecar of another service, the proxy service, with
 * which it gets its configuration.
 */
export function inboundGatewayOf(group: nomad.TaskGroup): nomad.Service | undefined {
  return group.Services?.find(({ Kind }) => Kind?.endsWith("-gateway"));
}
