import * as is from "../core/shape";
import { withoutUndefined } from "../core/without-undefined";
import { optionalNanoseconds, type DurationLike } from "../core/duration";
import type * as nomad from "./generated/job";

/**
 * How a new version of a job replaces the old one.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/update
 */
export interface UpdateOptions {
  /** Allocations that are replaced at the same time. @default 1 */
  readonly maxParallel?: number;
  /** What tells that an allocation is healthy. @default "checks" */
  readonly healthCheck?: "checks" | "task_states" | "manual";
  /** How long an allocation must be healthy before the next is replaced. @default "10s" */
  readonly minHealthyTime?: DurationLike;
  /** How long an allocation may take to become healthy. @default "5m" */
  readonly healthyDeadline?: DurationLike;
  /** How long the whole deployment may go without progress. @default "10m" */
  readonly progressDeadline?: DurationLike;
  /** Whether a failed deployment goes back to the last good version. @default false */
  readonly autoRevert?: boolean;
  /** Whether healthy canaries replace the old version automatically. @default false, where `canary` is set */
  readonly autoPromote?: boolean;
  /**
   * Allocations of the new version that run next to the old one until promoted. They get requests as all others do, as soon as
   * they are healthy, unless a traffic rule tells them apart.
   *
   * @default 1, promoted automatically, for a job of one instance, see {@link JobProps.update}; otherwise 0
   */
  readonly canary?: number;
  /** Delay between replacing allocations off a draining or lost node. @default "30s" */
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
 * What happens on its own node to a task that ends (of a batch job: that fails), an Envoy included. While an Envoy waits for its
 * restart, its service reaches nothing and is not reached; so the wait is short, and a program that fails at once again and again
 * is given up after some 12 s all the same. For jobs of kind batch and sysbatch, periodic and parameterized ones included, the defaults
 * are Nomad's own: 3 restarts in 24 h, each after 15 s.
 *
 * For a task alone: what is omitted is as for its group.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/restart
 */
export interface RestartOptions {
  /** Restarts allowed within the interval. @default 10, or 3 for what is to end */
  readonly attempts?: number;
  /** The window in which attempts count. @default "30m", or "24h" for what is to end */
  readonly interval?: DurationLike;
  /** Wait before a restart; Nomad adds up to a quarter of it. @default "1s", or "15s" for what is to end */
  readonly delay?: DurationLike;
  /** After the last attempt: fail the allocation, or wait for the next interval. @default "fail" */
  readonly mode?: "fail" | "delay";
  /** Whether templates are rendered again at a restart. @default false */
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
 * What happens to an allocation that failed for good: whether and when another node tries.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/reschedule
 */
export interface RescheduleOptions {
  /** Attempts within the interval; no meaning where `unlimited`. @default 0 */
  readonly attempts?: number;
  /** The window in which attempts count. @default "0s" */
  readonly interval?: DurationLike;
  /** Wait before the first attempt. @default "30s" */
  readonly delay?: DurationLike;
  /** How the wait grows. @default "exponential" */
  readonly delayFunction?: "constant" | "exponential" | "fibonacci";
  /** The longest wait. @default "1h" */
  readonly maxDelay?: DurationLike;
  /** Whether it is tried without limit. @default true */
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
 * How allocations of a service job leave a node that is drained.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/migrate
 */
export interface MigrateOptions {
  /** Allocations that move at the same time. @default 1 */
  readonly maxParallel?: number;
  /** What tells that the new allocation is healthy. @default "checks" */
  readonly healthCheck?: "checks" | "task_states";
  /** How long it must be healthy before the next one moves. @default "10s" */
  readonly minHealthyTime?: DurationLike;
  /** How long it may take to become healthy. @default "5m" */
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
 * What happens to allocations whose node no longer answers, and when it is back.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/disconnect
 */
export interface DisconnectOptions {
  /** How long the servers take them for running, though unknown; excludes `stopOnClientAfter`. @default not at all: they are lost at once */
  readonly lostAfter?: DurationLike;
  /** After how long without a server the node itself stops them; excludes `lostAfter`. @default never */
  readonly stopOnClientAfter?: DurationLike;
  /** Whether others replace them meanwhile. @default true */
  readonly replace?: boolean;
  /** Which ones stay when the node is back. @default "best_score" */
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

/** For what runs for good. Nomad's own wait is 15 s, and it allows 2 attempts. */
const RESTART = { attempts: 10, interval: "30m", delay: "1s", mode: "fail" } as const;

/**
 * @internal The policy of a group, and so of its Envoys: Nomad lets a sidecar have none of its own.
 *
 * @param ends whether its tasks are meant to end: what is omitted is then Nomad's own
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
