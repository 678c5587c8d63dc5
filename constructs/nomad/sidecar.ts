import type { Place } from "../core/problems";
import { type Signal, signal } from "./signal";
import * as is from "../core/shape";
import { mergeMaps, mergeMapsOrNone, numberText } from "../core/collections";
import { withoutUndefined } from "../core/without-undefined";
import { nanoseconds, optionalNanoseconds, type DurationLike } from "../core/duration";
import type { Override } from "../core/override";
import type * as nomad from "./generated/job";
import { LOG_SHAPE, type LogOptions, renderLogs } from "./logs";
import { overridden } from "./override";
import { renderResources, RESOURCE_SHAPE, type ResourceOptions } from "./resources";

/** @internal How often Consul checks whether a sidecar listens, in nanoseconds. */
export const SIDECAR_CHECK_INTERVAL = nanoseconds("10s");

/** Options of all sidecars, with any driver. */
export interface SidecarOptions {
  /** CPU, memory and other resources of Envoy. @default 250 MHz (none if `cores` is set) and 128 MiB */
  readonly resources?: ResourceOptions;
  /** Log files of Envoy. @default 2 files of 2 MiB each for stdout and for stderr */
  readonly logs?: LogOptions;
  /** Log level of Envoy. @default "info" */
  readonly logLevel?: "trace" | "debug" | "info" | "warning" | "error" | "critical" | "off";
  /** Number of Envoy's worker threads. @default 1 */
  readonly concurrency?: number;
  /** Name of the user that runs Envoy. @default the default user of the driver */
  readonly user?: string;
  /** Other fields of the driver's configuration, such as `{ memory_hard_limit: 256 }`. @default none */
  readonly driverConfig?: Readonly<Record<string, unknown>>;
  /** Signal with which Nomad stops Envoy. @default "SIGINT" */
  readonly killSignal?: Signal;
  /** Time that Envoy has to exit after the signal, before Nomad kills it. @default "5s" */
  readonly killTimeout?: DurationLike;
  /**
   * How long Envoy still runs after the tasks of the service have ended. Envoy of a gateway still runs this long after the gateway has
   * been deregistered.
   *
   * @default "1s"; "5s" for a gateway
   */
  readonly shutdownDelay?: DurationLike;
  /** Environment variables of Envoy's task. @default none */
  readonly env?: Readonly<Record<string, string>>;
  /** Metadata of Envoy's task in Nomad. @default none */
  readonly meta?: Readonly<Record<string, string>>;
  /**
   * Tags of the sidecar's registration in Consul; `[]` for none. Filters of subsets also use these tags, instead of those of the service.
   *
   * @default the tags of the service
   */
  readonly tags?: readonly string[];
  /** Metadata of the sidecar's registration in Consul. @default the metadata of the service */
  readonly serviceMeta?: Readonly<Record<string, string>>;
  /**
   * Label of the group's port on which other Envoys reach this one. If the label is one of `ports`, the port must have the same number
   * inside the allocation, as with `Port.dynamic({ to: -1, hostNetwork })`.
   *
   * @default the label of a dynamic port that Nomad adds
   */
  readonly portLabel?: string;
  /**
   * Proxy configuration, which Nomad passes to Consul unchanged, such as `{ envoy_prometheus_bind_addr: "0.0.0.0:9102" }`. A change of an
   * option that Envoy reads only when it starts (`envoy_prometheus_bind_addr`, `envoy_stats_…`, `envoy_extra_static_…` and others) replaces
   * the allocation; a change of any other option applies to the running Envoy.
   *
   * @default none
   * @see https://developer.hashicorp.com/consul/docs/reference/proxy/envoy
   */
  readonly config?: Readonly<Record<string, unknown>>;
  /**
   * Whether Consul omits its TCP check of Envoy's public listener, which runs every 10 s. A Consul agent that reloads its configuration
   * adds the check nevertheless. It fails until it has run, so the instance is unreachable for up to 10 s after a reload.
   *
   * @default false
   */
  readonly disableDefaultTcpCheck?: boolean;
  /** Other fields of Nomad's sidecar_task block. @default none */
  readonly override?: Override<nomad.SidecarTask>;
  /** Other fields of Nomad's sidecar_service block. @default none */
  readonly serviceOverride?: Override<nomad.ConsulSidecarService>;
}

/** @internal */
export const SIDECAR_SHAPE: is.Shape<SidecarOptions> = {
  resources: is.block(RESOURCE_SHAPE),
  logs: is.block(LOG_SHAPE),
  logLevel: is.oneOf(["trace", "debug", "info", "warning", "error", "critical", "off"]),
  concurrency: is.number,
  user: is.text,
  driverConfig: is.fields,
  killSignal: signal,
  killTimeout: is.duration,
  shutdownDelay: is.duration,
  env: is.map(is.text),
  meta: is.map(is.text),
  tags: is.list(is.text),
  serviceMeta: is.map(is.text),
  portLabel: is.text,
  config: is.fields,
  disableDefaultTcpCheck: is.flag,
  override: is.fields,
  serviceOverride: is.fields,
};

/** Options of {@link Sidecar.docker}. */
export interface DockerSidecarOptions extends SidecarOptions {
  /**
   * Envoy's image. @default the image in the metadata `connect.sidecar_image` of the node, which the nodes of this library and of the lab
   * have; otherwise an image that Nomad chooses for its version of Consul
   */
  readonly image?: string;
}

/** @internal */
export const DOCKER_SIDECAR_SHAPE: is.Shape<DockerSidecarOptions> = {
  ...SIDECAR_SHAPE,
  image: is.text,
};

/** Options of {@link Sidecar.exec}. */
export interface ExecSidecarOptions extends SidecarOptions {
  /** Path or name of the Envoy program on the node. @default "envoy" */
  readonly command?: string;
  /** Driver that runs the program. @default "raw_exec" */
  readonly driver?: "exec" | "raw_exec";
}

/** @internal */
export const EXEC_SIDECAR_SHAPE: is.Shape<ExecSidecarOptions> = {
  ...SIDECAR_SHAPE,
  command: is.text,
  driver: is.oneOf(["exec", "raw_exec"]),
};

/**
 * Nomad's defaults for a sidecar without a `sidecar_task` block. With such a block, Nomad would use its defaults for other tasks: 100 MHz,
 * 300 MiB and 100 MB of logs.
 */
const NOMADS_SIDECAR = { cpuMhz: 250, memoryMib: 128, logs: { maxFiles: 2, maxFileSizeMib: 2 } };

/**
 * The Envoy of a service. Nomad starts it before the tasks of the service, and stops it after them.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/sidecar_task
 */
export class Sidecar {
  private constructor(
    private readonly options: SidecarOptions,
    /** Undefined if Nomad chooses the driver. */
    private readonly driver: "exec" | "raw_exec" | undefined,
    private readonly config: Readonly<Record<string, unknown>>,
    private readonly args: readonly string[] | undefined,
    private readonly shape: is.Shape<SidecarOptions>,
  ) {}

  /** Runs Envoy in a container, Nomad's default. */
  static docker(options: DockerSidecarOptions = {}): Sidecar {
    is.optionsOf("Sidecar.docker", options);
    const tuned = options.logLevel !== undefined || options.concurrency !== undefined;
    const config = mergeMaps<unknown>(
      options.image === undefined ? {} : { image: options.image },
      options.driverConfig,
    );
    return new Sidecar(options, undefined, config, tuned ? envoyArguments(options) : undefined, DOCKER_SIDECAR_SHAPE);
  }

  /** Runs Envoy as a program on the node, for nodes without Docker. */
  static exec(options: ExecSidecarOptions = {}): Sidecar {
    const driver = is.optionsOf("Sidecar.exec", options).driver ?? "raw_exec";
    const own = {
      command: options.command ?? "envoy",
      // The path of Consul's socket in Nomad's bootstrap is relative to the allocation's directory. With `exec`, that is the root of the
      // chroot, where Envoy starts. With `raw_exec`, it must be the working directory, or Envoy waits forever.
      ...(driver === "raw_exec" && { work_dir: "${NOMAD_ALLOC_DIR}/.." }),
    };
    const config = mergeMaps<unknown>(own, options.driverConfig);
    return new Sidecar(options, driver, config, envoyArguments(options), EXEC_SIDECAR_SHAPE);
  }

  /** @internal */
  examine(place: Place): void {
    is.examineProperties(place, this.options, this.shape);
    const { driverConfig, ...options } = this.options;
    is.refuseRepeated(place.block("driverConfig"), options, driverConfig);
  }

  /** @internal Proxy configuration, which Nomad passes to Consul unchanged. */
  get proxyConfig(): Readonly<Record<string, unknown>> | undefined {
    return this.options.config;
  }

  /**
   * @internal Differences from the task that Nomad adds automatically.
   *
   * @param meta additional metadata of the task
   */
  renderTask(meta?: Readonly<Record<string, string>>): nomad.SidecarTask {
    const config = mergeMapsOrNone<unknown>(this.config, this.args && { args: this.args });
    const rendered: nomad.SidecarTask = {
      Driver: this.driver,
      Config: config,
      // Nomad's default of 5 s is longer than necessary: after the shutdown delay of the group, there are no more requests.
      ShutdownDelay: nanoseconds("1s"),
      ...withoutUndefined(this.renderCommon()),
      ...(meta && { Meta: mergeMaps(meta, this.options.meta) }),
    };
    return overridden(rendered, this.options.override, "the sidecar's task");
  }

  /**
   * @internal The whole task, for a gateway: only a task of the job itself can have templates and volumes. Omitted options have Nomad's
   * defaults.
   *
   * @param furtherArguments additional arguments of Envoy
   */
  renderWholeTask(name: string, kind: string, furtherArguments: readonly string[] = []): nomad.Task {
    const image = this.driver === undefined ? { image: "${meta.connect.gateway_image}" } : {};
    const rendered: nomad.Task = {
      Name: name,
      Kind: kind,
      Driver: this.driver ?? "docker",
      Config: mergeMaps<unknown>(image, this.config, { args: [...(this.args ?? NODE_ARGUMENTS), ...furtherArguments] }),
      ShutdownDelay: nanoseconds("5s"),
      Constraints: [
        { LTarget: "${attr.consul.version}", Operand: "semver", RTarget: ">= 1.8.0" },
        { LTarget: "${attr.consul.grpc}", Operand: ">", RTarget: "0" },
      ],
      ...withoutUndefined(this.renderCommon()),
    };
    return overridden(rendered, this.options.override, "the sidecar's task");
  }

  /** @internal Path of a file of the task, `secrets/…` or `local/…`, for Envoy. */
  pathOf(taskName: string, file: string): string {
    if (file.startsWith("/")) {
      return file;
    }
    return this.driver === "raw_exec" ? `${taskName}/${file}` : `/${file}`;
  }

  private renderCommon(): nomad.SidecarTask {
    const { options } = this;
    const { resources = {}, logs } = options;
    const { cpuMhz = resources.cores === undefined ? NOMADS_SIDECAR.cpuMhz : undefined } = resources;
    const { memoryMib = NOMADS_SIDECAR.memoryMib } = resources;
    return {
      Resources: renderResources({ ...resources, cpuMhz, memoryMib }),
      LogConfig: renderLogs({ ...NOMADS_SIDECAR.logs, ...withoutUndefined(logs ?? {}) }),
      User: options.user,
      KillSignal: options.killSignal,
      KillTimeout: optionalNanoseconds(options.killTimeout),
      ShutdownDelay: optionalNanoseconds(options.shutdownDelay),
      Env: options.env,
      Meta: options.meta,
    };
  }

  /** @internal */
  renderService(proxy: nomad.ConsulProxy): nomad.ConsulSidecarService {
    const { options } = this;
    const rendered: nomad.ConsulSidecarService = {
      // Consul replaces an empty list by the tags of the service.
      Tags: options.tags?.length === 0 ? [""] : options.tags,
      Port: options.portLabel,
      Meta: options.serviceMeta,
      DisableDefaultTCPCheck: options.disableDefaultTcpCheck,
      Proxy: { ...proxy, Config: options.config },
    };
    return overridden(rendered, options.serviceOverride, "the sidecar");
  }
}

/** The arguments with which Nomad starts Envoy. They depend on the metadata of the node. */
const NODE_ARGUMENTS = envoyCommandLine("${meta.connect.log_level}", "${meta.connect.proxy_concurrency}");

function envoyArguments({ logLevel = "info", concurrency = 1 }: SidecarOptions): readonly string[] {
  return envoyCommandLine(logLevel, numberText(concurrency));
}

function envoyCommandLine(logLevel: string, concurrency: string): readonly string[] {
  return [
    ...["-c", "${NOMAD_SECRETS_DIR}/envoy_bootstrap.json"],
    ...["-l", logLevel],
    ...["--concurrency", concurrency],
    "--disable-hot-restart",
  ];
}
