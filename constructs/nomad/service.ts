import * as is from "../core/shape";
import type { Override } from "../core/override";
import type * as nomad from "./generated/job";
import { CHECK_RESTART_SHAPE, renderCheckRestart, type CheckRestartOptions, type HealthCheck } from "./health-check";
import { IDENTITY_SHAPE, renderIdentity, type IdentityOptions } from "./identity";
import { overridden } from "./override";
import type { Port } from "./port";
import { Sidecar } from "./sidecar";
import {
  renderTransparentProxy,
  restartingMeta,
  TRANSPARENT_PROXY_SHAPE,
  userOf,
  type TransparentProxyOptions,
} from "./transparent-proxy";

/**
 * How a service of a group is registered in Consul's catalog.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/service
 */
export interface RegistrationOptions {
  /**
   * One or more health checks of the service. Instances with a failing check get no traffic.
   *
   * Without a health check, Nomad considers an instance healthy `minHealthyTime` after its tasks have started, even if its Envoy does not
   * listen yet. Consul checks each Envoy every 10 s, so it can take longer until others can reach the instance: do not set
   * `minHealthyTime` below its default of 10 s then.
   *
   * @default none
   */
  readonly healthCheck?: HealthCheck | readonly HealthCheck[];
  /** Tags of the service in the catalog. @default none */
  readonly tags?: readonly string[];
  /** Tags of Nomad's canaries, instead of `tags`, until they are promoted. @default `tags` */
  readonly canaryTags?: readonly string[];
  /** Metadata of the service in Consul. @default none */
  readonly meta?: Readonly<Record<string, string>>;
  /** Metadata of Nomad's canaries in Consul, instead of `meta`, until they are promoted. @default `meta` */
  readonly canaryMeta?: Readonly<Record<string, string>>;
  /** Which address is registered: that of the node (`host`), or that of the allocation (`alloc`). @default "auto": that of the node */
  readonly addressMode?: "auto" | "host" | "alloc" | "alloc_ipv6";
  /** Address that is registered, such as `"${attr.unique.platform.aws.public-hostname}"`. @default the address of `addressMode` */
  readonly address?: string;
  /** Additional addresses, by tag, such as `{ wan: "203.0.113.7:80" }`. @default none */
  readonly taggedAddresses?: Readonly<Record<string, string>>;
  /** Whether changes that other clients make to the tags in Consul are kept. @default false */
  readonly enableTagOverride?: boolean;
  /**
   * Which status a deployment accepts as healthy, for checks without `onUpdate`: see {@link HealthCheckOptions}.
   *
   * @default "require_healthy"
   */
  readonly onUpdate?: "require_healthy" | "ignore_warnings" | "ignore";
  /** When a check restarts its task, for checks without `checkRestart`. @default never */
  readonly checkRestart?: CheckRestartOptions;
  /** Weights of instances in DNS answers, by the status of their checks. @default 1 each */
  readonly weights?: {
    /** Weight while all checks pass, from 1 to 65535. @default 1 */
    readonly passing?: number;
    /** Weight while a check has the status `warning`. 0 excludes the instance. @default 1 */
    readonly warning?: number;
  };
  /** Workload identity with which Nomad registers the service in Consul. @default the one in the configuration of Nomad's servers */
  readonly identity?: IdentityOptions;
  /** Name of the Consul cluster, if Nomad's agents have several (Enterprise). @default the Consul cluster of the group */
  readonly consulCluster?: string;
}

/** @internal */
export const REGISTRATION_SHAPE: is.Shape<RegistrationOptions> = {
  checkRestart: is.block(CHECK_RESTART_SHAPE),
  healthCheck: is.oneOrMore(is.made('a HealthCheck, such as HealthCheck.http("/health")')),
  tags: is.list(is.text),
  canaryTags: is.list(is.text),
  meta: is.map(is.text),
  canaryMeta: is.map(is.text),
  addressMode: is.oneOf(["auto", "host", "alloc", "alloc_ipv6"]),
  address: is.text,
  taggedAddresses: is.map(is.text),
  enableTagOverride: is.flag,
  onUpdate: is.oneOf(["require_healthy", "ignore_warnings", "ignore"]),
  weights: is.block({ passing: is.number, warning: is.number }),
  identity: is.block(IDENTITY_SHAPE),
  consulCluster: is.text,
};

/**
 * A service in the catalog that is outside the mesh. Every client that can reach its port can use it, without mutual TLS and intentions.
 * It is for external load balancers, scrapers, or programs on the node.
 */
export interface CatalogServiceOptions extends RegistrationOptions {
  /**
   * The label of a port of the group, or a number, which is registered with the address of the node.
   *
   * @default none: only the address is registered
   */
  readonly port?: number | string;
  /**
   * The catalog: Consul's or Nomad's. It must be the same for all services of a group, and services of the mesh are in Consul's.
   *
   * @default "consul"
   */
  readonly provider?: "consul" | "nomad";
  /**
   * Name of the group's task that implements the service. Script checks run in it, and a check with `checkRestart` restarts only this task.
   *
   * @default none: `checkRestart` restarts all tasks of the group
   */
  readonly task?: string;
  /** Other fields of Nomad's service block. @default none */
  readonly override?: Override<nomad.Service>;
}

/** @internal */
export const CATALOG_SERVICE_SHAPE: is.Shape<CatalogServiceOptions> = {
  provider: is.oneOf(["consul", "nomad"]),
  ...REGISTRATION_SHAPE,
  port: is.textOrNumber,
  task: is.text,
  override: is.fields,
};

/**
 * A path that Envoy exposes without mutual TLS, for clients without a certificate, such as scrapers or checks of load balancers.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/expose
 */
export interface ExposePath {
  /** The exact path, such as `/metrics`, with any query. */
  readonly path: string;
  /**
   * Label of the port on which Envoy exposes the path: one of the group's `ports`, or a new label, for which a dynamic port is added. Each
   * path needs a separate port.
   */
  readonly portLabel: string;
  /** Port on which the service serves the path. @default the port of the service */
  readonly localPort?: number;
  /** Protocol of the path. @default "http" */
  readonly protocol?: "http" | "http2";
}

/** @internal */
export const EXPOSE_PATH_SHAPE: is.Shape<ExposePath> = {
  path: is.required(is.text),
  portLabel: is.required(is.text),
  localPort: is.number,
  protocol: is.oneOf(["http", "http2"]),
};

/**
 * Options of a service of a group in the mesh.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/connect
 */
export interface ConnectServiceOptions extends RegistrationOptions {
  /** Envoy of the service: how it runs, and its resources. @default the `sidecar` of the mesh */
  readonly sidecar?: Sidecar;
  /** Whether the service is Connect native: it implements mutual TLS itself and needs no Envoy. @default false */
  readonly connectNative?: boolean;
  /** Paths that Envoy exposes without mutual TLS. @default only the paths of health checks */
  readonly expose?: readonly ExposePath[];
  /** Sends all traffic of the allocation through Envoy. @default none: only upstreams go through Envoy */
  readonly transparentProxy?: TransparentProxyOptions;
}

/** @internal */
export const CONNECT_SERVICE_SHAPE: is.Shape<ConnectServiceOptions> = {
  ...REGISTRATION_SHAPE,
  sidecar: is.made("a Sidecar, such as Sidecar.docker()"),
  connectNative: is.flag,
  expose: is.list(is.block(EXPOSE_PATH_SHAPE)),
  transparentProxy: is.block(TRANSPARENT_PROXY_SHAPE),
};

/** @internal Parts of a service of the mesh that are not in {@link ConnectServiceOptions}. */
export interface ConnectServiceParts {
  readonly serviceName: string;
  /**
   * Port on which the service listens: a number inside the allocation, or the label of a port of the group. With a label, the catalog
   * contains the address and port of the node, so that clients outside the mesh can use it too.
   *
   * @default none: the service only connects to others
   */
  readonly port?: number | string;
  /** Ports of the group, by label. @default none */
  readonly ports?: Readonly<Record<string, Port>>;
  /** Name of the task that implements the service: script checks run in it, and it speaks mutual TLS if Connect native. @default none */
  readonly task?: string;
  /** Name of the task in which script checks without a task run. @default `task` */
  readonly scriptTask?: string;
  readonly upstreams: readonly nomad.ConsulUpstream[];
  /** Other fields of Nomad's service block. @default none */
  readonly override?: Override<nomad.Service>;
}

/** @internal A service outside the mesh. */
export function renderCatalogService(serviceName: string, options: CatalogServiceOptions): nomad.Service {
  const { port, task, provider = "consul", override } = options;
  const target = { serviceName, port, task, sidecar: false };
  const rendered: nomad.Service = { ...renderRegistration(options, target), Provider: provider, TaskName: task };
  return overridden(rendered, override, `the service ${serviceName}`);
}

/** @internal A service of the mesh: with a sidecar, or Connect native. */
export function renderConnectService(options: ConnectServiceOptions, parts: ConnectServiceParts): nomad.Service {
  const { serviceName, port, task, scriptTask = task, override } = parts;
  const isNative = options.connectNative === true;
  const rendered: nomad.Service = {
    ...renderRegistration(options, { serviceName, port, task: scriptTask, sidecar: !isNative }),
    TaskName: task,
    Connect: isNative ? { Native: true } : renderSidecar(options, parts),
  };
  return overridden(rendered, override, `the service ${serviceName}`);
}

function renderRegistration(options: RegistrationOptions, target: Parameters<HealthCheck["render"]>[0]): nomad.Service {
  return {
    Name: target.serviceName,
    PortLabel: target.port === undefined ? undefined : String(target.port),
    Provider: "consul",
    Tags: options.tags,
    CanaryTags: options.canaryTags,
    Meta: options.meta,
    CanaryMeta: options.canaryMeta,
    AddressMode: options.addressMode,
    Address: options.address,
    TaggedAddresses: options.taggedAddresses,
    EnableTagOverride: options.enableTagOverride,
    OnUpdate: options.onUpdate,
    CheckRestart: options.checkRestart && renderCheckRestart(options.checkRestart),
    Weights: options.weights && { Passing: options.weights.passing, Warning: options.weights.warning },
    Identity: options.identity && renderIdentity(options.identity),
    Cluster: options.consulCluster,
    Checks: [options.healthCheck ?? []].flat().map((check) => check.render(target)),
  };
}

function renderSidecar(options: ConnectServiceOptions, parts: ConnectServiceParts): nomad.ConsulConnect {
  const { port, ports = {}, upstreams } = parts;
  const sidecar = options.sidecar ?? Sidecar.docker();
  const inside = typeof port === "string" && Object.hasOwn(ports, port) ? ports[port].to : undefined;
  const transparentProxy =
    options.transparentProxy && renderTransparentProxy(options.transparentProxy, userOf(sidecar.renderTask()));
  return {
    SidecarService: sidecar.renderService({
      // With only a label, Nomad would configure Envoy with the port of the node, on which nothing listens inside the allocation.
      LocalServicePort: inside,
      Upstreams: upstreams.length > 0 ? upstreams : undefined,
      TransparentProxy: transparentProxy,
      Expose: options.expose && {
        Path: options.expose.map((exposed) => ({
          Path: exposed.path,
          Protocol: exposed.protocol ?? "http",
          LocalPathPort: exposed.localPort ?? (typeof port === "number" ? port : inside),
          ListenerPort: exposed.portLabel,
        })),
      },
    }),
    SidecarTask: sidecar.renderTask(transparentProxy && restartingMeta(transparentProxy)),
  };
}

/** @internal Ports for `expose`: dynamic ports of the node, with the same number inside the allocation. */
export function exposedPorts(expose: readonly ExposePath[] = []): readonly nomad.Port[] {
  const labels = new Set(expose.map(({ portLabel }) => portLabel));
  return [...labels].map((label) => ({ Label: label, To: -1 }));
}
