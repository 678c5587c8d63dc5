import type { Place } from "../core/problems";
import * as is from "../core/shape";
import type * as nomad from "./generated/job";

/**
 * When a job runs, for {@link JobKind.periodic}.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/periodic
 */
export interface PeriodicOptions {
  /** Cron expressions, each a time at which an instance starts, e.g. `"0 3 * * *"` or `"@daily"`. At least one. */
  readonly crons: readonly string[];
  /** Name of the time zone of the expressions, e.g. `"Europe/Berlin"`. @default "UTC" */
  readonly timeZone?: string;
  /** Whether a time is skipped while the instance of an earlier one still runs. @default false */
  readonly prohibitOverlap?: boolean;
  /** Whether it starts at these times at all, or only by `nomad job periodic force`. @default true */
  readonly enabled?: boolean;
  /** Whether it runs once where Nomad places it, or once on every eligible node. @default "batch" */
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
 * What a dispatch passes, for {@link JobKind.parameterized}.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/parameterized
 */
export interface ParameterizedOptions {
  /** Whether a dispatch has a payload, which a task finds in its `dispatchPayload` file. @default "optional" */
  readonly payload?: "optional" | "required" | "forbidden";
  /** Keys of metadata that a dispatch must give. @default none */
  readonly metaRequired?: readonly string[];
  /** Keys of metadata that a dispatch may give. @default none */
  readonly metaOptional?: readonly string[];
  /** Whether it runs once where Nomad places it, or once on every eligible node. @default "batch" */
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

  /** Starts a batch job at certain times. Each start is a job of its own, `<id>/periodic-<time>`. */
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

  /** Starts a batch job whenever somebody dispatches it, with the payload and metadata given there. */
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

  /** @internal Whether its tasks are meant to end. */
  get ends(): boolean {
    return this.rendered.Type === "batch" || this.rendered.Type === "sysbatch";
  }
}
