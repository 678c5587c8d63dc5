import { isToken } from "../core/token";
import type * as nomad from "./generated/job";
import { isIsolated } from "./network";
import { updateOf } from "./validate/policies";
import { MINUTE } from "./validate/times";

/**
 * @internal How long the tasks of a service still run after Nomad has deregistered it. With Nomad's default they stop immediately, and
 * requests of Envoys that have not received the change yet fail.
 */
export const SHUTDOWN_DELAY = "3s";

/**
 * @internal Adds a canary, promoted automatically, to groups with one instance, so that the new instance runs next to the old one until it
 * is healthy, and no requests fail during a deployment. A group stays unchanged if the two cannot run at the same time, or if the job sets
 * `canary`, `autoPromote` or an `update` block for all groups.
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

/** @internal Maximum time, in nanoseconds, until Nomad decides whether a deployment is successful. */
export interface DeploymentLimits {
  /** For a new job, whose instances all start at the same time. */
  readonly create: nomad.Nanoseconds;
  /** For a new version, whose instances replace the old ones step by step. */
  readonly update: nomad.Nanoseconds;
}

/**
 * @internal The limits of a finished job: its progress deadline for each step, and one additional minute. `undefined` if the job has no
 * deployment, or if fields that determine the limits are known only to Terraform.
 */
export function deploymentLimits(job: nomad.Job): DeploymentLimits | undefined {
  if ((job.Type ?? "service") !== "service") return undefined;
  const groups = (job.TaskGroups ?? []).filter(({ Count = 1 }) => Count !== 0);
  const limits = groups.map((group) => {
    const { Count = 1 } = group;
    const { ProgressDeadline, HealthyDeadline, MaxParallel, Canary } = updateOf(job, group);
    // Without a progress deadline, the deployment fails if the first instance is not healthy within its deadline.
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

/** @internal For each group of a finished job whose only instance stops before the new one starts: the reason. */
export function obstaclesOf(job: nomad.Job): readonly Obstacle[] {
  return (job.TaskGroups ?? []).flatMap((group) =>
    leavesGap(job, group) && !keepsDisk(group) ? (obstacleOf(group) ?? []) : [],
  );
}

/** @internal Something that two instances on the same node cannot use at the same time. */
export interface Obstacle {
  readonly kind: "port" | "network" | "volume";
  /** Text after "it" in messages. */
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

/** Whether a deployment with Nomad's defaults stops the only instance first, as far as this is known at synthesis. */
function leavesGap(job: nomad.Job, { Count = 1, Update = {}, Services = [] }: nomad.TaskGroup): boolean {
  // A canary with separate tags or metadata is meant for traffic rules that distinguish it, or for manual promotion.
  const hasOwnCanaries = Services.some(({ CanaryTags, CanaryMeta }) => CanaryTags ?? CanaryMeta);
  const isDecided = [Update.Canary, Update.AutoPromote, job.Update].some((it) => it !== undefined);
  const isRolling = Update.HealthCheck !== "manual" && Update.MaxParallel !== 0;
  const isSingle = !isToken(Count) && Count === 1;
  return (job.Type ?? "service") === "service" && isSingle && isRolling && !isDecided && !hasOwnCanaries;
}

/** Nomad moves a sticky ephemeral disk to the allocation that replaces the old one, but not to a canary. */
function keepsDisk({ EphemeralDisk }: nomad.TaskGroup): boolean {
  return EphemeralDisk?.Sticky === true || EphemeralDisk?.Migrate === true;
}
