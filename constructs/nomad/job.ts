import { optionalNanoseconds, type Duration } from "./duration";
import type * as nomad from "./generated/job";
import type { Affinity, Constraint, Spread } from "./placement";
import {
  renderReschedule,
  renderRestart,
  renderUpdate,
  type RescheduleOptions,
  type RestartOptions,
  type UpdateOptions,
} from "./policies";
import type { Volume } from "./volume";

/**
 * Where jobs go, for a whole mesh or for one service.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/job
 */
export interface JobPlacement {
  /** Nomad datacenters, globs allowed. @default ["*"] */
  readonly nomadDatacenters?: readonly string[];
  /** @default the provider's */
  readonly region?: string;
  /** @default "default" */
  readonly namespace?: string;
  /** @default "default" */
  readonly nodePool?: string;
  /** From 1 to 100. @default 50 */
  readonly priority?: number;
}

/** What a job takes, whatever runs in it. */
export interface JobProps extends JobPlacement {
  /** Instances. @default 1 */
  readonly count?: number;
  /** @default Nomad's own */
  readonly update?: UpdateOptions;
  /** @default Nomad's own */
  readonly restart?: RestartOptions;
  /** @default Nomad's own */
  readonly reschedule?: RescheduleOptions;
  /** How long tasks still run after the service is no longer in the catalog, so that requests drain. @default "0s" */
  readonly shutdownDelay?: Duration;
  /** Volumes, by the name under which tasks mount them. @default none */
  readonly volumes?: Readonly<Record<string, Volume>>;
  /** @default none */
  readonly constraints?: readonly Constraint[];
  /** @default none */
  readonly affinities?: readonly Affinity[];
  /** @default none */
  readonly spreads?: readonly Spread[];
  /** Metadata of the job in Nomad. @default none */
  readonly jobMeta?: Readonly<Record<string, string>>;
  /** Anything else that Nomad can express, laid over what is rendered, field by field. @default none */
  readonly override?: JobOverride;
}

/** Fields of Nomad's API that replace those rendered. */
export interface JobOverride {
  readonly job?: nomad.Job;
  readonly group?: nomad.TaskGroup;
  readonly service?: nomad.Service;
}

/** @internal The job of one group that has the job's own name. */
export function renderJob(
  name: string,
  props: JobProps,
  group: Required<Pick<nomad.TaskGroup, "Networks" | "Services" | "Tasks">>,
): nomad.Job {
  return {
    ID: name,
    Name: name,
    Type: "service",
    Datacenters: props.nomadDatacenters ?? ["*"],
    Region: props.region,
    Namespace: props.namespace,
    NodePool: props.nodePool,
    Priority: props.priority,
    Meta: props.jobMeta,
    TaskGroups: [{ Name: name, ...renderGroup(props), ...group, ...props.override?.group }],
    ...props.override?.job,
  };
}

function renderGroup(props: JobProps): nomad.TaskGroup {
  return {
    Count: props.count ?? 1,
    Volumes:
      props.volumes &&
      Object.fromEntries(Object.entries(props.volumes).map(([name, volume]) => [name, volume.render(name)])),
    Update: props.update && renderUpdate(props.update),
    RestartPolicy: props.restart && renderRestart(props.restart),
    ReschedulePolicy: props.reschedule && renderReschedule(props.reschedule),
    ShutdownDelay: optionalNanoseconds(props.shutdownDelay),
    Constraints: props.constraints?.map((constraint) => constraint.rendered),
    Affinities: props.affinities?.map((affinity) => affinity.rendered),
    Spreads: props.spreads?.map((spread) => spread.rendered),
  };
}
