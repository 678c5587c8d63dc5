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
 * The ephemeral disk of an allocation, which contains the directory `alloc/data` that its tasks share.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/ephemeral_disk
 */
export interface EphemeralDiskOptions {
  /** Size in MiB that Nomad reserves, including logs. @default 300 */
  readonly sizeMib?: number;
  /** Whether Nomad places a new allocation on the node of the previous one, and moves the data to it. @default false */
  readonly sticky?: boolean;
  /** Whether Nomad copies the data if it places the new allocation on another node. Requires `sticky`. @default false */
  readonly migrate?: boolean;
}

/** @internal */
export const EPHEMERAL_DISK_SHAPE: is.Shape<EphemeralDiskOptions> = {
  sizeMib: is.number,
  sticky: is.flag,
  migrate: is.flag,
};

/**
 * Limits within which an autoscaler, or `nomad job scale`, changes the count of a group.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/scaling
 */
export interface ScalingOptions {
  /** Minimum number of allocations. @default `count` */
  readonly min?: number;
  /** Maximum number of allocations. */
  readonly max: number;
  /** Whether the autoscaler scales the group. @default true */
  readonly enabled?: boolean;
  /** Policy for the autoscaler, which Nomad does not interpret. @default none */
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
 * Options of a group, except its network, services and tasks.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/group
 */
export interface GroupOptions {
  /** Number of instances (allocations). @default 1 */
  readonly count?: number;
  /**
   * How allocations of a new version replace those of the old one.
   *
   * @default Nomad's default; in a group with one instance, the new instance runs next to the old one until it is healthy
   * (`canary: 1, autoPromote: true`), unless the group has a static port, a writable volume, a sticky ephemeral disk, `canaryTags` or
   * `canaryMeta`, or uses the host network
   */
  readonly update?: UpdateOptions;
  /**
   * Whether and when Nomad restarts a task that exits, including Envoy.
   *
   * @default up to 10 restarts in 30 minutes, each after 1 s; then Nomad reschedules the allocation. In batch and sysbatch jobs, Nomad's
   * default for tasks that fail: up to 3 restarts in 24 hours, each after 15 s
   */
  readonly restart?: RestartOptions;
  /** Whether and when Nomad replaces a failed allocation on another node. @default Nomad's default for the kind of the job */
  readonly reschedule?: RescheduleOptions;
  /** How Nomad moves allocations off a node that is drained. @default Nomad's default: one at a time */
  readonly migrate?: MigrateOptions;
  /** What happens to allocations on a node that is disconnected. @default Nomad's default: they are replaced immediately */
  readonly disconnect?: DisconnectOptions;
  /** The disk that the tasks of an allocation share. @default Nomad's default: 300 MiB, deleted with the allocation */
  readonly ephemeralDisk?: EphemeralDiskOptions;
  /** Limits of the count for an autoscaler. @default none */
  readonly scaling?: ScalingOptions;
  /**
   * How long tasks still run after Nomad has deregistered their services. Envoys of clients receive the change a moment later, and still
   * send requests until then.
   *
   * @default "3s"; for a gateway "0s", since its Envoy has its own delay
   */
  readonly shutdownDelay?: DurationLike;
  /** Volumes by name. Tasks mount them by this name. @default none */
  readonly volumes?: Readonly<Record<string, Volume>>;
  /** Conditions that a node must meet. @default none */
  readonly constraints?: readonly Constraint[];
  /** Preferences for nodes. @default none */
  readonly affinities?: readonly Affinity[];
  /** How allocations are spread over nodes. @default none */
  readonly spreads?: readonly Spread[];
  /** Name of the Consul cluster of services and tasks, if Nomad's agents have several (Enterprise). @default "default" */
  readonly consulCluster?: string;
  /** Metadata of the group, which tasks can read as `${NOMAD_META_<key>}`. @default none */
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

/** @internal Networks, services and tasks of a group, any number of each. */
export type GroupParts = Required<Pick<nomad.TaskGroup, "Networks" | "Services" | "Tasks">>;

/** @internal One group of a job. @param options options of the group, with the kind of the job */
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
