import { mergeMaps } from "../core/collections";
import { withoutUndefined } from "../core/without-undefined";
import type * as nomad from "./generated/job";

/** @internal Fields that are added to the task of an Envoy. Values that the job sets are kept. */
export type EnvoyTaskAdditions = Pick<nomad.Task, "Env" | "Meta">;

/** @internal Returns what is added to the task of an Envoy, from the name of its service or gateway and its proxy configuration. */
export type AdditionsOf = (serviceName: string, proxy: nomad.ConsulProxy | undefined) => EnvoyTaskAdditions;

/** @internal Adds fields to the task of each Envoy of a finished job: tasks of the job itself, and tasks that Nomad adds. */
export function addToEnvoyTasks(job: nomad.Job, additions: AdditionsOf): nomad.Job {
  return { ...job, TaskGroups: job.TaskGroups?.map((group) => addInGroup(group, additions)) };
}

function addInGroup(group: nomad.TaskGroup, additions: AdditionsOf): nomad.TaskGroup {
  const ownTasks = new Set(group.Tasks?.map(envoyOf));
  const front = inboundGatewayOf(group)?.Name;
  const added = (serviceName: string, service?: nomad.Service, task?: EnvoyTaskAdditions): EnvoyTaskAdditions => {
    const { SidecarService, Gateway } = service?.Connect ?? {};
    const { Env, Meta } = additions(serviceName, SidecarService?.Proxy ?? Gateway?.Proxy);
    return withoutUndefined({ Env: Env && mergeMaps(Env, task?.Env), Meta: Meta && mergeMaps(Meta, task?.Meta) });
  };
  return {
    ...group,
    Tasks: group.Tasks?.map((task) => {
      const serviceName = envoyOf(task);
      const service = group.Services?.find(({ Name }) => Name === serviceName);
      return serviceName === undefined ? task : { ...task, ...added(front ?? serviceName, service, task) };
    }),
    Services: group.Services?.map((service) => {
      const { Name: name = "", Connect: connect } = service;
      const additional = hasEnvoy(service) && !ownTasks.has(name) ? added(name, service, connect?.SidecarTask) : {};
      return Object.keys(additional).length > 0
        ? { ...service, Connect: { ...connect, SidecarTask: { ...connect?.SidecarTask, ...additional } } }
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
