import { withSuccessorBeside } from "./deployment";
import { optionalNanoseconds, type Duration } from "./duration";
import type * as nomad from "./generated/job";
import type { Affinity, Constraint, Spread } from "./placement";
import {
  renderGroupRestart,
  renderReschedule,
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
  /**
   * How a new version replaces the old one.
   *
   * @default Nomad's own; of a job with one instance, the new one runs next to the old one (`canary: 1, autoPromote: true`) until
   * it is healthy, unless it has a static port, a volume to write to, a disk that is kept, `canaryTags` or `canaryMeta`
   */
  readonly update?: UpdateOptions;
  /** What happens to a task that ends, its Envoy included. @default up to 10 restarts in 30 min, each after 1 s, then another node */
  readonly restart?: RestartOptions;
  /** @default Nomad's own */
  readonly reschedule?: RescheduleOptions;
  /**
   * How long tasks still run after the service has left the catalog. Envoys hear of that a moment later, and until then still
   * send requests.
   *
   * @default "3s"; for a gateway "0s", whose Envoy has a delay of its own
   */
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
  const job: nomad.Job = {
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
  return withSuccessorBeside(job);
}

function renderGroup(props: JobProps): nomad.TaskGroup {
  return {
    Count: props.count ?? 1,
    Volumes:
      props.volumes &&
      Object.fromEntries(Object.entries(props.volumes).map(([name, volume]) => [name, volume.render(name)])),
    Update: props.update && renderUpdate(props.update),
    RestartPolicy: renderGroupRestart(props.restart),
    ReschedulePolicy: props.reschedule && renderReschedule(props.reschedule),
    ShutdownDelay: optionalNanoseconds(props.shutdownDelay),
    Constraints: props.constraints?.map((constraint) => constraint.rendered),
    Affinities: props.affinities?.map((affinity) => affinity.rendered),
    Spreads: props.spreads?.map((spread) => spread.rendered),
  };
}
