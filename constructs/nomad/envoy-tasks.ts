import { mergeMaps } from "../core/collections";
import type * as nomad from "./generated/job";

/** @internal What is added to the task of an Envoy; what its author has set there stays. */
export type EnvoyTaskAdditions = Pick<nomad.Task, "Env" | "Meta">;

/** @internal Adds to the task of each Envoy of a finished job, be it the job's own or one that Nomad makes. */
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

/** The service whose Envoy a task is, where the job has that task itself: Nomad knows it by the kind. */
function envoyOf({ Kind }: nomad.Task): string | undefined {
  return Kind === undefined ? undefined : /^connect-\w+:(.*)$/.exec(Kind)?.[1];
}

/** @internal Whether an Envoy stands before a service, or is it. */
export function hasEnvoy({ Connect }: nomad.Service): boolean {
  return Connect?.SidecarService !== undefined || Connect?.Gateway !== undefined;
}

/**
 * @internal The gateway of a group whose Envoy stands, for Nomad, before another service: that is only the way in which it comes
 * to its configuration.
 */
export function inboundGatewayOf(group: nomad.TaskGroup): nomad.Service | undefined {
  return group.Services?.find(({ Kind }) => Kind?.endsWith("-gateway"));
}
