import type { Place } from "../core/problems";
import { type Signal, signal } from "./signal";
import * as is from "../core/shape";
import { ARTIFACT_SHAPE, type ArtifactOptions, renderArtifact } from "./artifact";
import { optionalNanoseconds, type DurationLike } from "../core/duration";
import { knownEntries, mergeMaps, mergeMapsOrNone } from "../core/collections";
import { ValueError } from "../core/errors";
import type { Override } from "../core/override";
import type * as nomad from "./generated/job";
import { IDENTITY_SHAPE, type IdentityOptions, renderIdentities } from "./identity";
import { overridden } from "./override";
import { LOG_SHAPE, type LogOptions, renderLogs } from "./logs";
import type { Affinity, Constraint } from "./placement";
import { renderRestart, RESTART_SHAPE, type RestartOptions } from "./policies";
import { renderResources, RESOURCE_SHAPE, type ResourceOptions } from "./resources";
import type { Template } from "./template";
import { renderSecret, renderVault, SECRET_SHAPE, type SecretOptions, VAULT_SHAPE, type VaultOptions } from "./vault";
import { renderVolumeMount, VOLUME_MOUNT_SHAPE, type VolumeMountOptions } from "./volume";

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

/** @internal */
export const ACTION_SHAPE: is.Shape<ActionOptions> = {
  command: is.required(is.text),
  args: is.list(is.text),
};

/**
 * What makes a task a plugin for CSI volumes.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/csi_plugin
 */
export interface CsiPluginOptions {
  /** Name of the plugin, as volumes give it. */
  readonly id: string;
  /** `controller` creates and attaches volumes, `node` mounts them on its node, `monolith` does both. */
  readonly type: "node" | "controller" | "monolith";
  /** Where the plugin makes its socket. @default "/csi" */
  readonly mountDir?: string;
  /** Where the plugin stages volumes. @default "/local/csi" */
  readonly stagePublishBaseDir?: string;
  /** How long it may take to become healthy. @default "30s" */
  readonly healthTimeout?: DurationLike;
}

/** @internal */
export const CSI_PLUGIN_SHAPE: is.Shape<CsiPluginOptions> = {
  id: is.required(is.text),
  type: is.required(is.oneOf(["node", "controller", "monolith"])),
  mountDir: is.text,
  stagePublishBaseDir: is.text,
  healthTimeout: is.duration,
};

/**
 * What any task takes, whatever runs it.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/task
 */
export interface TaskOptions {
  /**
   * Environment variables; Nomad's own `${NOMAD_…}` may stand in the values. Never a secret. A variable that a connection sets too must have
   * the same value; of a map that only Terraform knows, these values go before those of connections.
   *
   * @default none
   */
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
  readonly killSignal?: Signal;
  /** How long it still runs after it is no longer in the catalog. @default "0s" */
  readonly shutdownDelay?: DurationLike;
  /** When it runs, if it is not the service itself. @default it runs as long as the group */
  readonly lifecycle?: {
    /**
     * `prestart`: before the main tasks; `poststart`: once they have started; `poststop`: after they have ended.
     *
     * @see https://developer.hashicorp.com/nomad/docs/job-specification/lifecycle
     */
    readonly hook: "prestart" | "poststart" | "poststop";
    /** Whether it keeps running next to the main tasks, and is restarted if it ends. @default false: it must end with code 0 */
    readonly sidecar?: boolean;
  };
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

/** @internal */
export const TASK_SHAPE: is.Shape<TaskOptions> = {
  env: is.map(is.text),
  resources: is.block(RESOURCE_SHAPE),
  templates: is.list(is.made("a Template, such as Template.text(…)")),
  volumeMounts: is.list(is.block(VOLUME_MOUNT_SHAPE)),
  artifacts: is.list(
    is.either({ fits: (value) => typeof value === "string", rule: is.text }, is.block(ARTIFACT_SHAPE)),
  ),
  vault: is.block(VAULT_SHAPE),
  secrets: is.named(is.block(SECRET_SHAPE)),
  identities: is.named(is.block(IDENTITY_SHAPE)),
  consulCluster: is.text,
  actions: is.named(is.block(ACTION_SHAPE)),
  logs: is.block(LOG_SHAPE),
  dispatchPayload: is.text,
  csiPlugin: is.block(CSI_PLUGIN_SHAPE),
  user: is.text,
  killTimeout: is.duration,
  killSignal: signal,
  shutdownDelay: is.duration,
  lifecycle: is.block({ hook: is.required(is.oneOf(["prestart", "poststart", "poststop"])), sidecar: is.flag }),
  leader: is.flag,
  restart: is.block(RESTART_SHAPE),
  constraints: is.list(is.made("a Constraint, such as Constraint.equals(…)")),
  affinities: is.list(is.made("an Affinity, such as Affinity.equals(…)")),
  meta: is.map(is.text),
  override: is.fields,
};

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

/** @internal */
export const DOCKER_WORKLOAD_SHAPE: is.Shape<DockerWorkloadOptions> = {
  ...TASK_SHAPE,
  image: is.required(is.text),
  command: is.text,
  args: is.list(is.text),
  entrypoint: is.list(is.text),
  config: is.fields,
};

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

/** @internal */
export const EXEC_WORKLOAD_SHAPE: is.Shape<ExecWorkloadOptions> = {
  ...TASK_SHAPE,
  command: is.required(is.text),
  args: is.list(is.text),
  driver: is.oneOf(["exec", "raw_exec"]),
  config: is.fields,
};

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
    private readonly shape: is.Shape<TaskOptions>,
  ) {}

  /** A container. */
  static docker(options: DockerWorkloadOptions): Workload {
    const { image, command, args, entrypoint, config } = is.optionsOf("Workload.docker", options);
    return new Workload(
      "docker",
      mergeMaps<unknown>({ image, command, args, entrypoint }, config),
      options,
      DOCKER_WORKLOAD_SHAPE,
    );
  }

  /** A program of the node. */
  static exec(options: ExecWorkloadOptions): Workload {
    const { command, args, driver, config } = is.optionsOf("Workload.exec", options);
    return new Workload(driver ?? "exec", mergeMaps<unknown>({ command, args }, config), options, EXEC_WORKLOAD_SHAPE);
  }

  /** A task of any other driver (`java`, `podman`, `qemu`, …), with that driver's configuration. */
  static driver(driver: string, config: Readonly<Record<string, unknown>>, options: TaskOptions = {}): Workload {
    return new Workload(driver, config, is.optionsOf("Workload.driver", options), TASK_SHAPE);
  }

  /** @internal */
  examine(place: Place): void {
    is.examineProperties(place, this.options, this.shape);
    const { config, ...options } = this.options as DockerWorkloadOptions & ExecWorkloadOptions;
    is.refuseRepeated(place.block("config"), options, config);
  }

  /** @internal */
  render(name: string, env: Readonly<Record<string, string>>): nomad.Task {
    const { options } = this;
    refuseClash(name, env, options.env);
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
    return overridden(rendered, options.override, `the task ${name}`);
  }
}

/** A variable has one value, wherever it is set. Of a map that only Terraform knows, the task's own values go before. */
function refuseClash(task: string, ofConnections: Readonly<Record<string, string>>, own: TaskOptions["env"]): void {
  for (const [variable, value] of knownEntries(own)) {
    const other = Object.hasOwn(ofConnections, variable) ? ofConnections[variable] : value;
    if (other !== value) {
      throw new ValueError(
        `The variable ${variable} of the task ${task} is ${JSON.stringify(value)} in its env, but ${JSON.stringify(other)} in the env of a connection.`,
        "Remove it from one of the two, or rename it.",
      );
    }
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
