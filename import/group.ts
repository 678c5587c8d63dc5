import { withoutUndefined } from "../constructs/core/without-undefined";
import { withSuccessorBeside } from "../constructs/nomad/deployment";
import type * as nomad from "../constructs/nomad/generated/job";
import { renderGroup, type GroupOptions } from "../constructs/nomad/group";
import type { JobKind } from "../constructs/nomad/job-kind";
import { renderNetwork, type NetworkOptions } from "../constructs/nomad/network";
import type { Volume } from "../constructs/nomad/volume";
import { call, block, evaluate, type Call, type Fields } from "./code";
import { expressing, overrideFor } from "./difference";
import { kindOf } from "./kind";
import { isInMesh } from "./service";
import { workloadOf } from "./task";
import { affinities, constraints, duration, entries, items, restart, set, spreads, unless, update } from "./values";

/** Nomad's restart policy of service and system jobs. */
const NOMADS_RESTART: nomad.RestartPolicy = { Attempts: 2, Interval: 1800e9, Delay: 15e9, Mode: "fail" };

/** Props of `addGroup`. */
export function groupOf(group: nomad.TaskGroup, job: nomad.Job): Fields {
  const kind = evaluate(kindOf(job)) as JobKind | undefined;
  const policy =
    kind?.ends === true ? group.RestartPolicy : { ...NOMADS_RESTART, ...withoutUndefined(group.RestartPolicy ?? {}) };
  const network = networkOf(group.Networks?.at(0));
  const isConnected = (group.Services ?? []).some(isInMesh);
  const count = group.Count ?? group.Scaling?.Min;
  const options: Fields = {
    count: unless(count, 1),
    ...network,
    update: updateOf(group, job),
    restart: isMeshforms(policy) ? undefined : restart(policy),
    reschedule: group.ReschedulePolicy && rescheduleOf(group.ReschedulePolicy),
    migrate: group.Migrate && migrateOf(group.Migrate),
    disconnect: group.Disconnect && disconnectOf(group.Disconnect),
    ephemeralDisk:
      group.EphemeralDisk &&
      block({
        sizeMib: group.EphemeralDisk.SizeMB,
        sticky: set(group.EphemeralDisk.Sticky),
        migrate: set(group.EphemeralDisk.Migrate),
      }),
    scaling: group.Scaling && {
      min: group.Scaling.Min,
      max: group.Scaling.Max ?? 0,
      enabled: unless(group.Scaling.Enabled, true),
      policy: entries(group.Scaling.Policy) as Fields | undefined,
    },
    shutdownDelay: duration(group.ShutdownDelay ?? (isConnected ? 0 : undefined)),
    volumes: volumesOf(group.Volumes),
    constraints: constraints(group.Constraints),
    affinities: affinities(group.Affinities),
    spreads: spreads(group.Spreads),
    consulCluster: group.Consul && (set(group.Consul.Cluster) ?? "default"),
    groupMeta: entries(group.Meta),
  };
  const rendered = renderGroup(
    group.Name ?? "",
    { ...(evaluate(options) as GroupOptions), kind },
    {
      Networks: [renderNetwork(evaluate(network) as NetworkOptions)],
      Services: [],
      Tasks: [],
    },
  );
  const wanted: nomad.TaskGroup = {
    ...group,
    Count: count ?? 1,
    RestartPolicy: policy,
    Update: rendered.Update,
    Volumes: rendered.Volumes,
    Scaling: group.Scaling && {
      ...group.Scaling,
      Type: set(group.Scaling.Type) ?? "horizontal",
      Enabled: group.Scaling.Enabled ?? true,
    },
    Consul: group.Consul && { ...group.Consul, Cluster: set(group.Consul.Cluster) ?? "default" },
    Services: [],
    Tasks: [],
  };
  const tasks = Object.fromEntries((group.Tasks ?? []).map((task) => [task.Name ?? "", workloadOf(task)]));
  return { ...options, override: overrideFor(rendered, wanted), tasks };
}

/** Whether it is the policy of a group without `restart`. */
function isMeshforms(policy: nomad.RestartPolicy | undefined): boolean {
  return (
    overrideFor(renderGroup("", {}, { Networks: [], Services: [], Tasks: [] }).RestartPolicy ?? {}, policy ?? {}) ===
    undefined
  );
}

/** The `update` block, with a canary only if the file has one: Meshform adds one to a group with a single instance. */
function updateOf(group: nomad.TaskGroup, job: nomad.Job): Fields | undefined {
  const own = update(group.Update);
  const [after] = withSuccessorBeside({ ...job, TaskGroups: [group] }).TaskGroups ?? [];
  return after === group ? own : { ...own, canary: 0 };
}

function networkOf(network: nomad.NetworkResource | undefined): Fields {
  if (network === undefined) return {};
  const { DNS: dns } = network;
  return {
    networkMode: unless(set(network.Mode) ?? "host", "bridge"),
    ports: portsOf(network),
    dns: dns && block({ servers: items(dns.Servers), searches: items(dns.Searches), options: items(dns.Options) }),
    hostname: set(network.Hostname),
    cniArgs: entries(network.CNI?.Args),
  };
}

/** The ports of a group, by label. */
export function portsOf({ ReservedPorts = [], DynamicPorts = [] }: nomad.NetworkResource = {}): Fields | undefined {
  const ports = [...ReservedPorts, ...DynamicPorts].map(
    ({ Label = "", Value = 0, To, HostNetwork, IgnoreCollision }) => {
      const options = {
        to: set(To),
        hostNetwork: unless(set(HostNetwork), "default"),
        ignoreCollision: set(IgnoreCollision),
      };
      const port: [string, Call] = [
        Label,
        Value > 0 ? call("Port.static", Value, options) : call("Port.dynamic", options),
      ];
      return port;
    },
  );
  return ports.length === 0 ? undefined : Object.fromEntries(ports);
}

function volumesOf(volumes: nomad.TaskGroup["Volumes"]): Fields | undefined {
  const made = Object.entries(volumes ?? {}).map(([name, volume]): [string, Call] => {
    const { MountOptions: mount } = volume;
    const common = { readOnly: set(volume.ReadOnly), perAlloc: set(volume.PerAlloc) };
    const code = expressing<nomad.VolumeRequest>(
      (override) =>
        volume.Type === "csi"
          ? call("Volume.csi", volume.Source ?? "", {
              ...common,
              accessMode: unless(set(volume.AccessMode), "single-node-writer"),
              attachmentMode: unless(set(volume.AttachmentMode), "file-system"),
              mountOptions: mount && block({ fsType: set(mount.FSType), mountFlags: items(mount.MountFlags) }),
              override,
            })
          : call("Volume.host", volume.Source ?? "", {
              ...common,
              accessMode: set(volume.AccessMode),
              attachmentMode: set(volume.AttachmentMode),
              sticky: set(volume.Sticky),
              override,
            }),
      (it) => (it as Volume).render(name),
      { ...volume, Name: name, Type: set(volume.Type) ?? "host" },
    );
    return [name, code];
  });
  return made.length === 0 ? undefined : Object.fromEntries(made);
}

function rescheduleOf(policy: nomad.ReschedulePolicy): Fields | undefined {
  return block({
    attempts: policy.Attempts,
    interval: duration(policy.Interval),
    delay: duration(policy.Delay),
    delayFunction: policy.DelayFunction,
    maxDelay: duration(policy.MaxDelay),
    unlimited: policy.Unlimited,
  });
}

function migrateOf(strategy: nomad.MigrateStrategy): Fields | undefined {
  return block({
    maxParallel: strategy.MaxParallel,
    healthCheck: strategy.HealthCheck,
    minHealthyTime: duration(strategy.MinHealthyTime),
    healthyDeadline: duration(strategy.HealthyDeadline),
  });
}

function disconnectOf(strategy: nomad.DisconnectStrategy): Fields | undefined {
  return block({
    lostAfter: duration(strategy.LostAfter),
    stopOnClientAfter: duration(strategy.StopOnClientAfter),
    replace: strategy.Replace,
    reconcile: strategy.Reconcile,
  });
}
