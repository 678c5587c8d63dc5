import { optionalNanoseconds, type Duration } from "./duration";
import type * as nomad from "./generated/job";
import { renderRestart, type RestartOptions } from "./policies";
import type { Affinity, Constraint } from "./placement";
import type { Template } from "./template";
import { renderVolumeMount, type VolumeMountOptions } from "./volume";

/**
 * What a task is promised of its node.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/resources
 */
export interface ResourceOptions {
  /** Share of the processor in MHz. @default 100 */
  readonly cpuMhz?: number;
  /** Whole cores of its own; excludes `cpuMhz`. @default none */
  readonly cores?: number;
  /** Memory in MiB. @default 300 */
  readonly memoryMib?: number;
  /** Memory in MiB that it may use while the node has some to spare. @default `memoryMib` */
  readonly memoryMaxMib?: number;
}

/**
 * What any task takes, whatever runs it.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/task
 */
export interface TaskOptions {
  /** Environment variables; Nomad's own `${NOMAD_…}` may stand in the values. Never a secret. @default none */
  readonly env?: Readonly<Record<string, string>>;
  /** @default Nomad's own */
  readonly resources?: ResourceOptions;
  /** Files that Nomad renders before the task starts. @default none */
  readonly templates?: readonly Template[];
  /** Volumes of the group that it sees. @default none */
  readonly volumeMounts?: readonly VolumeMountOptions[];
  /** URLs (go-getter) that Nomad fetches into `local/` before the task starts. @default none */
  readonly artifacts?: readonly string[];
  /** The user that runs it. @default the driver's own */
  readonly user?: string;
  /** How long it may take to end after the signal. @default "5s" */
  readonly killTimeout?: Duration;
  /** The signal that asks it to end. @default "SIGINT" */
  readonly killSignal?: string;
  /** How long it still runs after it is no longer in the catalog. @default "0s" */
  readonly shutdownDelay?: Duration;
  /** When it runs, if it is not the service itself. @default it runs as long as the group */
  readonly lifecycle?: { readonly hook: "prestart" | "poststart" | "poststop"; readonly sidecar?: boolean };
  /** Whether the others end when it ends. @default false */
  readonly leader?: boolean;
  /** Restart policy of this task alone. @default the group's */
  readonly restart?: RestartOptions;
  /** @default none */
  readonly constraints?: readonly Constraint[];
  /** @default none */
  readonly affinities?: readonly Affinity[];
  /** @default none */
  readonly meta?: Readonly<Record<string, string>>;
  /** Anything else of Nomad's task block. @default none */
  readonly override?: nomad.Task;
}

/** A task under Docker. @see https://developer.hashicorp.com/nomad/docs/drivers/docker */
export interface DockerWorkloadOptions extends TaskOptions {
  /** Image with its tag or digest. */
  readonly image: string;
  /** Replaces the image's command. @default the image's */
  readonly command?: string;
  /** Arguments of the command. @default the image's */
  readonly args?: readonly string[];
  /** Replaces the image's entry point. @default the image's */
  readonly entrypoint?: readonly string[];
  /** Anything else of the driver's configuration. @default none */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** A program of the node itself. @see https://developer.hashicorp.com/nomad/docs/drivers/exec */
export interface ExecWorkloadOptions extends TaskOptions {
  /** A program on the node's path, or one that an artifact or template brought. */
  readonly command: string;
  /** @default none */
  readonly args?: readonly string[];
  /** `exec` isolates the program in a chroot and cgroups; `raw_exec` runs it as it is. @default "exec" */
  readonly driver?: "exec" | "raw_exec";
  /** Anything else of the driver's configuration. @default none */
  readonly config?: Readonly<Record<string, unknown>>;
}

/**
 * What runs: one task of a service's group.
 *
 * @example
 * Workload.docker({ image: "hashicorpdev/counter-api:v3", resources: { memoryMib: 128 } });
 */
export class Workload {
  private constructor(
    private readonly driver: string,
    private readonly config: Readonly<Record<string, unknown>>,
    private readonly options: TaskOptions,
  ) {}

  /** A container. */
  static docker(options: DockerWorkloadOptions): Workload {
    const { image, command, args, entrypoint, config } = options;
    return new Workload("docker", { image, command, args, entrypoint, ...config }, options);
  }

  /** A program of the node. */
  static exec(options: ExecWorkloadOptions): Workload {
    const { command, args, driver, config } = options;
    return new Workload(driver ?? "exec", { command, args, ...config }, options);
  }

  /** A task of any other driver (`java`, `podman`, `qemu`, …), with that driver's configuration. */
  static driver(driver: string, config: Readonly<Record<string, unknown>>, options: TaskOptions = {}): Workload {
    return new Workload(driver, config, options);
  }

  /** @internal */
  render(name: string, env: Readonly<Record<string, string>>): nomad.Task {
    const { options } = this;
    return {
      Name: name,
      Driver: this.driver,
      Config: this.config,
      Env: emptyAsUndefined({ ...env, ...options.env }),
      Resources: options.resources && renderResources(options.resources),
      Templates: options.templates?.map((template) => template.rendered),
      VolumeMounts: options.volumeMounts?.map(renderVolumeMount),
      Artifacts: options.artifacts?.map((GetterSource) => ({ GetterSource })),
      User: options.user,
      KillTimeout: optionalNanoseconds(options.killTimeout),
      KillSignal: options.killSignal,
      ShutdownDelay: optionalNanoseconds(options.shutdownDelay),
      Lifecycle: options.lifecycle && { Hook: options.lifecycle.hook, Sidecar: options.lifecycle.sidecar },
      Leader: options.leader,
      RestartPolicy: options.restart && renderRestart(options.restart),
      Constraints: options.constraints?.map((constraint) => constraint.rendered),
      Affinities: options.affinities?.map((affinity) => affinity.rendered),
      Meta: options.meta,
      ...options.override,
    };
  }
}

/** @internal The tasks of a group, by name. @param env what the graph adds to the environment of each */
export function renderTasks(
  tasks: Readonly<Record<string, Workload>>,
  env: Readonly<Record<string, string>> = {},
): readonly nomad.Task[] {
  return Object.entries(tasks).map(([name, workload]) => workload.render(name, env));
}

/** @internal */
export function renderResources(resources: ResourceOptions): nomad.Resources {
  return {
    CPU: resources.cpuMhz,
    Cores: resources.cores,
    MemoryMB: resources.memoryMib,
    MemoryMaxMB: resources.memoryMaxMib,
  };
}

function emptyAsUndefined<T extends object>(record: T): T | undefined {
  return Object.keys(record).length === 0 ? undefined : record;
}
