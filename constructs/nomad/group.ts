import * as is from "../core/shape";
import { optionalNanoseconds, type DurationLike } from "../core/duration";
import type { Override } from "../core/override";
import type * as nomad from "./generated/job";
import type { JobKind } from "./job-kind";
import { overriddenGroup } from "./override";
import type { Affinity, Constraint, Spread } from "./placement";
import {
  DISCONNECT_SHAPE,
  type DisconnectOptions,
  MIGRATE_SHAPE,
  type MigrateOptions,
  renderDisconnect,
  renderGroupRestart,
  renderMigrate,
  renderReschedule,
  renderUpdate,
  RESCHEDULE_SHAPE,
  type RescheduleOptions,
  RESTART_SHAPE,
  type RestartOptions,
  UPDATE_SHAPE,
  type UpdateOptions,
} from "./policies";
import type { Volume } from "./volume";

/**
 * The folder `alloc/data` that the tasks of an allocation share.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/ephemeral_disk
 */
export interface EphemeralDiskOptions {
  /** Size in MiB that Nomad reserves, logs included. @default 300 */
  readonly sizeMib?: number;
  /** Whether a new allocation is placed where the old one was, and gets its folder. @default false */
  readonly sticky?: boolean;
  /** Whether the folder is copied where a new allocation is placed on another node. Needs `sticky`. @default false */
  readonly migrate?: boolean;
}

/** @internal */
export const EPHEMERAL_DISK_SHAPE: is.Shape<EphemeralDiskOptions> = {
  sizeMib: is.number,
  sticky: is.flag,
  migrate: is.flag,
};

/**
 * Bounds within which an autoscaler, or `nomad job scale`, changes the count of a group.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/scaling
 */
export interface ScalingOptions {
  /** Fewest allocations. @default `count` */
  readonly min?: number;
  /** Most allocations. */
  readonly max: number;
  /** Whether the autoscaler acts on it. @default true */
  readonly enabled?: boolean;
  /** The autoscaler's policy, opaque to Nomad. @default none */
  readonly policy?: Readonly<Record<string, unknown>>;
}

/** @internal */
export const SCALING_SHAPE: is.Shape<ScalingOptions> = {
  min: is.number,
  max: is.required(is.number),
  enabled: is.flag,
  policy: is.fields,
};

/**
 * What a group takes, whatever is in it.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/group
 */
export interface GroupOptions {
  /** Instances. @default 1 */
  readonly count?: number;
  /**
   * How a new version replaces the old one.
   *
   * @default Nomad's own; of a group with one instance, the new one runs next to the old one (`canary: 1, autoPromote: true`)
   * until it is healthy, unless it has a static port, a volume to write to, a disk that is kept, `canaryTags` or `canaryMeta`
   */
  readonly update?: UpdateOptions;
  /**
   * What happens to a task that ends, its Envoy included.
   *
   * @default up to 10 restarts in 30 min, each after 1 s, then another node; in batch and sysbatch jobs Nomad's own, for tasks that
   * fail: up to 3 in 24 h, each after 15 s
   */
  readonly restart?: RestartOptions;
  /** @default Nomad's own */
  readonly reschedule?: RescheduleOptions;
  /** How allocations leave a node that is drained. @default Nomad's own: one at a time */
  readonly migrate?: MigrateOptions;
  /** What happens when a node no longer answers. @default Nomad's own: its allocations are replaced at once */
  readonly disconnect?: DisconnectOptions;
  /** The folder that its tasks share. @default Nomad's own: 300 MiB, lost with the allocation */
  readonly ephemeralDisk?: EphemeralDiskOptions;
  /** Bounds of its count for an autoscaler. @default none */
  readonly scaling?: ScalingOptions;
  /**
   * How long tasks still run after the service has left the catalog. Envoys hear of that a moment later, and until then still
   * send requests.
   *
   * @default "3s"; for a gateway "0s", whose Envoy has a delay of its own
   */
  readonly shutdownDelay?: DurationLike;
  /** Volumes, by the name under which tasks mount them. @default none */
  readonly volumes?: Readonly<Record<string, Volume>>;
  /** @default none */
  readonly constraints?: readonly Constraint[];
  /** @default none */
  readonly affinities?: readonly Affinity[];
  /** @default none */
  readonly spreads?: readonly Spread[];
  /** Name of the Consul cluster of its services and tasks, where Nomad's agents know several (Enterprise). @default "default" */
  readonly consulCluster?: string;
  /** Metadata, which tasks find as `${NOMAD_META_<key>}`. @default none */
  readonly groupMeta?: Readonly<Record<string, string>>;
}

/** @internal */
export const GROUP_SHAPE: is.Shape<GroupOptions> = {
  count: is.number,
  update: is.block(UPDATE_SHAPE),
  restart: is.block(RESTART_SHAPE),
  reschedule: is.block(RESCHEDULE_SHAPE),
  migrate: is.block(MIGRATE_SHAPE),
  disconnect: is.block(DISCONNECT_SHAPE),
  ephemeralDisk: is.block(EPHEMERAL_DISK_SHAPE),
  scaling: is.block(SCALING_SHAPE),
  shutdownDelay: is.duration,
  volumes: is.named(is.made('a Volume, such as Volume.host("data")')),
  constraints: is.list(is.made("a Constraint, such as Constraint.equals(…)")),
  affinities: is.list(is.made("an Affinity, such as Affinity.equals(…)")),
  spreads: is.list(is.made("a Spread, such as Spread.over(…)")),
  consulCluster: is.text,
  groupMeta: is.map(is.text),
};

/** @internal What a group holds: networks, services and tasks, any number of each. */
export type GroupParts = Required<Pick<nomad.TaskGroup, "Networks" | "Services" | "Tasks">>;

/** @internal One group of a job. @param options its kind is the job's */
export function renderGroup(
  name: string,
  options: GroupOptions & { readonly kind?: JobKind },
  parts: GroupParts,
  override?: Override<nomad.TaskGroup>,
): nomad.TaskGroup {
  const rendered: nomad.TaskGroup = {
    Name: name,
    Count: options.count ?? 1,
    Volumes:
      options.volumes &&
      Object.fromEntries(Object.entries(options.volumes).map(([label, volume]) => [label, volume.render(label)])),
    Update: options.update && renderUpdate(options.update),
    RestartPolicy: renderGroupRestart(options.restart, options.kind?.ends),
    ReschedulePolicy: options.reschedule && renderReschedule(options.reschedule),
    Migrate: options.migrate && renderMigrate(options.migrate),
    Disconnect: options.disconnect && renderDisconnect(options.disconnect),
    EphemeralDisk: options.ephemeralDisk && {
      SizeMB: options.ephemeralDisk.sizeMib,
      Sticky: options.ephemeralDisk.sticky,
      Migrate: options.ephemeralDisk.migrate,
    },
    Scaling: options.scaling && renderScaling(options.scaling),
    ShutdownDelay: optionalNanoseconds(options.shutdownDelay),
    Constraints: options.constraints?.map((constraint) => constraint.rendered),
    Affinities: options.affinities?.map((affinity) => affinity.rendered),
    Spreads: options.spreads?.map((spread) => spread.rendered),
    Consul: options.consulCluster === undefined ? undefined : { Cluster: options.consulCluster },
    Meta: options.groupMeta,
    ...parts,
  };
  return overriddenGroup(rendered, override);
}

function renderScaling({ min, max, enabled, policy }: ScalingOptions): nomad.ScalingPolicy {
  return { Type: "horizontal", Min: min, Max: max, Enabled: enabled ?? true, Policy: policy };
}
