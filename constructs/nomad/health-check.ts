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
 * When a check that fails again and again restarts its task, or, without one, all tasks of the group.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/check_restart
 */
export interface CheckRestartOptions {
  /** Bad answers in a row; 0 for never. */
  readonly limit: number;
  /** Wait after a start before checks count. @default "1s" */
  readonly grace?: DurationLike;
  /** Whether an answer that is a warning counts as a good one. @default false */
  readonly ignoreWarnings?: boolean;
}

/** @internal */
export const CHECK_RESTART_SHAPE: is.Shape<CheckRestartOptions> = {
  limit: is.required(is.number),
  grace: is.duration,
  ignoreWarnings: is.flag,
};

/**
 * What every kind of check takes.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/check
 */
export interface HealthCheckOptions {
  /** The check's name in Consul. @default the service's name and the kind of check */
  readonly name?: string;
  /**
   * Time between two checks. After each restart of its Consul agent an instance gets no traffic until its check has run
   * again, which takes up to this time: keep it short. With `checkRestart` it also says how soon a task is restarted.
   *
   * @default "2s"; "10s" for a script, since each run starts a process, and its last result outlives the agent
   */
  readonly interval?: DurationLike;
  /** How long an answer may take. @default "2s" */
  readonly timeout?: DurationLike;
  /** Good answers in a row before an instance counts as healthy again. @default 0 */
  readonly successBeforePassing?: number;
  /** Bad answers in a row before an instance counts as unhealthy. @default 0 */
  readonly failuresBeforeCritical?: number;
  /** Restarts the task when it stays unhealthy. @default the service's; else never */
  readonly checkRestart?: CheckRestartOptions;
  /** The task that it is about: a script runs in it, and `checkRestart` restarts it alone. @default the service's own */
  readonly task?: string;
  /** Bad answers in a row before an instance counts as in doubt. @default `failuresBeforeCritical` */
  readonly failuresBeforeWarning?: number;
  /** What Consul takes for its answer until there is one. @default "critical" */
  readonly initialStatus?: "passing" | "warning" | "critical";
  /** What Consul's pages say of it, at most 255 characters. @default nothing */
  readonly notes?: string;
  /** What a deployment makes of this check. @default "require_healthy" */
  readonly onUpdate?: "require_healthy" | "ignore_warnings" | "ignore";
  /** Anything else of Nomad's check block. @default none */
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

/** What every check takes that opens a connection. */
export interface NetworkHealthCheckOptions extends HealthCheckOptions {
  /**
   * Where it is asked, if not at the service's own port: the label of a port of the group, or a number inside the allocation, at
   * which the program listens on more than 127.0.0.1. It is asked directly, past the service's Envoy.
   *
   * @default the service's port
   */
  readonly port?: number | string;
  /** Whose address is asked. @default "alloc" for a number; for a label, "host" */
  readonly addressMode?: "host" | "alloc" | "alloc_ipv6";
}

/** @internal */
export const NETWORK_HEALTH_CHECK_SHAPE: is.Shape<NetworkHealthCheckOptions> = {
  ...HEALTH_CHECK_SHAPE,
  port: is.textOrNumber,
  addressMode: is.oneOf(["host", "alloc", "alloc_ipv6"]),
};

/** What a check takes that can pass through an Envoy. */
export interface ExposableHealthCheckOptions extends NetworkHealthCheckOptions {
  /**
   * Whether Envoy opens the path that it asks for. With `port`, the label of the port at which Envoy does.
   *
   * @default true behind a sidecar, where neither it nor the service has a label as port
   */
  readonly expose?: boolean;
  /** Whether it is asked by TLS. @default false */
  readonly tls?: boolean;
  /** Name that its certificate must have. @default the address */
  readonly tlsServerName?: string;
  /** Whether a certificate that nobody vouches for is accepted. @default false */
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
  /** @default "GET" */
  readonly method?: HttpMethod;
  /** @default none */
  readonly headers?: Readonly<Record<string, readonly string[]>>;
  /** @default none */
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
  /** Name that the gRPC health protocol asks for. @default the server as a whole */
  readonly service?: string;
}

/** @internal */
export const GRPC_HEALTH_CHECK_SHAPE: is.Shape<GrpcHealthCheckOptions> = {
  ...EXPOSABLE_HEALTH_CHECK_SHAPE,
  service: is.text,
};

/** Options of {@link HealthCheck.script}. */
export interface ScriptHealthCheckOptions extends HealthCheckOptions {
  /** @default none */
  readonly args?: readonly string[];
}

/** @internal */
export const SCRIPT_HEALTH_CHECK_SHAPE: is.Shape<ScriptHealthCheckOptions> = {
  ...HEALTH_CHECK_SHAPE,
  args: is.list(is.text),
  task: is.text,
};

/** @internal Time between two checks that cost little: a request or a connection on the node itself. */
export const CHECK_INTERVAL: DurationLike = "2s";

const SCRIPT_INTERVAL: DurationLike = "10s";

/** @internal What a check must know of its service. */
export interface HealthCheckTarget {
  readonly serviceName: string;
  /** The label of a port, or a number inside the allocation. @default none: a script is the only check that it can have */
  readonly port: number | string | undefined;
  /** Name of the service's own task. @default none: a script names its task */
  readonly task: string | undefined;
  /** Whether an Envoy stands before the service. */
  readonly sidecar: boolean;
}

/**
 * Tells Consul whether an instance may get traffic.
 *
 * Behind a sidecar the service itself listens where only Envoy reaches it, so http and gRPC checks go through a listener
 * which Envoy opens for just that path, without mutual TLS. A tcp check cannot, and Nomad refuses it there. (Consul itself
 * checks that the Envoy of each instance listens.)
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
   * A status from 200 to 299 is healthy, 429 a warning.
   *
   * @param path e.g. `/health`; without a query where a sidecar stands before the service, since Envoy opens just the path
   * @throws RangeError for a path that can never be asked for
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

  /** A connection that opens is healthy. Only for a service without a sidecar, on its allocation's own address. */
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

  /** The gRPC health protocol. @see https://grpc.io/docs/guides/health-checking/ */
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
          // Envoy opens the very path of the health protocol.
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

  /** A command inside the task: exit code 0 is healthy, 1 a warning. @param command absolute path in the task */
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

/** Envoy opens the path of a check only where Nomad can tell it the service's port. That of a label is open already. */
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
  // Nomad asks at the label of the service where a check has none.
  const isInherited = options.port === undefined && typeof port === "string";
  return { AddressMode: addressMode, PortLabel: port === undefined || isInherited ? undefined : String(port) };
}
