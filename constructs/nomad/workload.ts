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
 * A command that operators can run in a running task, with `nomad action`.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/action
 */
export interface ActionOptions {
  /** Name or path of a program in the task. */
  readonly command: string;
  /** Arguments of the program. @default none */
  readonly args?: readonly string[];
}

/** @internal */
export const ACTION_SHAPE: is.Shape<ActionOptions> = {
  command: is.required(is.text),
  args: is.list(is.text),
};

/**
 * Options of a task that is a plugin for CSI volumes.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/csi_plugin
 */
export interface CsiPluginOptions {
  /** Id of the plugin, to which volumes refer. */
  readonly id: string;
  /** Type of the plugin: `controller` creates and attaches volumes, `node` mounts them on its node, `monolith` does both. */
  readonly type: "node" | "controller" | "monolith";
  /** Directory in the task in which the plugin creates its socket. @default "/csi" */
  readonly mountDir?: string;
  /** Directory in the task in which the plugin stages volumes. @default "/local/csi" */
  readonly stagePublishBaseDir?: string;
  /** Maximum time until the plugin is healthy. @default "30s" */
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
 * Options of all tasks, with any driver.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/task
 */
export interface TaskOptions {
  /**
   * Environment variables by name. Values can contain Nomad's variables (`${NOMAD_…}`), but should not contain secrets. A variable that a
   * connection also sets must have the same value; if the map is known only to Terraform, its values take precedence over those of
   * connections.
   *
   * @default none
   */
  readonly env?: Readonly<Record<string, string>>;
  /** CPU, memory and other resources of the task. @default Nomad's defaults, see {@link ResourceOptions} */
  readonly resources?: ResourceOptions;
  /** Files that Nomad renders before the task starts. @default none */
  readonly templates?: readonly Template[];
  /** Mounts of the group's volumes. @default none */
  readonly volumeMounts?: readonly VolumeMountOptions[];
  /** Files that Nomad downloads before the task starts. A string is a URL of go-getter, which is downloaded to `local/`. @default none */
  readonly artifacts?: readonly (ArtifactOptions | string)[];
  /** Access of the task to Vault. @default none */
  readonly vault?: VaultOptions;
  /** Secrets that Nomad fetches before the task starts, by name. @default none */
  readonly secrets?: Readonly<Record<string, SecretOptions>>;
  /** Workload identities of the task, by name. Every task has the identity `default`. @default only `default`, not visible to the task */
  readonly identities?: Readonly<Record<string, IdentityOptions>>;
  /**
   * Name of the Consul cluster for which Nomad gives the task a token, for its templates and its program. If there is only one cluster, its
   * name is `"default"`.
   *
   * @default none: the task has no Consul token
   */
  readonly consulCluster?: string;
  /** Commands that operators can run in the task, by name. @default none */
  readonly actions?: Readonly<Record<string, ActionOptions>>;
  /** Log files of the task. @default 10 files of 10 MiB each for stdout and for stderr */
  readonly logs?: LogOptions;
  /** Path below `local/` of a file to which Nomad writes the payload of a dispatched job. @default none */
  readonly dispatchPayload?: string;
  /** Makes the task a plugin for CSI volumes. @default none: the task is not a plugin */
  readonly csiPlugin?: CsiPluginOptions;
  /** Name of the user that runs the task. @default the default user of the driver */
  readonly user?: string;
  /** Time that the task has to exit after the signal, before Nomad kills it. @default "5s" */
  readonly killTimeout?: DurationLike;
  /** Signal with which Nomad stops the task. @default "SIGINT" */
  readonly killSignal?: Signal;
  /** How long the task still runs after Nomad has deregistered its services. @default "0s" */
  readonly shutdownDelay?: DurationLike;
  /** When the task runs, if it is not a main task. @default none: it is a main task, which runs as long as the group */
  readonly lifecycle?: {
    /**
     * `prestart`: before the main tasks; `poststart`: after they have started; `poststop`: after they have ended.
     *
     * @see https://developer.hashicorp.com/nomad/docs/job-specification/lifecycle
     */
    readonly hook: "prestart" | "poststart" | "poststop";
    /** Whether the task keeps running next to the main tasks, and is restarted if it exits. @default false: it must exit with code 0 */
    readonly sidecar?: boolean;
  };
  /** Whether Nomad stops the other tasks of the group when this task exits. @default false */
  readonly leader?: boolean;
  /** Restart policy of this task only. @default the restart policy of the group */
  readonly restart?: RestartOptions;
  /** Conditions that the node must meet. @default none */
  readonly constraints?: readonly Constraint[];
  /** Preferences for nodes. @default none */
  readonly affinities?: readonly Affinity[];
  /** Metadata of the task, which it can read as `${NOMAD_META_<key>}`. @default none */
  readonly meta?: Readonly<Record<string, string>>;
  /** Other fields of Nomad's task block. @default none */
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

/** Options of {@link Workload.docker}. @see https://developer.hashicorp.com/nomad/docs/drivers/docker */
export interface DockerWorkloadOptions extends TaskOptions {
  /** Name of the image, with its tag or digest. */
  readonly image: string;
  /** Command that replaces the command of the image. @default the command of the image */
  readonly command?: string;
  /** Arguments of the command. @default the arguments of the image */
  readonly args?: readonly string[];
  /** Entry point that replaces the entry point of the image. @default the entry point of the image */
  readonly entrypoint?: readonly string[];
  /** Other fields of the driver's configuration. @default none */
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

/** Options of {@link Workload.exec}. @see https://developer.hashicorp.com/nomad/docs/drivers/exec */
export interface ExecWorkloadOptions extends TaskOptions {
  /** Name of a program in the node's `PATH`, or path of a program from an artifact or template. */
  readonly command: string;
  /** Arguments of the program. @default none */
  readonly args?: readonly string[];
  /** Driver: `exec` isolates the program with a chroot and cgroups, `raw_exec` does not isolate it. @default "exec" */
  readonly driver?: "exec" | "raw_exec";
  /** Other fields of the driver's configuration. @default none */
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
 * A task of a group: its driver, the driver's configuration, and options of the task.
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

  /** A task that runs a container with Docker. */
  static docker(options: DockerWorkloadOptions): Workload {
    const { image, command, args, entrypoint, config } = is.optionsOf("Workload.docker", options);
    return new Workload(
      "docker",
      mergeMaps<unknown>({ image, command, args, entrypoint }, config),
      options,
      DOCKER_WORKLOAD_SHAPE,
    );
  }

  /** A task that runs a program on the node. */
  static exec(options: ExecWorkloadOptions): Workload {
    const { command, args, driver, config } = is.optionsOf("Workload.exec", options);
    return new Workload(driver ?? "exec", mergeMaps<unknown>({ command, args }, config), options, EXEC_WORKLOAD_SHAPE);
  }

  /** A task with any other driver (`java`, `podman`, `qemu`, …). @param config configuration of the driver */
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

/** Refuses a variable to which a connection and the task give different values. Maps that are known only to Terraform are not checked. */
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

/** @internal Renders the tasks of a group. @param env environment variables that the graph adds to each task */
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
