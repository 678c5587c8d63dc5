import type * as nomad from "../constructs/nomad/generated/job";

/** What Nomad says of a registration, not of the job. */
const OF_REGISTRATION = new Set([
  ...["CreateIndex", "JobModifyIndex", "ModifyIndex", "Stable", "Status", "StatusDescription", "SubmitTime", "Version"],
  ...["Dispatched", "DispatchIdempotencyToken", "ParentID", "NomadTokenID", "Stop", "VersionTag", "ConsulToken"],
  ...["VaultToken"],
]);

/** Targets of the constraints that Nomad adds to groups, for what their tasks need. */
const IMPLIED = new RegExp(
  `^\\$\\{attr\\.(?:${[
    ...["vault\\.version", "consul\\.version", "nomad\\.version", "nomad\\.service_discovery", "os\\.signals"],
    ...["plugins\\.cni\\.version\\.(?:bridge|firewall|host-local|loopback|portmap|consul-cni)"],
    ...["(?:consul|vault)\\.\\w+\\.version"],
  ].join("|")})\\}$`,
);

/** The prefixes of the kinds of tasks that Nomad adds: the Envoys of services. */
const ENVOY = /^connect-(?:proxy|ingress|terminating|mesh):/;
/** Labels of the ports of those Envoys, and of those through which Nomad exposes checks. */
const ADDED_PORT = /^connect-(?:proxy|terminating|mesh)-|^svc_.*_ck_[0-9a-f]{6}$/;
/** Names of identities that Nomad adds, as its agents are configured. */
const ADDED_IDENTITY = /^(?:consul-service_|consul_|vault_)/;

/** Values that Nomad fills in. */
const DEFAULTS = {
  LogConfig: [{ MaxFiles: 10, MaxFileSizeMB: 10 }],
  EphemeralDisk: [{ SizeMB: 300 }],
  Migrate: [{ MaxParallel: 1, HealthCheck: "checks", MinHealthyTime: 10e9, HealthyDeadline: 300e9 }],
  ReschedulePolicy: [
    { Interval: 0, Delay: 30e9, DelayFunction: "exponential", MaxDelay: 3600e9, Unlimited: true },
    { Attempts: 1, Interval: 86_400e9, Delay: 5e9, DelayFunction: "constant" },
    {},
  ],
  KillTimeout: [5e9],
  AddressMode: ["auto"],
  Cluster: ["default"],
  HostNetwork: ["default"],
  Namespace: ["default"],
  NodePool: ["default"],
  OnUpdate: ["require_healthy"],
  Update: [
    {
      ...{ Stagger: 30e9, MaxParallel: 1, HealthCheck: "checks", MinHealthyTime: 10e9 },
      ...{ HealthyDeadline: 300e9, ProgressDeadline: 600e9 },
    },
    {},
  ],
  Resources: [{ CPU: 100, MemoryMB: 300 }],
} as const satisfies Readonly<Record<string, readonly unknown[]>>;

/**
 * A job as one could have written it, of what Nomad stores: without what Nomad adds when it registers the job, which it would add again.
 */
export function jobAsWritten(stored: nomad.Job): nomad.Job {
  const job = Object.fromEntries(Object.entries(stored).filter(([field]) => !OF_REGISTRATION.has(field))) as nomad.Job;
  const { Namespace, NodePool } = job;
  return {
    // Each group has its own update block by now, and the region is that of the cluster.
    ...without(job, ["Update", "Region", "Namespace", "NodePool"]),
    ...unlessDefault({ Namespace, NodePool }),
    TaskGroups: stored.TaskGroups?.map((group) => groupAsWritten(group)),
  };
}

function groupAsWritten(group: nomad.TaskGroup): nomad.TaskGroup {
  const { Migrate, ReschedulePolicy, EphemeralDisk, Update, ...others } = group;
  return {
    ...others,
    ...unlessDefault({ Migrate, ReschedulePolicy, EphemeralDisk, Update }),
    Constraints: group.Constraints?.filter(({ LTarget = "" }) => !IMPLIED.test(LTarget)),
    Networks: group.Networks?.map((network) => ({
      ...network,
      ReservedPorts: network.ReservedPorts?.map(portAsWritten),
      DynamicPorts: network.DynamicPorts?.filter(({ Label = "", To }) => !(ADDED_PORT.test(Label) && To === -1)).map(
        portAsWritten,
      ),
    })),
    Scaling: group.Scaling && without(group.Scaling, ["ID", "CreateIndex", "ModifyIndex", "Target"]),
    Services: group.Services?.map(serviceAsWritten),
    Tasks: group.Tasks?.filter((task) => !isAdded(task, group)).map(taskAsWritten),
  };
}

function portAsWritten({ HostNetwork, ...port }: nomad.Port): nomad.Port {
  return { ...port, ...unlessDefault({ HostNetwork }) };
}

/** Whether Nomad has added a task: the Envoy of a service, unless the job has one of its own for it. */
function isAdded({ Kind = "", Config }: nomad.Task, { Services = [] }: nomad.TaskGroup): boolean {
  if (!ENVOY.test(Kind)) return false;
  const service = Services.find(({ Name }) => Kind.endsWith(`:${Name}`));
  const { image } = Config ?? {};
  return (
    service?.Connect?.SidecarTask !== undefined || (typeof image === "string" && image.startsWith("${meta.connect."))
  );
}

function serviceAsWritten(service: nomad.Service): nomad.Service {
  const { Identity, OnUpdate, AddressMode, Cluster, Checks, Connect } = service;
  const isGiven = !ADDED_IDENTITY.test(Identity?.Name ?? "");
  return {
    // Nomad adds the namespace in Consul.
    ...without(service, ["Identity", "OnUpdate", "AddressMode", "Cluster", "Namespace"]),
    ...unlessDefault({ OnUpdate, AddressMode, Cluster }),
    ...(Identity && isGiven && { Identity }),
    Connect: Connect && connectAsWritten(Connect),
    Checks: Checks?.map(({ OnUpdate: onUpdate, PortLabel, ...check }) => ({
      ...check,
      ...unlessDefault({ OnUpdate: onUpdate }),
      ...(!(check.Expose === true && ADDED_PORT.test(PortLabel ?? "")) && { PortLabel }),
    })),
  };
}

/** Without the paths that Nomad exposes for checks. */
function connectAsWritten(connect: nomad.ConsulConnect): nomad.ConsulConnect {
  const { SidecarService: sidecar } = connect;
  const { Expose } = sidecar?.Proxy ?? {};
  const paths = (Expose?.Paths ?? Expose?.Path)?.filter(({ ListenerPort = "" }) => !ADDED_PORT.test(ListenerPort));
  if (sidecar?.Proxy === undefined || paths === undefined) return connect;
  const proxy = { ...sidecar.Proxy, Expose: paths.length === 0 ? undefined : { Paths: paths } };
  return { ...connect, SidecarService: { ...sidecar, Proxy: proxy } };
}

function taskAsWritten(task: nomad.Task): nomad.Task {
  const { LogConfig, KillTimeout, Resources, Kind = "", ...others } = task;
  return {
    ...others,
    // Nomad marks the task of a service that is Connect native.
    ...(ENVOY.test(Kind) && { Kind }),
    ...unlessDefault({ LogConfig, KillTimeout, Resources }),
    Identity: isDefaultIdentity(task.Identity) ? undefined : task.Identity,
    Identities: task.Identities?.filter(({ Name = "" }) => !ADDED_IDENTITY.test(Name)),
    Services: task.Services?.map(serviceAsWritten),
  };
}

/** The identity of each task, of which Nomad says nothing but its audience unless the job sets more. */
function isDefaultIdentity(identity: nomad.WorkloadIdentity | undefined): boolean {
  return identity !== undefined && identity.Env !== true && identity.File !== true;
}

function unlessDefault<Fields extends Partial<Record<keyof typeof DEFAULTS, unknown>>>(
  fields: Fields,
): Partial<Fields> {
  const isSet = ([field, value]: [string, unknown]) =>
    value !== undefined && !DEFAULTS[field as keyof typeof DEFAULTS].some((it) => isSame(value, it));
  return Object.fromEntries(Object.entries(fields).filter(isSet)) as Partial<Fields>;
}

/** Nomad stores each field, with 0, false or an empty text if nothing is set. */
function isSame(one: unknown, other: unknown): boolean {
  if (typeof one !== "object" || one === null) return (one ?? 0) === (other ?? 0) || (!one && !other);
  const [left, right] = [one, other ?? {}] as [Record<string, unknown>, Record<string, unknown>];
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].every((key) => isSame(left[key], right[key]));
}

function without<T extends object>(fields: T, names: readonly string[]): T {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name))) as T;
}
