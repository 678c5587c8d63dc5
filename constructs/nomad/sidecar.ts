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

/** What every sidecar takes, whatever runs its Envoy. */
export interface SidecarOptions {
  /** @default 250 MHz, unless it has `cores`, and 128 MiB */
  readonly resources?: ResourceOptions;
  /** @default 2 files of 2 MiB, on stdout and stderr each */
  readonly logs?: LogOptions;
  /** How much Envoy logs. @default "info" */
  readonly logLevel?: "trace" | "debug" | "info" | "warning" | "error" | "critical" | "off";
  /** Envoy's worker threads. @default 1 */
  readonly concurrency?: number;
  /** The user that runs Envoy. @default the driver's own */
  readonly user?: string;
  /** Anything else of the driver's configuration, e.g. `{ memory_hard_limit: 256 }`. @default none */
  readonly driverConfig?: Readonly<Record<string, unknown>>;
  /** The signal that asks Envoy to end. @default "SIGINT" */
  readonly killSignal?: Signal;
  /** How long Envoy may take to end. @default "5s" */
  readonly killTimeout?: DurationLike;
  /**
   * How long Envoy still runs after the service's own tasks have ended; a gateway's, after it has left the catalog.
   *
   * @default "1s"; a gateway's "5s"
   */
  readonly shutdownDelay?: DurationLike;
  /** @default none */
  readonly env?: Readonly<Record<string, string>>;
  /** @default none */
  readonly meta?: Readonly<Record<string, string>>;
  /**
   * Tags of the sidecar's own registration, which is also what the filters of subsets see; `[]` for none.
   *
   * @default the service's
   */
  readonly tags?: readonly string[];
  /** Metadata of the sidecar's own registration. @default the service's */
  readonly serviceMeta?: Readonly<Record<string, string>>;
  /**
   * Label of the port of the group at which others' Envoys reach it. Where `ports` has it, as in `Port.dynamic({ to: -1, hostNetwork })`,
   * it must be the same number inside.
   *
   * @default one that Nomad adds, dynamic on the node
   */
  readonly portLabel?: string;
  /**
   * Proxy configuration, opaque to Nomad, e.g. `{ envoy_prometheus_bind_addr: "0.0.0.0:9102" }`.
   *
   * @default none
   * @see https://developer.hashicorp.com/consul/docs/reference/proxy/envoy
   */
  readonly config?: Readonly<Record<string, unknown>>;
  /**
   * Whether Consul omits its tcp check of Envoy's public listener, which it runs every 10 s. A Consul agent that reads its configuration again
   * adds the check all the same, as failing until it has run, so that callers lose an instance that had none for up to 10 s.
   *
   * @default false
   */
  readonly disableDefaultTcpCheck?: boolean;
  /** Anything else of Nomad's sidecar_task block. @default none */
  readonly override?: Override<nomad.SidecarTask>;
  /** Anything else of Nomad's sidecar_service block. @default none */
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
   * Envoy's image. @default the one that the node's metadata names (`connect.sidecar_image`), as the nodes of this library and of the
   * lab do, else the one that Nomad picks for its Consul
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
  /** The Envoy program. @default "envoy" */
  readonly command?: string;
  /** @default "raw_exec" */
  readonly driver?: "exec" | "raw_exec";
}

/** @internal */
export const EXEC_SIDECAR_SHAPE: is.Shape<ExecSidecarOptions> = {
  ...SIDECAR_SHAPE,
  command: is.text,
  driver: is.oneOf(["exec", "raw_exec"]),
};

/**
 * What Nomad gives to a sidecar of which a job says nothing. Where a job says anything, it would fill in what other tasks get:
 * 100 MHz, 300 MiB and 100 MB of logs.
 */
const NOMADS_SIDECAR = { cpuMhz: 250, memoryMib: 128, logs: { maxFiles: 2, maxFileSizeMib: 2 } };

/**
 * The Envoy beside a service. Nomad starts it before the service's tasks and ends it after them.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/sidecar_task
 */
export class Sidecar {
  private constructor(
    private readonly options: SidecarOptions,
    /** Undefined where Nomad chooses. */
    private readonly driver: "exec" | "raw_exec" | undefined,
    private readonly config: Readonly<Record<string, unknown>>,
    private readonly args: readonly string[] | undefined,
    private readonly shape: is.Shape<SidecarOptions>,
  ) {}

  /** Envoy in a container, Nomad's default. */
  static docker(options: DockerSidecarOptions = {}): Sidecar {
    is.optionsOf("Sidecar.docker", options);
    const tuned = options.logLevel !== undefined || options.concurrency !== undefined;
    const config = mergeMaps<unknown>(
      options.image === undefined ? {} : { image: options.image },
      options.driverConfig,
    );
    return new Sidecar(options, undefined, config, tuned ? envoyArguments(options) : undefined, DOCKER_SIDECAR_SHAPE);
  }

  /** Envoy as a program of the node, where there is no Docker. */
  static exec(options: ExecSidecarOptions = {}): Sidecar {
    const driver = is.optionsOf("Sidecar.exec", options).driver ?? "raw_exec";
    const own = {
      command: options.command ?? "envoy",
      // Nomad's bootstrap names Consul's socket relative to the allocation's directory. Under `exec` that is the root
      // of the chroot, where Envoy starts anyway; under `raw_exec` Envoy must be told, or it waits forever.
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

  /** @internal Proxy configuration, opaque to Nomad. */
  get proxyConfig(): Readonly<Record<string, unknown>> | undefined {
    return this.options.config;
  }

  /** @internal What differs from the task that Nomad adds automatically. */
  renderTask(): nomad.SidecarTask {
    const config = mergeMapsOrNone<unknown>(this.config, this.args && { args: this.args });
    const rendered: nomad.SidecarTask = {
      Driver: this.driver,
      Config: config,
      // Nomad's own 5 s would only be waited for: the group's delay has passed by then, and so have its requests.
      ShutdownDelay: nanoseconds("1s"),
      ...withoutUndefined(this.renderCommon()),
    };
    return overridden(rendered, this.options.override, "the sidecar's task");
  }

  /**
   * @internal The whole task, for a gateway: only a task that the job brings can have templates and volumes. What is not
   * said is as Nomad itself would have it.
   *
   * @param furtherArguments of Envoy
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

  /** @internal A file of the task, `secrets/…` or `local/…`, as Envoy itself names it. */
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
      // Of an empty list Consul makes the service's own.
      Tags: options.tags?.length === 0 ? [""] : options.tags,
      Port: options.portLabel,
      Meta: options.serviceMeta,
      DisableDefaultTCPCheck: options.disableDefaultTcpCheck,
      Proxy: { ...proxy, Config: options.config },
    };
    return overridden(rendered, options.serviceOverride, "the sidecar");
  }
}

/** What Nomad itself starts Envoy with: a node can say how. */
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
