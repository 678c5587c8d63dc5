import { isToken } from "../core/token";
import type * as nomad from "./generated/job";
import { isIsolated } from "./network";
import { updateOf } from "./validate/policies";
import { MINUTE } from "./validate/times";

/**
 * @internal How long the tasks of a service still run after it has left the catalog. Nomad's own default ends them at once, and
 * with them the requests of Envoys that have not heard of it yet.
 */
export const SHUTDOWN_DELAY = "3s";

/**
 * @internal Has the successor of a group's only instance run next to it until it is healthy, so that a deployment leaves no
 * request unanswered, unless something keeps the two apart or the job's author has decided.
 */
export function withSuccessorBeside(job: nomad.Job): nomad.Job {
  return {
    ...job,
    TaskGroups: job.TaskGroups?.map((group) =>
      leavesGap(job, group) && obstacleOf(group) === undefined && !keepsDisk(group)
        ? { ...group, Update: { ...group.Update, Canary: 1, AutoPromote: true } }
        : group,
    ),
  };
}

/** @internal How long Nomad may take to decide whether a job is deployed, in nanoseconds. */
export interface DeploymentLimits {
  /** Of a new job, whose instances start at once. */
  readonly create: nomad.Nanoseconds;
  /** Of a new version, whose instances replace the old ones step by step. */
  readonly update: nomad.Nanoseconds;
}

/**
 * @internal The limits of a finished job: its progress deadline for each step, and a minute for what comes before and after. Undefined
 * where there is no deployment to wait for, or what it depends on is known to Terraform only.
 */
export function deploymentLimits(job: nomad.Job): DeploymentLimits | undefined {
  if ((job.Type ?? "service") !== "service") return undefined;
  const groups = (job.TaskGroups ?? []).filter(({ Count = 1 }) => Count !== 0);
  const limits = groups.map((group) => {
    const { Count = 1 } = group;
    const { ProgressDeadline, HealthyDeadline, MaxParallel, Canary } = updateOf(job, group);
    // Without a deadline for progress the first instance that is not healthy in time ends it.
    const step = ProgressDeadline === 0 ? HealthyDeadline : ProgressDeadline;
    const steps = Math.ceil(Count / Math.max(MaxParallel, 1)) + (Canary > 0 && Count > 1 ? 1 : 0);
    return [Count, ProgressDeadline, HealthyDeadline, MaxParallel, Canary].some((it) => isToken(it))
      ? undefined
      : { create: step + MINUTE, update: step * steps + MINUTE };
  });
  if (limits.length === 0 || !limits.every((it) => it !== undefined)) return undefined;
  return {
    create: Math.max(...limits.map(({ create }) => create)),
    update: Math.max(...limits.map(({ update }) => update)),
  };
}

/** @internal Why the only instance of a group ends before its successor starts, for each such group of a finished job. */
export function obstaclesOf(job: nomad.Job): readonly Obstacle[] {
  return (job.TaskGroups ?? []).flatMap((group) =>
    leavesGap(job, group) && !keepsDisk(group) ? (obstacleOf(group) ?? []) : [],
  );
}

/** @internal What two instances cannot both have. */
export interface Obstacle {
  readonly kind: "port" | "network" | "volume";
  /** What follows "it". */
  readonly text: string;
}

function obstacleOf({ Networks = [], Volumes = {} }: nomad.TaskGroup): Obstacle | undefined {
  const port = Networks.flatMap(({ ReservedPorts }) => ReservedPorts ?? []).at(0);
  if (port !== undefined) {
    return {
      kind: "port",
      text: isToken(port.Value) ? "uses a static port of its node" : `uses port ${port.Value} of its node`,
    };
  }
  if (!Networks.every(isIsolated)) {
    return { kind: "network", text: "uses the host network" };
  }
  const volume = Object.entries(Volumes).find(([, { ReadOnly, PerAlloc }]) => ReadOnly !== true || PerAlloc === true);
  return volume && { kind: "volume", text: `writes to the volume ${volume[0]}` };
}

/** Whether a deployment ends the only instance first: as far as is known before Terraform runs, and as Nomad does it unasked. */
function leavesGap(job: nomad.Job, { Count = 1, Update = {}, Services = [] }: nomad.TaskGroup): boolean {
  // A canary with tags or metadata of its own is for rules that tell it apart, or for people who promote it.
  const hasOwnCanaries = Services.some(({ CanaryTags, CanaryMeta }) => CanaryTags ?? CanaryMeta);
  const isDecided = [Update.Canary, Update.AutoPromote, job.Update].some((it) => it !== undefined);
  const isRolling = Update.HealthCheck !== "manual" && Update.MaxParallel !== 0;
  const isSingle = !isToken(Count) && Count === 1;
  return (job.Type ?? "service") === "service" && isSingle && isRolling && !isDecided && !hasOwnCanaries;
}

/** A disk that goes from an allocation to the one that replaces it does not go to a canary. */
function keepsDisk({ EphemeralDisk }: nomad.TaskGroup): boolean {
  return EphemeralDisk?.Sticky === true || EphemeralDisk?.Migrate === true;
}
