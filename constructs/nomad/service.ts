import * as is from "../core/shape";
import type { Override } from "../core/override";
import type * as nomad from "./generated/job";
import { CHECK_RESTART_SHAPE, renderCheckRestart, type CheckRestartOptions, type HealthCheck } from "./health-check";
import { IDENTITY_SHAPE, renderIdentity, type IdentityOptions } from "./identity";
import { overridden } from "./override";
import type { Port } from "./port";
import { Sidecar } from "./sidecar";
import { renderTransparentProxy, TRANSPARENT_PROXY_SHAPE, type TransparentProxyOptions } from "./transparent-proxy";

/**
 * How a service of a group stands in Consul's catalog.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/service
 */
export interface RegistrationOptions {
  /**
   * Without one Nomad counts an instance as healthy `minHealthyTime` after its tasks have started, whether its Envoy listens yet or not.
   * Consul, which looks at an Envoy every 10 s, may take longer to let others reach it: do not set less than the default of 10 s then.
   *
   * @default none
   */
  readonly healthCheck?: HealthCheck | readonly HealthCheck[];
  /** @default none */
  readonly tags?: readonly string[];
  /** Tags of Nomad's canaries, instead of `tags`, until they are promoted. @default `tags` */
  readonly canaryTags?: readonly string[];
  /** Metadata of the service in Consul. @default none */
  readonly meta?: Readonly<Record<string, string>>;
  /** Metadata of the service in Consul while an instance is a canary. @default `meta` */
  readonly canaryMeta?: Readonly<Record<string, string>>;
  /** Whose address is registered: the node's, or the allocation's own. @default "auto": the node's */
  readonly addressMode?: "auto" | "host" | "alloc" | "alloc_ipv6";
  /** The address that is registered, such as `"${attr.unique.platform.aws.public-hostname}"`. @default by `addressMode` */
  readonly address?: string;
  /** Further addresses, by what they are for, e.g. `{ wan: "203.0.113.7:80" }`. @default none */
  readonly taggedAddresses?: Readonly<Record<string, string>>;
  /** Whether others may change its tags in Consul for good. @default false */
  readonly enableTagOverride?: boolean;
  /** What a deployment makes of its checks, where one says nothing itself. @default "require_healthy" */
  readonly onUpdate?: "require_healthy" | "ignore_warnings" | "ignore";
  /** For those of its checks that have none of their own. @default never */
  readonly checkRestart?: CheckRestartOptions;
  /** Share of DNS answers that its instances get, by what their checks say. @default 1 each */
  readonly weights?: {
    /** While all of its checks pass; from 1 to 65535. @default 1 */
    readonly passing?: number;
    /** While one of them is a warning; 0 leaves such instances out. @default 1 */
    readonly warning?: number;
  };
  /** Token by which Nomad registers it in Consul. @default the one in the configuration of Nomad's servers */
  readonly identity?: IdentityOptions;
  /** Name of the Consul cluster, where Nomad's agents know several (Enterprise). @default the group's */
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
 * A service in Consul's catalog that is outside the mesh: anything that reaches its port may use it, without mutual TLS or intention.
 * For an external load balancer, a scraper, or a program of the node.
 */
export interface CatalogServiceOptions extends RegistrationOptions {
  /**
   * The label of a port of the group, or a number, which is registered with the node's own address.
   *
   * @default none: only the address is registered
   */
  readonly port?: number | string;
  /** Whose catalog it is in; of all services of a group the same, and those of the mesh are in Consul's. @default "consul" */
  readonly provider?: "consul" | "nomad";
  /** The task that it is: its scripts run there, and a failing check with `checkRestart` restarts it alone. @default the group */
  readonly task?: string;
  /** Anything else of Nomad's service block. @default none */
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
 * A path that Envoy opens without mutual TLS, for those who have no certificate: a scraper, a load balancer's check.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/expose
 */
export interface ExposePath {
  /** E.g. `/metrics`; exactly this one, whatever the query. */
  readonly path: string;
  /**
   * Label of the port where Envoy answers: one of the group's `ports`, or a new one, dynamic on the node. Envoy opens one path at
   * a port.
   */
  readonly portLabel: string;
  /** Where the service answers it. @default the service's port */
  readonly localPort?: number;
  /** @default "http" */
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
 * How a service of a group takes part in the mesh.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/connect
 */
export interface ConnectServiceOptions extends RegistrationOptions {
  /** Its Envoy. @default the mesh's */
  readonly sidecar?: Sidecar;
  /** The service speaks mutual TLS on its own and needs no Envoy. @default false */
  readonly connectNative?: boolean;
  /** Paths that Envoy opens without mutual TLS. @default none but those of health checks */
  readonly expose?: readonly ExposePath[];
  /** @default explicit upstreams only */
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

/** @internal What {@link renderConnectService} takes of a service, and of the graph. */
export interface ConnectServiceParts {
  readonly serviceName: string;
  /**
   * Where it listens: a number inside its allocation, or the label of a port of its group. With a label it is registered in
   * the catalog at the node's address, for those outside the mesh too.
   *
   * @default nowhere: it only reaches others
   */
  readonly port?: number | string;
  /** Ports of its group, by label. @default none */
  readonly ports?: Readonly<Record<string, Port>>;
  /** The task that it is: its scripts run there, and native mutual TLS is spoken. @default the group */
  readonly task?: string;
  /** Where scripts run that name no task. @default `task` */
  readonly scriptTask?: string;
  readonly upstreams: readonly nomad.ConsulUpstream[];
  /** Anything else of Nomad's service block. @default none */
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
  return {
    SidecarService: sidecar.renderService({
      // With a label alone Nomad tells Envoy the node's port, on which nothing listens inside.
      LocalServicePort: inside,
      Upstreams: upstreams.length > 0 ? upstreams : undefined,
      TransparentProxy: options.transparentProxy && renderTransparentProxy(options.transparentProxy),
      Expose: options.expose && {
        Path: options.expose.map((exposed) => ({
          Path: exposed.path,
          Protocol: exposed.protocol ?? "http",
          LocalPathPort: exposed.localPort ?? (typeof port === "number" ? port : inside),
          ListenerPort: exposed.portLabel,
        })),
      },
    }),
    SidecarTask: sidecar.renderTask(),
  };
}

/** @internal Ports that `expose` opens: each dynamic on the node, and inside the allocation the same number. */
export function exposedPorts(expose: readonly ExposePath[] = []): readonly nomad.Port[] {
  const labels = new Set(expose.map(({ portLabel }) => portLabel));
  return [...labels].map((label) => ({ Label: label, To: -1 }));
}
