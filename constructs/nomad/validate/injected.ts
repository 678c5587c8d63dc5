import { itemsOf, known } from "../../core/problems";
import { withoutUndefined } from "../../core/without-undefined";
import type * as nomad from "../generated/job";
import { nameOf, type ServiceSurroundings } from "./service-name";

const GATEWAYS = ["connect-ingress", "connect-terminating", "connect-mesh"];

/** A task that Nomad adds for the Envoy of a service. */
export interface InjectedTask {
  readonly service: string;
  readonly task: nomad.Task;
}

/** The tasks of Envoys that Nomad adds to a group when it registers the job, with the fields of `sidecar_task`. */
export function injectedTasks(job: nomad.Job, group: nomad.TaskGroup): readonly InjectedTask[] {
  if (itemsOf(group.Networks).length === 0) {
    return [];
  }
  return itemsOf(group.Services).flatMap((service) => {
    const connect = known(service.Connect);
    const name = nameOf(service, { job, group });
    const isSidecar = known(connect?.SidecarService) !== undefined;
    const kinds = isSidecar ? ["connect-proxy"] : GATEWAYS;
    const isEnvoy = isSidecar || (connect?.Native !== true && known(connect?.Gateway) !== undefined);
    const isThere = itemsOf(group.Tasks).some(({ Kind }) => kinds.some((kind) => Kind === `${kind}:${name}`));
    return isEnvoy && !isThere ? [{ service: name, task: envoy(freeName(name, group), connect?.SidecarTask) }] : [];
  });
}

/** The name of the task that Nomad adds. Nomad changes it if it is already in use, but it does not change a name in `sidecar_task`. */
function freeName(serviceName: string, group: nomad.TaskGroup): string {
  const name = `connect-proxy-${serviceName}`;
  return itemsOf(group.Tasks).some(({ Name }) => Name === name) ? `${name}-${serviceName}` : name;
}

function envoy(name: string, given: nomad.SidecarTask | undefined): nomad.Task {
  const base = {
    Name: name,
    Driver: "docker",
    Resources: { CPU: 250, MemoryMB: 128 },
    LogConfig: { MaxFiles: 2, MaxFileSizeMB: 2 },
  };
  const block = known(given);
  if (block === undefined) {
    return base;
  }
  const { Name, Driver, Resources, LogConfig, Env, KillTimeout, ShutdownDelay, VolumeMounts, Identities } = block;
  const { Cores, CPU = Cores === undefined ? 100 : 0, MemoryMB = 300, MemoryMaxMB, Devices } = known(Resources) ?? {};
  const logs = { MaxFiles: 10, MaxFileSizeMB: 10, ...withoutUndefined(known(LogConfig) ?? {}) };
  return {
    Name: Name || base.Name,
    Driver: Driver || base.Driver,
    Env,
    KillTimeout,
    ShutdownDelay,
    VolumeMounts,
    Identities,
    Resources: {
      CPU: CPU === 0 ? 250 : CPU,
      Cores: Cores === 0 ? undefined : Cores,
      MemoryMB: MemoryMB === 0 ? 128 : MemoryMB,
      MemoryMaxMB,
      Devices,
    },
    LogConfig: {
      MaxFiles: logs.MaxFiles > 0 ? logs.MaxFiles : 2,
      MaxFileSizeMB: logs.MaxFileSizeMB > 0 ? logs.MaxFileSizeMB : 2,
    },
  };
}

/** The service, with the port that Nomad adds to a terminating gateway without one. */
export function withInjectedPort(service: nomad.Service, surroundings: ServiceSurroundings): nomad.Service {
  const isTerminating = known(known(known(service.Connect)?.Gateway)?.Terminating) !== undefined;
  return isTerminating && !service.PortLabel && itemsOf(surroundings.group.Networks).length > 0
    ? { ...service, PortLabel: `connect-terminating-${nameOf(service, surroundings)}` }
    : service;
}

/** Labels of the ports that Nomad adds for these Envoys, unless a dynamic port already has the label. */
export function injectedLabels(job: nomad.Job, group: nomad.TaskGroup): readonly string[] {
  const network = itemsOf(group.Networks).at(0);
  if (network === undefined) {
    return [];
  }
  const dynamic = itemsOf(network.DynamicPorts).map(({ Label }) => Label);
  const labels = itemsOf(group.Services).flatMap((service) => {
    const name = nameOf(service, { job, group });
    const connect = known(service.Connect);
    const gateway = known(connect?.Gateway);
    if (known(connect?.SidecarService) !== undefined) {
      return [connect?.SidecarService?.Port || `connect-proxy-${name}`];
    }
    if (gateway === undefined || connect?.Native === true) {
      return [];
    }
    const isTerminating = known(gateway.Terminating) !== undefined && !service.PortLabel;
    return [
      ...(isTerminating ? [`connect-terminating-${name}`] : []),
      ...(known(gateway.Mesh) !== undefined ? [`connect-mesh-${name}-lan`] : []),
    ];
  });
  return [...new Set(labels)].filter((label) => !dynamic.includes(label));
}
