import { renderArtifact, type ArtifactOptions } from "./artifact";
import { optionalNanoseconds, type DurationLike } from "../core/duration";
import { mergeMaps, mergeMapsOrNone } from "../core/collections";
import type { Override } from "../core/override";
import type * as nomad from "./generated/job";
import { renderIdentities, type IdentityOptions } from "./identity";
import { overridden } from "./override";
import { renderLogs, type LogOptions } from "./logs";
import type { Affinity, Constraint } from "./placement";
import { renderRestart, type RestartOptions } from "./policies";
import { renderResources, type ResourceOptions } from "./resources";
import type { Template } from "./template";
import { renderSecret, renderVault, type SecretOptions, type VaultOptions } from "./vault";
import { renderVolumeMount, type VolumeMountOptions } from "./volume";

/**
 * A command that people run inside a running task: `nomad action`.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/action
 */
export interface ActionOptions {
  /** A program in the task. */
  readonly command: string;
  /** @default none */
  readonly args?: readonly string[];
}

/**
 * What makes a task a plugin for CSI volumes.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/csi_plugin
 */
export interface CsiPluginOptions {
  /** Name of the plugin, as volumes give it. */
  readonly id: string;
  readonly type: "node" | "controller" | "monolith";
  /** Where the plugin makes its socket. @default "/csi" */
  readonly mountDir?: string;
  /** Where the plugin stages volumes. @default "/local/csi" */
  readonly stagePublishBaseDir?: string;
  /** How long it may take to become healthy. @default "30s" */
  readonly healthTimeout?: DurationLike;
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
  /** What Nomad fetches before the task starts; a URL alone (go-getter) goes into `local/`. @default none */
  readonly artifacts?: readonly (ArtifactOptions | string)[];
  /** Access to Vault. @default none */
  readonly vault?: VaultOptions;
  /** Secrets that Nomad fetches, by name. @default none */
  readonly secrets?: Readonly<Record<string, SecretOptions>>;
  /** Tokens by which others know it, by name; `default` is the one that every task has. @default that one, which it does not see */
  readonly identities?: Readonly<Record<string, IdentityOptions>>;
  /** Consul cluster in which Nomad gives it a token, for its templates and for itself; `"default"` for the only one. @default none */
  readonly consulCluster?: string;
  /** Commands that people run in it, by name. @default none */
  readonly actions?: Readonly<Record<string, ActionOptions>>;
  /** @default 10 files of 10 MiB, on stdout and stderr each */
  readonly logs?: LogOptions;
  /** File below `local/` in which it finds the payload of a dispatched job. @default none */
  readonly dispatchPayload?: string;
  /** Makes it a plugin for CSI volumes. @default it is none */
  readonly csiPlugin?: CsiPluginOptions;
  /** The user that runs it. @default the driver's own */
  readonly user?: string;
  /** How long it may take to end after the signal. @default "5s" */
  readonly killTimeout?: DurationLike;
  /** The signal that asks it to end. @default "SIGINT" */
  readonly killSignal?: string;
  /** How long it still runs after it is no longer in the catalog. @default "0s" */
  readonly shutdownDelay?: DurationLike;
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
  readonly override?: Override<nomad.Task>;
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
    return new Workload("docker", mergeMaps<unknown>({ image, command, args, entrypoint }, config), options);
  }

  /** A program of the node. */
  static exec(options: ExecWorkloadOptions): Workload {
    const { command, args, driver, config } = options;
    return new Workload(driver ?? "exec", mergeMaps<unknown>({ command, args }, config), options);
  }

  /** A task of any other driver (`java`, `podman`, `qemu`, …), with that driver's configuration. */
  static driver(driver: string, config: Readonly<Record<string, unknown>>, options: TaskOptions = {}): Workload {
    return new Workload(driver, config, options);
  }

  /** @internal */
  render(name: string, env: Readonly<Record<string, string>>): nomad.Task {
    const { options } = this;
    const rendered: nomad.Task = {
      Name: name,
      Driver: this.driver,
      Config: this.config,
      Env: mergeMapsOrNone(env, options.env),
      Resources: options.resources && renderResources(options.resources),
      Templates: options.templates?.map((template) => template.rendered),
      VolumeMounts: options.volumeMounts?.map(renderVolumeMount),
      Artifacts: options.artifacts?.map(renderArtifact),
      Vault: options.vault && renderVault(options.vault),
      Secrets: options.secrets && Object.entries(options.secrets).map(([key, secret]) => renderSecret(key, secret)),
      ...(options.identities && renderIdentities(options.identities)),
      Consul: options.consulCluster === undefined ? undefined : { Cluster: options.consulCluster },
      Actions:
        options.actions &&
        Object.entries(options.actions).map(([Name, { command, args }]) => ({ Name, Command: command, Args: args })),
      LogConfig: options.logs && renderLogs(options.logs),
      DispatchPayload: options.dispatchPayload === undefined ? undefined : { File: options.dispatchPayload },
      CSIPluginConfig: options.csiPlugin && renderCsiPlugin(options.csiPlugin),
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
    };
    return overridden(rendered, options.override);
  }
}

/** @internal The tasks of a group, by name. @param env what the graph adds to the environment of each */
export function renderTasks(
  tasks: Readonly<Record<string, Workload>>,
  env: Readonly<Record<string, string>> = {},
): readonly nomad.Task[] {
  return Object.entries(tasks).map(([name, workload]) => workload.render(name, env));
}

function renderCsiPlugin(options: CsiPluginOptions): nomad.TaskCSIPluginConfig {
  return {
    ID: options.id,
    Type: options.type,
    MountDir: options.mountDir,
    StagePublishBaseDir: options.stagePublishBaseDir,
    HealthTimeout: optionalNanoseconds(options.healthTimeout),
  };
}
