import * as is from "../core/shape";
import { withSuccessorBeside } from "./deployment";
import type { Override } from "../core/override";
import type * as nomad from "./generated/job";
import { GROUP_SHAPE, type GroupOptions, type GroupParts, renderGroup } from "./group";
import { JobKind } from "./job-kind";
import { overriddenJob } from "./override";
import type { Affinity, Constraint, Spread } from "./placement";
import { renderUpdate, UPDATE_SHAPE, type UpdateOptions } from "./policies";

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
  /**
   * Whether an apply waits until Nomad calls the job's deployment successful, and fails when it does not. Nomad decides after
   * `progressDeadline` of `update`, 10 minutes by default, or `healthyDeadline` where that is 0; the resource's `timeouts` follow from it.
   * Versions of a service are waited for in any case. Jobs without deployments (system, batch) are only waited for until they are placed.
   * With canaries that somebody promotes an apply waits for that.
   *
   * @default false: an apply ends as soon as Nomad has taken the job
   * @see https://registry.terraform.io/providers/hashicorp/nomad/latest/docs/resources/job#detach
   */
  readonly waitUntilHealthy?: boolean;
}

/** @internal */
export const JOB_PLACEMENT_SHAPE: is.Shape<JobPlacement> = {
  nomadDatacenters: is.list(is.text),
  region: is.text,
  namespace: is.text,
  nodePool: is.text,
  priority: is.number,
  waitUntilHealthy: is.flag,
};

/** What any job takes, whatever groups it has. */
export interface JobOptions extends JobPlacement {
  /** How Nomad schedules it. @default JobKind.service() */
  readonly kind?: JobKind;
  /** Metadata of the job in Nomad, which tasks find as `${NOMAD_META_<key>}`. @default none */
  readonly jobMeta?: Readonly<Record<string, string>>;
  /**
   * What Nomad's pages say of the job, in Markdown, at most 1000 characters.
   *
   * @default nothing
   * @see https://developer.hashicorp.com/nomad/docs/job-specification/ui
   */
  readonly description?: string;
  /** Links on Nomad's pages: URL by label. @default none */
  readonly links?: Readonly<Record<string, string>>;
  /** Whether Nomad places either all allocations of an evaluation or none. @default false */
  readonly allAtOnce?: boolean;
}

/** @internal */
export const JOB_SHAPE: is.Shape<JobOptions> = {
  ...JOB_PLACEMENT_SHAPE,
  kind: is.made("a JobKind, such as JobKind.batch()"),
  jobMeta: is.map(is.text),
  description: is.text,
  links: is.map(is.text),
  allAtOnce: is.flag,
};

/** What a job of any number of groups takes. */
export interface JobSpec extends JobOptions {
  /** How new versions of its groups replace the old ones, as far as a group has no `update` of its own. @default Nomad's own */
  readonly update?: UpdateOptions;
  /** For all of its groups. @default none */
  readonly constraints?: readonly Constraint[];
  /** For all of its groups. @default none */
  readonly affinities?: readonly Affinity[];
  /** For all of its groups. @default none */
  readonly spreads?: readonly Spread[];
  /** Anything else of Nomad's job block. @default none */
  readonly override?: Override<nomad.Job>;
}

/** @internal */
export const JOB_SPEC_SHAPE: is.Shape<JobSpec> = {
  ...JOB_SHAPE,
  update: is.block(UPDATE_SHAPE),
  constraints: is.list(is.made("a Constraint, such as Constraint.equals(…)")),
  affinities: is.list(is.made("an Affinity, such as Affinity.equals(…)")),
  spreads: is.list(is.made("a Spread, such as Spread.over(…)")),
  override: is.fields,
};

/** What a job of one group takes, whatever runs in it. */
export interface JobProps extends JobOptions, GroupOptions {
  /** Anything else that Nomad can express, laid over what is rendered: see {@link Override}. @default none */
  readonly override?: JobOverride;
}

/** @internal */
export const JOB_PROPS_SHAPE: is.Shape<JobProps> = {
  ...JOB_SHAPE,
  ...GROUP_SHAPE,
  override: is.fields,
};

/** Fields of Nomad's API, laid over those that are rendered: first those of the service, then of the group, then of the job. */
export interface JobOverride {
  /** @default none */
  readonly job?: Override<nomad.Job>;
  /** @default none */
  readonly group?: Override<nomad.TaskGroup>;
  /** @default none */
  readonly service?: Override<nomad.Service>;
}

/** @internal A job with these groups, finished. */
export function renderJob(name: string, spec: JobSpec, groups: readonly nomad.TaskGroup[]): nomad.Job {
  const { kind = JobKind.service(), description, links } = spec;
  const { Type, Periodic, ParameterizedJob } = kind.rendered;
  const rendered: nomad.Job = {
    ID: name,
    Name: name,
    Type,
    Datacenters: spec.nomadDatacenters ?? ["*"],
    Region: spec.region,
    Namespace: spec.namespace,
    NodePool: spec.nodePool,
    Priority: spec.priority,
    AllAtOnce: spec.allAtOnce,
    Periodic,
    ParameterizedJob,
    Update: spec.update && renderUpdate(spec.update),
    Constraints: spec.constraints?.map((constraint) => constraint.rendered),
    Affinities: spec.affinities?.map((affinity) => affinity.rendered),
    Spreads: spec.spreads?.map((spread) => spread.rendered),
    Meta: spec.jobMeta,
    UI:
      description === undefined && links === undefined
        ? undefined
        : { Description: description, Links: links && Object.entries(links).map(([Label, URL]) => ({ Label, URL })) },
    TaskGroups: groups,
  };
  return withSuccessorBeside(overriddenJob(rendered, spec.override));
}

/** @internal The job of one group, which has the job's own name. */
export function renderJobOfOneGroup(name: string, props: JobProps, parts: GroupParts): nomad.Job {
  const { override = {} } = props;
  const group = renderGroup(name, props, parts, override.group);
  // Those that are given are the group's.
  const ofGroup = { update: undefined, constraints: undefined, affinities: undefined, spreads: undefined };
  return renderJob(name, { ...props, ...ofGroup, override: override.job }, [group]);
}
