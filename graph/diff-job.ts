import { isDeepStrictEqual } from "node:util";
import type * as nomad from "../constructs/nomad/generated/job";
import { identityOf } from "../lab/apply/documents";

/** What a deployment does to a job. */
export interface JobChange {
  /** Id of the job. */
  readonly job: string;
  readonly namespace?: string;
  readonly change: "added" | "removed" | "restarts" | "in place";
  /** What differs, such as `web: count` or `web/server: Env`. Empty where the job is added or removed. */
  readonly because: readonly string[];
}

/**
 * What Nomad does about a job that has changed: whether instances are replaced, or only told of it.
 *
 * @returns undefined where nothing differs
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/update
 */
export function jobChange(before: nomad.Job | undefined, after: nomad.Job | undefined): JobChange | undefined {
  const { ID, Namespace } = identityOf(after ?? before ?? {});
  const job = { job: ID, ...(Namespace !== "default" && { namespace: Namespace }) };
  if (before === undefined) return { ...job, change: "added", because: [] };
  if (after === undefined) return { ...job, change: "removed", because: [] };
  if (isDeepStrictEqual(before, after)) return undefined;
  const restarts = replacing(before, after);
  return restarts.length > 0
    ? { ...job, change: "restarts", because: restarts }
    : { ...job, change: "in place", because: differing(before, after) };
}

/** The ports of nodes that a job takes. */
export function portsOf(job: nomad.Job): { job: string; port: number; label: string }[] {
  const { ID } = identityOf(job);
  return (job.TaskGroups ?? [])
    .flatMap(({ Networks }) => Networks ?? [])
    .flatMap(({ ReservedPorts }) => ReservedPorts ?? [])
    .flatMap(({ Label = "", Value }) => (Value ? [{ job: ID, port: Value, label: Label }] : []));
}

/** The parts of a job for which Nomad's scheduler replaces instances. */
function replacing(before: nomad.Job, after: nomad.Job): string[] {
  const { TaskGroups: from = [] } = before;
  const { TaskGroups: to = [] } = after;
  const ofJob = JOB_FIELDS.filter((field) => !isDeepStrictEqual(before[field], after[field]));
  const groups = to.flatMap((group) => {
    const earlier = from.find(({ Name }) => Name === group.Name);
    return earlier === undefined ? [] : replacingInGroup(earlier, group).map((what) => `${group.Name ?? ""}${what}`);
  });
  const gone = from
    .filter(({ Name }) => !to.some((group) => group.Name === Name))
    .map(({ Name }) => `${Name ?? ""} is removed`);
  return [...ofJob, ...groups, ...gone];
}

function replacingInGroup(before: nomad.TaskGroup, after: nomad.TaskGroup): string[] {
  const tasksOf = ({ Tasks }: nomad.TaskGroup) => new Map((Tasks ?? []).map((task) => [task.Name, task]));
  const [from, to] = [tasksOf(before), tasksOf(after)];
  const tasks = [...new Set([...from.keys(), ...to.keys()])].flatMap((name = "") => {
    const [earlier, later] = [from.get(name), to.get(name)];
    if (earlier === undefined || later === undefined) return [`/${name} is ${later ? "added" : "removed"}`];
    return TASK_FIELDS.filter((field) => !isDeepStrictEqual(earlier[field], later[field])).map(
      (field) => `/${name}: ${field}`,
    );
  });
  const own = GROUP_FIELDS.filter((field) => !isDeepStrictEqual(before[field], after[field])).map(
    (field) => `: ${field}`,
  );
  return [...own, ...sidecars(before, after), ...tasks];
}

/** Upstreams and tags of a sidecar are told to its Envoy; the rest of what it is replaces it. */
function sidecars({ Services: before = [] }: nomad.TaskGroup, { Services: after = [] }: nomad.TaskGroup): string[] {
  return after.flatMap((service) => {
    const earlier = before.find(({ Name }) => Name === service.Name);
    if (earlier?.Connect === undefined) return [];
    const isSame =
      isDeepStrictEqual(fixed(earlier.Connect), fixed(service.Connect)) && earlier.PortLabel === service.PortLabel;
    return isSame ? [] : [`: the Envoy of ${service.Name ?? ""}`];
  });
}

function fixed({ SidecarService, ...rest }: nomad.ConsulConnect = {}): object {
  return { ...rest, hasSidecar: SidecarService !== undefined, port: SidecarService?.Port };
}

/** What differs at the top of the job and of its groups. */
function differing(before: nomad.Job, after: nomad.Job): string[] {
  const { TaskGroups: from = [], ...job } = before;
  const { TaskGroups: to = [], ...changedJob } = after;
  const groups = to.flatMap((group) => {
    const earlier = from.find(({ Name }) => Name === group.Name);
    if (earlier === undefined) return [`${group.Name ?? ""} is added`];
    return fieldsIn(earlier, group).map((field) => `${group.Name ?? ""}: ${field}`);
  });
  return [...fieldsIn(job, changedJob), ...groups];
}

function fieldsIn(before: object, after: object): string[] {
  const [from, to] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  return [...new Set([...from.keys(), ...to.keys()])]
    .filter((key) => !isDeepStrictEqual(from.get(key), to.get(key)))
    .sort();
}

// As `tasksUpdated` in Nomad's scheduler compares them. Where instances may run is there too: those on other nodes have to move.
const JOB_FIELDS = ["Meta", "Datacenters", "NodePool", "Constraints", "Type"] as const satisfies (keyof nomad.Job)[];

const GROUP_FIELDS = [
  ...(["EphemeralDisk", "Networks", "Consul", "Volumes", "Meta", "Constraints"] as const),
] satisfies (keyof nomad.TaskGroup)[];

const TASK_FIELDS = [
  ...(["Driver", "User", "Config", "Env", "Artifacts", "Vault", "Secrets", "Consul", "Templates"] as const),
  ...(["CSIPluginConfig", "VolumeMounts", "Meta", "Resources", "Identity", "Identities", "Constraints"] as const),
] satisfies (keyof nomad.Task)[];
