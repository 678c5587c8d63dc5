import type { Check, CheckedApp } from "../../checks/check";
import { isToken } from "../../core/token";
import { LIFECYCLE_HOOKS } from "../platform/lifecycle-notices";
import { machineGroupsOf } from "./machines";
import { blocksOf, resourcesOf } from "./resources";
import { renderedGroups } from "./servers";

const TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING";

export const drainHook: Check = {
  id: "drain-hook",
  reason: "Without a lifecycle hook, EC2 terminates a machine before its jobs run on another one.",
  level: "error",
  *find(app) {
    const added = resourcesOf(app, "aws_autoscaling_lifecycle_hook").map(({ attributes }) => attributes);
    for (const { at, group, attributes } of renderedGroups(app)) {
      const hooks = [
        ...blocksOf(attributes.initial_lifecycle_hook),
        ...added.filter(({ autoscaling_group_name: name }) => name === attributes.name),
      ];
      if (!hooks.some(({ lifecycle_transition: transition }) => transition === TERMINATING)) {
        yield {
          at,
          problem: `Machines of ${group.node.path} are terminated without a lifecycle hook that waits until they have left.`,
          fix: "Omit the override of initial_lifecycle_hook.",
        };
      }
    }
  },
};

/** The part of a hook's time that a host needs to leave the cluster and to complete the hook. */
const MARGIN_SECONDS = 20;

export const drainTime: Check = {
  id: "drain-time",
  reason: "When the lifecycle hook times out, EC2 terminates the machine with the tasks that still run on it.",
  level: "error",
  *find(app) {
    const hook = LIFECYCLE_HOOKS.terminate.seconds;
    for (const group of machineGroupsOf(app.root)) {
      const { drainSeconds, nodePool } = group.options.hosts;
      if (drainSeconds === undefined || nodePool === undefined) continue;
      for (const { job, task, seconds } of longestStops(app, nodePool)) {
        const needed = drainSeconds + seconds + MARGIN_SECONDS;
        if (needed > hook) {
          yield {
            at: job,
            problem: `The task ${task} needs up to ${seconds} s to stop. After a drain of ${drainSeconds} s that is too long: a machine of ${group.node.path} is terminated after ${hook} s.`,
            fix: `Set killTimeout and shutdownDelay to ${Math.max(hook - drainSeconds - MARGIN_SECONDS, 0)} s together at most, or lower drainSeconds of the pool.`,
          };
        }
      }
    }
  },
};

/** The task of each job in a node pool that takes longest to stop. */
function* longestStops({ graph }: CheckedApp, nodePool: string) {
  for (const { key } of graph.data.jobs.values()) {
    const { NodePool: pool = "default", TaskGroups = [] } = graph.jobOf(key);
    if (pool !== nodePool && pool !== "all") continue;
    const stops = TaskGroups.flatMap(({ ShutdownDelay: group, Tasks = [] }) =>
      Tasks.map(({ Name = "", ShutdownDelay, KillTimeout }) => ({
        job: key,
        task: Name,
        seconds: secondsOf(group, 0) + secondsOf(ShutdownDelay, 0) + secondsOf(KillTimeout, DEFAULT_KILL_SECONDS),
      })),
    );
    const longest = stops.sort((a, b) => b.seconds - a.seconds).at(0);
    if (longest !== undefined) yield longest;
  }
}

/** @see https://developer.hashicorp.com/nomad/docs/job-specification/task#kill_timeout */
const DEFAULT_KILL_SECONDS = 5;

/** Values that only Terraform knows count as 0. */
function secondsOf(nanoseconds: number | null | undefined, unset: number): number {
  if (nanoseconds === undefined || nanoseconds === null) return unset;
  return isToken(nanoseconds) ? 0 : Math.ceil(nanoseconds / 1e9);
}
