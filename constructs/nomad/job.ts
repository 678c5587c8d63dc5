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
 * Where Nomad runs jobs, for a whole mesh or for one service.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/job
 */
export interface JobPlacement {
  /** Names of Nomad datacenters. They can contain globs. @default ["*"] */
  readonly nomadDatacenters?: readonly string[];
  /** Nomad region. @default the region of the Nomad provider */
  readonly region?: string;
  /** Nomad namespace. @default "default" */
  readonly namespace?: string;
  /** Nomad node pool. @default "default" */
  readonly nodePool?: string;
  /** Priority of the job, from 1 to 100. @default 50 */
  readonly priority?: number;
  /**
   * Whether `terraform apply` waits until the deployment of the job is successful, and fails if the deployment fails. Nomad decides within
   * `progressDeadline` of `update`, 10 minutes by default, or within `healthyDeadline` if `progressDeadline` is 0; the `timeouts` of the
   * resource are set accordingly. For versions of a service, an apply always waits. For jobs without deployments (system, batch), it waits
   * only until they are placed. With canaries that must be promoted manually, it also waits for the promotion.
   *
   * @default false: an apply ends when Nomad has registered the job
   * @see https://github.com/hashicorp/terraform-provider-nomad/blob/main/docs/resources/job.md
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

/** Options of all jobs. */
export interface JobOptions extends JobPlacement {
  /** How Nomad schedules the job. @default JobKind.service() */
  readonly kind?: JobKind;
  /** Metadata of the job, which tasks can read as `${NOMAD_META_<key>}`. @default none */
  readonly jobMeta?: Readonly<Record<string, string>>;
  /**
   * Description of the job in Nomad's UI, in Markdown, at most 1000 characters.
   *
   * @default none
   * @see https://developer.hashicorp.com/nomad/docs/job-specification/ui
   */
  readonly description?: string;
  /** Links of the job in Nomad's UI: URLs by label. @default none */
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

/** Options of a job with any number of groups. */
export interface JobSpec extends JobOptions {
  /**
   * How allocations of a new version replace those of the old one. `update` of a group takes precedence, field by field.
   *
   * @default Nomad's default
   */
  readonly update?: UpdateOptions;
  /** Conditions that the nodes of all groups must meet. @default none */
  readonly constraints?: readonly Constraint[];
  /** Preferences for the nodes of all groups. @default none */
  readonly affinities?: readonly Affinity[];
  /** How the allocations of all groups are spread over nodes. @default none */
  readonly spreads?: readonly Spread[];
  /** Other fields of Nomad's job block. @default none */
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

/** Options of a job with one group. */
export interface JobProps extends JobOptions, GroupOptions {
  /** Other fields of Nomad's job, group and service blocks, which are merged into the rendered job: see {@link Override}. @default none */
  readonly override?: JobOverride;
}

/** @internal */
export const JOB_PROPS_SHAPE: is.Shape<JobProps> = {
  ...JOB_SHAPE,
  ...GROUP_SHAPE,
  override: is.fields,
};

/** Fields of Nomad's API, which are merged into the rendered job: first those of the service, then of the group, then of the job. */
export interface JobOverride {
  /** Fields of the job. @default none */
  readonly job?: Override<nomad.Job>;
  /** Fields of the group. @default none */
  readonly group?: Override<nomad.TaskGroup>;
  /** Fields of the service. @default none */
  readonly service?: Override<nomad.Service>;
}

/** @internal The complete job with these groups. */
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

/** @internal A job with one group, which has the name of the job. */
export function renderJobOfOneGroup(name: string, props: JobProps, parts: GroupParts): nomad.Job {
  const { override = {} } = props;
  const group = renderGroup(name, props, parts, override.group);
  // These props apply to the group, not to the job.
  const ofGroup = { update: undefined, constraints: undefined, affinities: undefined, spreads: undefined };
  return renderJob(name, { ...props, ...ofGroup, override: override.job }, [group]);
}
