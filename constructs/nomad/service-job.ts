import { SHUTDOWN_DELAY } from "./deployment";
import type * as nomad from "./generated/job";
import type { HealthCheck } from "./health-check";
import { renderJob, type JobProps } from "./job";
import { Sidecar } from "./sidecar";
import { renderTransparentProxy, type TransparentProxyOptions } from "./transparent-proxy";
import type { Workload } from "./workload";

/**
 * A path that Envoy opens without mutual TLS, for those who have no certificate: a scraper, a load balancer's check.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/expose
 */
export interface ExposePath {
  /** E.g. `/metrics`; exactly this one, whatever the query. */
  readonly path: string;
  /** Label of the port, dynamic on the node, where Envoy answers. */
  readonly portLabel: string;
  /** Where the service answers it. @default the service's port */
  readonly localPort?: number;
  /** @default "http" */
  readonly protocol?: "http" | "http2";
}

/** Everything about a service's job that does not come from the graph. */
export interface ServiceJobProps extends JobProps {
  /** Port on which the service listens inside its allocation: always a number, since Envoy is told it literally. */
  readonly port: number;
  /** What runs. */
  readonly workload: Workload;
  /** Further tasks of the same group, by name: log shippers, migrations, caches. @default none */
  readonly tasks?: Readonly<Record<string, Workload>>;
  /**
   * Port of the node on which the service answers those outside the mesh, without Envoy and without mutual TLS.
   * A node has it once, so instances of the service need as many nodes, and a deployment of the only one pauses it unless
   * `update` has a canary, for which another node must have the port free.
   *
   * @default none: only the mesh reaches it
   */
  readonly publish?: number;
  /** @default none: an instance counts as healthy once its Envoy listens */
  readonly healthCheck?: HealthCheck | readonly HealthCheck[];
  /** @default none */
  readonly tags?: readonly string[];
  /** Tags of Nomad's canaries, instead of `tags`, until they are promoted. @default `tags` */
  readonly canaryTags?: readonly string[];
  /** Metadata of the service in Consul. @default none */
  readonly meta?: Readonly<Record<string, string>>;
  /** Metadata of the service in Consul while an instance is a canary. @default `meta` */
  readonly canaryMeta?: Readonly<Record<string, string>>;
  /** The Envoy beside it. @default the mesh's */
  readonly sidecar?: Sidecar;
  /** The service speaks mutual TLS by itself and needs no Envoy. @default false */
  readonly connectNative?: boolean;
  /** Paths that Envoy opens without mutual TLS. @default none but those of health checks */
  readonly expose?: readonly ExposePath[];
  /** @default explicit upstreams only */
  readonly transparentProxy?: TransparentProxyOptions;
}

/** What the graph adds. */
export interface ServiceJobConnections {
  readonly serviceName: string;
  /** Name of the job and of its group. @default the service's */
  readonly jobName?: string;
  readonly upstreams: readonly nomad.ConsulUpstream[];
  /** Environment of the service's tasks. */
  readonly env: Readonly<Record<string, string>>;
}

/** Label of the port that `publish` opens. */
const PUBLISHED_PORT = "published";

/** Renders the job of one mesh service. */
export function renderServiceJob(props: ServiceJobProps, connections: ServiceJobConnections): nomad.Job {
  const { serviceName, jobName = serviceName, env } = connections;
  return renderJob(
    jobName,
    { ...props, shutdownDelay: props.shutdownDelay ?? SHUTDOWN_DELAY },
    {
      Networks: [renderNetwork(props)],
      Services: [renderService(props, connections)],
      Tasks: [
        props.workload.render(serviceName, env),
        ...Object.entries(props.tasks ?? {}).map(([name, workload]) => workload.render(name, env)),
      ],
    },
  );
}

function renderNetwork(props: ServiceJobProps): nomad.NetworkResource {
  return {
    Mode: "bridge",
    ReservedPorts:
      props.publish === undefined ? undefined : [{ Label: PUBLISHED_PORT, Value: props.publish, To: props.port }],
    // To -1: inside the allocation the same number as on the node.
    DynamicPorts: props.expose?.map(({ portLabel }) => ({ Label: portLabel, To: -1 })),
  };
}

function renderService(props: ServiceJobProps, connections: ServiceJobConnections): nomad.Service {
  const { serviceName } = connections;
  const target = { serviceName, port: props.port, task: serviceName, sidecar: props.connectNative !== true };
  return {
    Name: serviceName,
    // A number and never a label: with a label Nomad tells Envoy the node's port, on which nothing listens inside.
    PortLabel: String(props.port),
    Provider: "consul",
    TaskName: props.connectNative === true ? serviceName : undefined,
    Tags: props.tags,
    CanaryTags: props.canaryTags,
    Meta: props.meta,
    CanaryMeta: props.canaryMeta,
    Checks: [props.healthCheck ?? []].flat().map((check) => check.render(target)),
    Connect: renderConnect(props, connections),
    ...props.override?.service,
  };
}

function renderConnect(props: ServiceJobProps, connections: ServiceJobConnections): nomad.ConsulConnect {
  if (props.connectNative === true) {
    return { Native: true };
  }
  const sidecar = props.sidecar ?? Sidecar.docker();
  return {
    SidecarService: sidecar.renderService({
      Upstreams: connections.upstreams.length > 0 ? connections.upstreams : undefined,
      TransparentProxy: props.transparentProxy && renderTransparentProxy(props.transparentProxy),
      Expose: props.expose && {
        Path: props.expose.map((exposed) => ({
          Path: exposed.path,
          Protocol: exposed.protocol ?? "http",
          LocalPathPort: exposed.localPort ?? props.port,
          ListenerPort: exposed.portLabel,
        })),
      },
    }),
    SidecarTask: sidecar.renderTask(),
  };
}
