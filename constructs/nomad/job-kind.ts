import type { Place } from "../core/problems";
import * as is from "../core/shape";
import type * as nomad from "./generated/job";

/**
 * Options of {@link JobKind.periodic}: when instances of a job start.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/periodic
 */
export interface PeriodicOptions {
  /** Cron expressions for the times at which an instance starts, such as `"0 3 * * *"` or `"@daily"`. At least one. */
  readonly crons: readonly string[];
  /** Time zone of the expressions, such as `"Europe/Berlin"`. @default "UTC" */
  readonly timeZone?: string;
  /** Whether a start is skipped while an earlier instance still runs. @default false */
  readonly prohibitOverlap?: boolean;
  /** Whether instances start at these times. If false, they start only with `nomad job periodic force`. @default true */
  readonly enabled?: boolean;
  /** Type of the instances: `batch` runs once on a node that Nomad chooses, `sysbatch` once on every eligible node. @default "batch" */
  readonly type?: "batch" | "sysbatch";
}

/** @internal */
export const PERIODIC_SHAPE: is.Shape<PeriodicOptions> = {
  crons: is.required(is.list(is.text)),
  timeZone: is.text,
  prohibitOverlap: is.flag,
  enabled: is.flag,
  type: is.oneOf(["batch", "sysbatch"]),
};

/**
 * Options of {@link JobKind.parameterized}: what a dispatch must or can pass to a job.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/parameterized
 */
export interface ParameterizedOptions {
  /** Whether a dispatch has a payload, which a task can read in its `dispatchPayload` file. @default "optional" */
  readonly payload?: "optional" | "required" | "forbidden";
  /** Keys of metadata that a dispatch must set. @default none */
  readonly metaRequired?: readonly string[];
  /** Keys of metadata that a dispatch can set. @default none */
  readonly metaOptional?: readonly string[];
  /** Type of the instances: `batch` runs once on a node that Nomad chooses, `sysbatch` once on every eligible node. @default "batch" */
  readonly type?: "batch" | "sysbatch";
}

/** @internal */
export const PARAMETERIZED_SHAPE: is.Shape<ParameterizedOptions> = {
  payload: is.oneOf(["optional", "required", "forbidden"]),
  metaRequired: is.list(is.text),
  metaOptional: is.list(is.text),
  type: is.oneOf(["batch", "sysbatch"]),
};

/**
 * How Nomad schedules a job.
 *
 * @example
 * JobKind.periodic({ crons: ["0 3 * * *"], timeZone: "Europe/Berlin", prohibitOverlap: true });
 *
 * @see https://developer.hashicorp.com/nomad/docs/concepts/scheduling/schedulers
 */
export class JobKind {
  private constructor(
    /** @internal */
    readonly rendered: Pick<nomad.Job, "Type" | "Periodic" | "ParameterizedJob">,
    private readonly examineOptions: (place: Place) => void = () => undefined,
  ) {}

  /** Runs for as long as the job exists: `count` allocations of each group. */
  static service(): JobKind {
    return new JobKind({ Type: "service" });
  }

  /** Runs for as long as the job exists, on every eligible node. */
  static system(): JobKind {
    return new JobKind({ Type: "system" });
  }

  /** Runs until its tasks have exited successfully. */
  static batch(): JobKind {
    return new JobKind({ Type: "batch" });
  }

  /** Runs until its tasks have exited successfully, on every eligible node. */
  static sysbatch(): JobKind {
    return new JobKind({ Type: "sysbatch" });
  }

  /** Starts a batch job at certain times. Each start creates a separate job, `<id>/periodic-<time>`. */
  static periodic(options: PeriodicOptions): JobKind {
    return new JobKind(
      {
        Type: is.optionsOf("JobKind.periodic", options).type ?? "batch",
        Periodic: {
          Specs: options.crons,
          SpecType: "cron",
          TimeZone: options.timeZone,
          ProhibitOverlap: options.prohibitOverlap,
          Enabled: options.enabled ?? true,
        },
      },
      (place) => {
        is.examineProperties(place, options, PERIODIC_SHAPE);
      },
    );
  }

  /** Starts a batch job for each dispatch, with the payload and metadata of the dispatch. */
  static parameterized(options: ParameterizedOptions = {}): JobKind {
    return new JobKind(
      {
        Type: is.optionsOf("JobKind.parameterized", options).type ?? "batch",
        ParameterizedJob: {
          Payload: options.payload,
          MetaRequired: options.metaRequired,
          MetaOptional: options.metaOptional,
        },
      },
      (place) => {
        is.examineProperties(place, options, PARAMETERIZED_SHAPE);
      },
    );
  }

  /** @internal */
  examine(place: Place): void {
    this.examineOptions(place);
  }

  /** @internal Whether the tasks run until they exit, as in batch jobs. */
  get ends(): boolean {
    return this.rendered.Type === "batch" || this.rendered.Type === "sysbatch";
  }
}
