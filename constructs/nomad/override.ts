import { layOver, type NamesOfItems, type Override } from "../core/override";
import type * as nomad from "./generated/job";

/** @internal The names of items of lists in a job, by which overrides are merged. A group has only one network, so it needs no name. */
export const NAMES_OF_ITEMS: NamesOfItems = {
  ...Object.fromEntries(
    ["Actions", "Checks", "Devices", "Identities", "Secrets", "Services", "TaskGroups", "Tasks"].map((list) => [
      list,
      ({ Name }) => textOf(Name),
    ]),
  ),
  DynamicPorts: ({ Label }) => textOf(Label),
  ReservedPorts: ({ Label }) => textOf(Label),
  Networks: () => "the only one",
  Upstreams: ({ DestinationName, DestinationPeer = "", Datacenter = "" }) =>
    textOf(DestinationName) && JSON.stringify([DestinationName, DestinationPeer, Datacenter]),
};

/** @internal Merges an override into a part of a job. @param of the part, such as `the task api` */
export function overridden<T extends object>(rendered: T, override: Override<T> | undefined, of: string): T {
  return layOver(rendered, override, NAMES_OF_ITEMS, of);
}

/** @internal Merges an override into a group. A port is identified by its label, even if the override makes it static or dynamic. */
export function overriddenGroup(
  group: nomad.TaskGroup,
  override: Override<nomad.TaskGroup> | undefined,
): nomad.TaskGroup {
  const network = override?.Networks?.at(0);
  return overridden(
    network === undefined ? group : withPortsWhere(network, group),
    override,
    `the group ${group.Name ?? ""}`,
  );
}

/** @internal Merges an override into a job. */
export function overriddenJob(job: nomad.Job, override: Override<nomad.Job> | undefined): nomad.Job {
  const networks = new Map(override?.TaskGroups?.map(({ Name, Networks }) => [Name, Networks?.at(0)]));
  const TaskGroups = job.TaskGroups?.map((group) => {
    const network = networks.get(group.Name);
    return network === undefined ? group : withPortsWhere(network, group);
  });
  return overridden(networks.size === 0 ? job : { ...job, TaskGroups }, override, `the job ${job.ID ?? ""}`);
}

/** Moves ports of a group to the list, static or dynamic, in which the override has them. */
function withPortsWhere(override: Override<nomad.NetworkResource>, group: nomad.TaskGroup): nomad.TaskGroup {
  const labels = (ports: Override<nomad.NetworkResource>["ReservedPorts"]) => new Set(ports?.map(({ Label }) => Label));
  const [toReserved, toDynamic] = [labels(override.ReservedPorts), labels(override.DynamicPorts)];
  return {
    ...group,
    Networks: group.Networks?.map(({ ReservedPorts = [], DynamicPorts = [], ...network }) => {
      const [reserved, wasReserved] = split(ReservedPorts, ({ Label }) => !toDynamic.has(Label));
      const [dynamic, wasDynamic] = split(DynamicPorts, ({ Label }) => !toReserved.has(Label));
      return {
        ...network,
        ReservedPorts: [...reserved, ...wasDynamic],
        DynamicPorts: [...dynamic, ...wasReserved.map((port) => ({ ...port, Value: undefined }))],
      };
    }),
  };
}

function split<T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}

function textOf(name: unknown): string | undefined {
  return typeof name === "string" ? name : undefined;
}
