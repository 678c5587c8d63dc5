import type { Place } from "../core/problems";
import { HTTP_METHODS, type HttpMethod } from "../core/http-method";
import * as is from "../core/shape";
import { nanoseconds, optionalNanoseconds, type DurationLike } from "../core/duration";
import type { Override } from "../core/override";
import type * as nomad from "./generated/job";
import { overridden } from "./override";
import { problemOfRequestPath } from "./request-path";
import { isToken } from "../core/token";

/**
 * When a check that fails repeatedly restarts its task, or, for a check without a task, all tasks of the group.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/check_restart
 */
export interface CheckRestartOptions {
  /** Number of consecutive failures after which the task is restarted; 0 for never. */
  readonly limit: number;
  /** Time after a start during which failures do not count. @default "1s" */
  readonly grace?: DurationLike;
  /** Whether the status `warning` counts as success. @default false */
  readonly ignoreWarnings?: boolean;
}

/** @internal */
export const CHECK_RESTART_SHAPE: is.Shape<CheckRestartOptions> = {
  limit: is.required(is.number),
  grace: is.duration,
  ignoreWarnings: is.flag,
};

/**
 * Options of all kinds of checks.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/check
 */
export interface HealthCheckOptions {
  /** Name of the check in Consul. @default `<service> <kind>`, such as "api http" */
  readonly name?: string;
  /**
   * Time between two checks. After a restart of its Consul agent, an instance gets no traffic until its check has run again, which takes up
   * to this time, so keep it short. With `checkRestart`, the interval also determines how soon a task is restarted.
   *
   * @default "2s"; "10s" for a script, since each run starts a process, and its last result is kept when the agent restarts
   */
  readonly interval?: DurationLike;
  /** Maximum duration of a check. @default "2s" */
  readonly timeout?: DurationLike;
  /** Number of consecutive successes before an instance becomes healthy again. @default 0: the first success is sufficient */
  readonly successBeforePassing?: number;
  /** Number of consecutive failures before an instance becomes unhealthy. @default 0: the first failure is sufficient */
  readonly failuresBeforeCritical?: number;
  /** When the check restarts the task. @default `checkRestart` of the service, otherwise never */
  readonly checkRestart?: CheckRestartOptions;
  /** Name of the task of the check: a script runs in it, and `checkRestart` restarts only this task. @default the task of the service */
  readonly task?: string;
  /** Number of consecutive failures before the status becomes `warning`. @default `failuresBeforeCritical` */
  readonly failuresBeforeWarning?: number;
  /** Status in Consul until the check has run. @default "critical" */
  readonly initialStatus?: "passing" | "warning" | "critical";
  /** Text about the check in Consul's UI, at most 255 characters. @default none */
  readonly notes?: string;
  /**
   * Which status a deployment accepts as healthy: `require_healthy` only `passing`, `ignore_warnings` also `warning`, `ignore` any status.
   * It has no effect for a service with a sidecar: Nomad also reads the sidecar's check, which has the status of the service.
   *
   * @default "require_healthy"
   */
  readonly onUpdate?: "require_healthy" | "ignore_warnings" | "ignore";
  /** Other fields of Nomad's check block. @default none */
  readonly override?: Override<nomad.ServiceCheck>;
}

/** @internal */
export const HEALTH_CHECK_SHAPE: is.Shape<HealthCheckOptions> = {
  name: is.text,
  interval: is.duration,
  timeout: is.duration,
  successBeforePassing: is.number,
  failuresBeforeCritical: is.number,
  checkRestart: is.block(CHECK_RESTART_SHAPE),
  task: is.text,
  failuresBeforeWarning: is.number,
  initialStatus: is.oneOf(["passing", "warning", "critical"]),
  notes: is.text,
  onUpdate: is.oneOf(["require_healthy", "ignore_warnings", "ignore"]),
  override: is.fields,
};

/** Options of all checks that open a connection. */
export interface NetworkHealthCheckOptions extends HealthCheckOptions {
  /**
   * Port of the check, if it is not the port of the service: the label of a port of the group, or a number inside the allocation. The
   * program must listen there on more than 127.0.0.1, since the check connects directly, not through Envoy.
   *
   * @default the port of the service
   */
  readonly port?: number | string;
  /** Address to which the check connects: of the node or of the allocation. @default "alloc" for a number, "host" for a label */
  readonly addressMode?: "host" | "alloc" | "alloc_ipv6";
}

/** @internal */
export const NETWORK_HEALTH_CHECK_SHAPE: is.Shape<NetworkHealthCheckOptions> = {
  ...HEALTH_CHECK_SHAPE,
  port: is.textOrNumber,
  addressMode: is.oneOf(["host", "alloc", "alloc_ipv6"]),
};

/** Options of checks that can go through Envoy. */
export interface ExposableHealthCheckOptions extends NetworkHealthCheckOptions {
  /**
   * Whether Envoy exposes the path of the check without mutual TLS. `port` is then the label of the port on which Envoy exposes it.
   *
   * @default true if the service has a sidecar, the check has no `port`, and the port of the service is not a label
   */
  readonly expose?: boolean;
  /** Whether the check uses TLS. @default false */
  readonly tls?: boolean;
  /** Server name that the certificate must contain. @default the address of the check */
  readonly tlsServerName?: string;
  /** Whether the certificate is not verified. @default false */
  readonly tlsSkipVerify?: boolean;
}

/** @internal */
export const EXPOSABLE_HEALTH_CHECK_SHAPE: is.Shape<ExposableHealthCheckOptions> = {
  ...NETWORK_HEALTH_CHECK_SHAPE,
  expose: is.flag,
  tls: is.flag,
  tlsServerName: is.text,
  tlsSkipVerify: is.flag,
};

/** Options of {@link HealthCheck.http}. */
export interface HttpHealthCheckOptions extends ExposableHealthCheckOptions {
  /** Method of the request. @default "GET" */
  readonly method?: HttpMethod;
  /** Headers of the request: a list of values by name. @default none */
  readonly headers?: Readonly<Record<string, readonly string[]>>;
  /** Body of the request. @default none */
  readonly body?: string;
}

/** @internal */
export const HTTP_HEALTH_CHECK_SHAPE: is.Shape<HttpHealthCheckOptions> = {
  ...EXPOSABLE_HEALTH_CHECK_SHAPE,
  method: is.oneOf(HTTP_METHODS),
  headers: is.map(is.list(is.text)),
  body: is.text,
};

/** Options of {@link HealthCheck.grpc}. */
export interface GrpcHealthCheckOptions extends ExposableHealthCheckOptions {
  /** Service name in the request of the gRPC health protocol. @default none: the status of the whole server */
  readonly service?: string;
}

/** @internal */
export const GRPC_HEALTH_CHECK_SHAPE: is.Shape<GrpcHealthCheckOptions> = {
  ...EXPOSABLE_HEALTH_CHECK_SHAPE,
  service: is.text,
};

/** Options of {@link HealthCheck.script}. */
export interface ScriptHealthCheckOptions extends HealthCheckOptions {
  /** Arguments of the command. @default none */
  readonly args?: readonly string[];
}

/** @internal */
export const SCRIPT_HEALTH_CHECK_SHAPE: is.Shape<ScriptHealthCheckOptions> = {
  ...HEALTH_CHECK_SHAPE,
  args: is.list(is.text),
  task: is.text,
};

/** @internal Interval of checks that use few resources: a request or a connection on the node itself. */
export const CHECK_INTERVAL: DurationLike = "2s";

const SCRIPT_INTERVAL: DurationLike = "10s";

/** @internal The service of a check. */
export interface HealthCheckTarget {
  readonly serviceName: string;
  /** Label of a port, or a number inside the allocation. @default none: the service can only have script checks */
  readonly port: number | string | undefined;
  /** Name of the service's task. @default none: script checks set their task */
  readonly task: string | undefined;
  /** Whether the service has a sidecar. */
  readonly sidecar: boolean;
}

/**
 * A health check. Instances with a failing check get no traffic.
 *
 * A service with a sidecar listens where only its Envoy can reach it. HTTP and gRPC checks therefore go through a listener of Envoy that
 * exposes only the path of the check, without mutual TLS. A TCP check cannot use such a listener, and Nomad refuses it. (Consul checks
 * automatically that the Envoy of each instance listens.)
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/expose
 */
export class HealthCheck {
  private constructor(
    private readonly kind: string,
    private readonly options: HealthCheckOptions,
    private readonly fields: (target: HealthCheckTarget) => nomad.ServiceCheck,
    private readonly examineGiven: (place: Place) => void,
  ) {}

  /**
   * An HTTP request. The check passes with a status from 200 to 299; 429 is a warning.
   *
   * @param path path of the request, such as `/health`; without a query if the service has a sidecar, since Envoy exposes only the path
   * @throws RangeError for a path that cannot be requested
   */
  static http(path: string, options: HttpHealthCheckOptions = {}): HealthCheck {
    const problem = typeof path !== "string" || isToken(path) ? undefined : problemOfRequestPath(path, true);
    if (problem !== undefined) {
      throw new RangeError(`An HTTP health check cannot pass: ${problem.join(" ")}`);
    }
    return new HealthCheck(
      "http",
      options,
      (target) => ({
        Type: "http",
        Path: path,
        Protocol: options.tls === true ? "https" : undefined,
        Method: options.method,
        Header: options.headers,
        Body: options.body,
        TLSServerName: options.tlsServerName,
        TLSSkipVerify: options.tlsSkipVerify,
        ...throughEnvoy(options, target),
      }),
      (place) => {
        is.required(is.text)(place, "path", path);
        is.examineProperties(place, options, HTTP_HEALTH_CHECK_SHAPE);
      },
    );
  }

  /** A TCP connection. The check passes if it opens. Only for a service without a sidecar, with the address of the allocation. */
  static tcp(options: NetworkHealthCheckOptions = {}): HealthCheck {
    return new HealthCheck(
      "tcp",
      options,
      (target) => ({ Type: "tcp", ...directly(options, target) }),
      (place) => {
        is.examineProperties(place, options, NETWORK_HEALTH_CHECK_SHAPE);
      },
    );
  }

  /** A request of the gRPC health protocol. @see https://grpc.io/docs/guides/health-checking/ */
  static grpc(options: GrpcHealthCheckOptions = {}): HealthCheck {
    return new HealthCheck(
      "grpc",
      options,
      (target) => {
        const isExposed = passesEnvoy(options, target);
        return {
          Type: "grpc",
          GRPCService: options.service,
          GRPCUseTLS: options.tls,
          TLSServerName: options.tlsServerName,
          TLSSkipVerify: options.tlsSkipVerify,
          // Envoy exposes the path of the health protocol.
          Path: isExposed ? "/grpc.health.v1.Health/Check" : undefined,
          Protocol: isExposed ? "http2" : undefined,
          ...throughEnvoy(options, target),
        };
      },
      (place) => {
        is.examineProperties(place, options, GRPC_HEALTH_CHECK_SHAPE);
      },
    );
  }

  /** A command in the task. The check passes with exit code 0; 1 is a warning. @param command absolute path in the task */
  static script(command: string, options: ScriptHealthCheckOptions = {}): HealthCheck {
    return new HealthCheck(
      "script",
      options,
      (target) => ({
        Type: "script",
        Command: command,
        Args: options.args,
        TaskName: options.task ?? target.task,
      }),
      (place) => {
        is.required(is.text)(place, "command", command);
        is.examineProperties(place, options, SCRIPT_HEALTH_CHECK_SHAPE);
      },
    );
  }

  /** @internal */
  examine(place: Place): void {
    this.examineGiven(place);
  }

  /** @internal */
  render(target: HealthCheckTarget): nomad.ServiceCheck {
    const { options } = this;
    const rendered: nomad.ServiceCheck = {
      Name: options.name ?? `${target.serviceName} ${this.kind}`,
      Interval: nanoseconds(options.interval ?? (this.kind === "script" ? SCRIPT_INTERVAL : CHECK_INTERVAL)),
      Timeout: nanoseconds(options.timeout ?? "2s"),
      SuccessBeforePassing: options.successBeforePassing,
      FailuresBeforeCritical: options.failuresBeforeCritical,
      FailuresBeforeWarning: options.failuresBeforeWarning,
      InitialStatus: options.initialStatus,
      Notes: options.notes,
      OnUpdate: options.onUpdate,
      TaskName: options.task,
      CheckRestart: options.checkRestart && renderCheckRestart(options.checkRestart),
      ...this.fields(target),
    };
    return overridden(rendered, options.override, "a health check");
  }
}

/** @internal */
export function renderCheckRestart({ limit, grace, ignoreWarnings }: CheckRestartOptions): nomad.CheckRestart {
  return { Limit: limit, Grace: optionalNanoseconds(grace), IgnoreWarnings: ignoreWarnings };
}

/** Envoy exposes the path of a check only if the service's port is a number. With a label, the port of the service is already open. */
function passesEnvoy(options: ExposableHealthCheckOptions, target: HealthCheckTarget): boolean {
  return options.expose ?? (target.sidecar && options.port === undefined && typeof target.port !== "string");
}

function throughEnvoy(options: ExposableHealthCheckOptions, target: HealthCheckTarget): nomad.ServiceCheck {
  const { port, addressMode } = options;
  return passesEnvoy(options, target)
    ? { Expose: true, PortLabel: port === undefined ? undefined : String(port), AddressMode: addressMode }
    : directly(options, target);
}

function directly(options: NetworkHealthCheckOptions, target: HealthCheckTarget): nomad.ServiceCheck {
  const { port = target.port, addressMode = typeof port === "number" ? "alloc" : undefined } = options;
  // Nomad uses the label of the service for a check without one.
  const isInherited = options.port === undefined && typeof port === "string";
  return { AddressMode: addressMode, PortLabel: port === undefined || isInherited ? undefined : String(port) };
}
