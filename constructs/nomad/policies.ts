import * as is from "../core/shape";
import { withoutUndefined } from "../core/without-undefined";
import { optionalNanoseconds, type DurationLike } from "../core/duration";
import type * as nomad from "./generated/job";

/**
 * How allocations of a new version of a job replace those of the old one.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/update
 */
export interface UpdateOptions {
  /** Maximum number of allocations that are replaced at the same time. @default 1 */
  readonly maxParallel?: number;
  /** How Nomad determines that an allocation is healthy. @default "checks" */
  readonly healthCheck?: "checks" | "task_states" | "manual";
  /** How long an allocation must be healthy before the next one is replaced. @default "10s" */
  readonly minHealthyTime?: DurationLike;
  /** Maximum time until an allocation is healthy. @default "5m" */
  readonly healthyDeadline?: DurationLike;
  /** Maximum time until the next allocation of the deployment is healthy. 0: the first unhealthy allocation fails it. @default "10m" */
  readonly progressDeadline?: DurationLike;
  /** Whether a failed deployment reverts the job to its last stable version. @default false */
  readonly autoRevert?: boolean;
  /** Whether Nomad promotes healthy canaries automatically. @default false; true for the default `canary` of a job with one instance */
  readonly autoPromote?: boolean;
  /**
   * Number of allocations of the new version that run next to the old ones until they are promoted. They get requests as soon as they are
   * healthy, as all other allocations, unless a traffic rule distinguishes them.
   *
   * @default 1 for a job with one instance, which is promoted automatically, see {@link JobProps.update}; otherwise 0
   */
  readonly canary?: number;
  /** Deprecated since Nomad 1.11, which uses `minHealthyTime` instead. @default "30s" */
  readonly stagger?: DurationLike;
}

/** @internal */
export const UPDATE_SHAPE: is.Shape<UpdateOptions> = {
  maxParallel: is.number,
  healthCheck: is.oneOf(["checks", "task_states", "manual"]),
  minHealthyTime: is.duration,
  healthyDeadline: is.duration,
  progressDeadline: is.duration,
  autoRevert: is.flag,
  autoPromote: is.flag,
  canary: is.number,
  stagger: is.duration,
};

/**
 * Whether and when Nomad restarts a task on its node after it exits (in batch jobs: after it fails), including Envoy. While an Envoy waits
 * for its restart, its service can neither connect nor be reached, so the default delay is short. A program that always fails immediately
 * uses up all attempts within about 12 s. For batch and sysbatch jobs, including periodic and parameterized ones, the defaults are Nomad's:
 * 3 restarts in 24 hours, each after 15 s.
 *
 * In the policy of a single task, omitted fields have the values of its group.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/restart
 */
export interface RestartOptions {
  /** Maximum number of restarts within the interval. @default 10; 3 in batch and sysbatch jobs */
  readonly attempts?: number;
  /** Time window in which attempts are counted. @default "30m"; "24h" in batch and sysbatch jobs */
  readonly interval?: DurationLike;
  /** Time before a restart. Nomad adds a random time of up to 25 % of it. @default "1s"; "15s" in batch and sysbatch jobs */
  readonly delay?: DurationLike;
  /** What Nomad does after the last attempt: fail the allocation, or wait for the next interval. @default "fail" */
  readonly mode?: "fail" | "delay";
  /** Whether Nomad renders templates again at a restart. @default false */
  readonly renderTemplates?: boolean;
}

/** @internal */
export const RESTART_SHAPE: is.Shape<RestartOptions> = {
  attempts: is.number,
  interval: is.duration,
  delay: is.duration,
  mode: is.oneOf(["fail", "delay"]),
  renderTemplates: is.flag,
};

/**
 * Whether and when Nomad replaces a failed allocation, preferably on another node.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/reschedule
 */
export interface RescheduleOptions {
  /** Maximum number of attempts within the interval. It has no effect if `unlimited` is true. @default 0 */
  readonly attempts?: number;
  /** Time window in which attempts are counted. @default "0s" */
  readonly interval?: DurationLike;
  /** Time before the first attempt. @default "30s" */
  readonly delay?: DurationLike;
  /** How the time before further attempts increases. @default "exponential" */
  readonly delayFunction?: "constant" | "exponential" | "fibonacci";
  /** Maximum time before an attempt. @default "1h" */
  readonly maxDelay?: DurationLike;
  /** Whether the number of attempts is unlimited. @default true */
  readonly unlimited?: boolean;
}

/** @internal */
export const RESCHEDULE_SHAPE: is.Shape<RescheduleOptions> = {
  attempts: is.number,
  interval: is.duration,
  delay: is.duration,
  delayFunction: is.oneOf(["constant", "exponential", "fibonacci"]),
  maxDelay: is.duration,
  unlimited: is.flag,
};

/**
 * How Nomad moves allocations of a service job off a node that is drained.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/migrate
 */
export interface MigrateOptions {
  /** Maximum number of allocations that move at the same time. @default 1 */
  readonly maxParallel?: number;
  /** How Nomad determines that a new allocation is healthy. @default "checks" */
  readonly healthCheck?: "checks" | "task_states";
  /** How long a new allocation must be healthy before the next one moves. @default "10s" */
  readonly minHealthyTime?: DurationLike;
  /** Maximum time until a new allocation is healthy. @default "5m" */
  readonly healthyDeadline?: DurationLike;
}

/** @internal */
export const MIGRATE_SHAPE: is.Shape<MigrateOptions> = {
  maxParallel: is.number,
  healthCheck: is.oneOf(["checks", "task_states"]),
  minHealthyTime: is.duration,
  healthyDeadline: is.duration,
};

/**
 * What happens to allocations on a node that is disconnected, and after it has reconnected.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/disconnect
 */
export interface DisconnectOptions {
  /**
   * How long allocations have the status `unknown`, and can reconnect, before Nomad marks them as lost. It cannot be combined with
   * `stopOnClientAfter`.
   *
   * @default none: allocations are lost immediately
   */
  readonly lostAfter?: DurationLike;
  /** Time without a connection to a server after which the node stops allocations. Not together with `lostAfter`. @default never */
  readonly stopOnClientAfter?: DurationLike;
  /** Whether Nomad replaces the allocations while the node is disconnected. @default true */
  readonly replace?: boolean;
  /** Which allocations Nomad keeps after the node has reconnected. @default "best_score" */
  readonly reconcile?: "best_score" | "keep_original" | "keep_replacement" | "longest_running";
}

/** @internal */
export const DISCONNECT_SHAPE: is.Shape<DisconnectOptions> = {
  lostAfter: is.duration,
  stopOnClientAfter: is.duration,
  replace: is.flag,
  reconcile: is.oneOf(["best_score", "keep_original", "keep_replacement", "longest_running"]),
};

/** @internal */
export function renderUpdate(options: UpdateOptions): nomad.UpdateStrategy {
  return {
    MaxParallel: options.maxParallel,
    HealthCheck: options.healthCheck,
    MinHealthyTime: optionalNanoseconds(options.minHealthyTime),
    HealthyDeadline: optionalNanoseconds(options.healthyDeadline),
    ProgressDeadline: optionalNanoseconds(options.progressDeadline),
    AutoRevert: options.autoRevert,
    AutoPromote: options.autoPromote,
    Canary: options.canary,
    Stagger: optionalNanoseconds(options.stagger),
  };
}

/** Policy for service and system jobs. Nomad's own default is a delay of 15 s, and 2 attempts. */
const RESTART = { attempts: 10, interval: "30m", delay: "1s", mode: "fail" } as const;

/**
 * @internal The restart policy of a group. It also applies to its Envoys, since Nomad does not support a separate policy for a sidecar.
 *
 * @param ends whether the tasks run until they exit, as in batch jobs: omitted fields then have Nomad's defaults
 */
export function renderGroupRestart(options: RestartOptions | undefined, ends = false): nomad.RestartPolicy | undefined {
  return ends ? options && renderRestart(options) : renderRestart({ ...RESTART, ...withoutUndefined(options ?? {}) });
}

/** @internal */
export function renderRestart(options: RestartOptions): nomad.RestartPolicy {
  return {
    Attempts: options.attempts,
    Interval: optionalNanoseconds(options.interval),
    Delay: optionalNanoseconds(options.delay),
    Mode: options.mode,
    RenderTemplates: options.renderTemplates,
  };
}

/** @internal */
export function renderReschedule(options: RescheduleOptions): nomad.ReschedulePolicy {
  return {
    Attempts: options.attempts,
    Interval: optionalNanoseconds(options.interval),
    Delay: optionalNanoseconds(options.delay),
    DelayFunction: options.delayFunction,
    MaxDelay: optionalNanoseconds(options.maxDelay),
    Unlimited: options.unlimited,
  };
}

/** @internal */
export function renderMigrate(options: MigrateOptions): nomad.MigrateStrategy {
  return {
    MaxParallel: options.maxParallel,
    HealthCheck: options.healthCheck,
    MinHealthyTime: optionalNanoseconds(options.minHealthyTime),
    HealthyDeadline: optionalNanoseconds(options.healthyDeadline),
  };
}

/** @internal */
export function renderDisconnect(options: DisconnectOptions): nomad.DisconnectStrategy {
  return {
    LostAfter: optionalNanoseconds(options.lostAfter),
    StopOnClientAfter: optionalNanoseconds(options.stopOnClientAfter),
    Replace: options.replace,
    Reconcile: options.reconcile,
  };
}
