import * as is from "../core/shape";
import { nanoseconds, optionalNanoseconds, type DurationLike } from "../core/duration";
import { jsonText } from "../core/terraform-json";
import { DNS_SHAPE, renderDns, type DnsOptions } from "./dns";
import type * as nomad from "./generated/job";
import { CHECK_INTERVAL } from "./health-check";
import { JOB_PROPS_SHAPE, type JobProps, renderJobOfOneGroup } from "./job";
import { overridden } from "./override";
import type { Constraint } from "./placement";
import { Sidecar } from "./sidecar";
import type { Template } from "./template";
import { withoutUndefined } from "../core/without-undefined";
import { renderVolumeMount, VOLUME_MOUNT_SHAPE, type VolumeMountOptions } from "./volume";

/** Props of a gateway's job. */
export interface GatewayJobProps extends JobProps {
  /** Envoy of the gateway: how it runs, and its resources. @default the `sidecar` of the mesh */
  readonly sidecar?: Sidecar;
  /**
   * Files that Nomad renders for Envoy, such as certificates. The destination of keys should be below `secrets/`. If a file changes, Envoy
   * is restarted, unless `changeMode` of the template is different.
   *
   * @default none
   */
  readonly templates?: readonly Template[];
  /** Mounts of `volumes` in the task of Envoy. @default none */
  readonly volumeMounts?: readonly VolumeMountOptions[];
  /** How Envoy resolves names, such as those of services outside the mesh. @default as on the node */
  readonly dns?: DnsOptions;
  /** Tags of the gateway in Consul. @default none */
  readonly tags?: readonly string[];
  /** Metadata of the gateway in Consul. @default none */
  readonly meta?: Readonly<Record<string, string>>;
  /**
   * Maximum number of connections to one instance of the gateway, all listeners together. Envoy closes further connections at once. Health
   * checks and scrapes of metrics also use connections. If this changes, Nomad replaces the allocations of the gateway.
   *
   * @default no limit
   * @see https://www.envoyproxy.io/docs/envoy/latest/configuration/operations/overload_manager/overload_manager#limiting-active-connections
   */
  readonly maxInboundConnections?: number;
}

/** @internal */
export const GATEWAY_JOB_SHAPE: is.Shape<GatewayJobProps> = {
  ...JOB_PROPS_SHAPE,
  sidecar: is.made("a Sidecar, such as Sidecar.docker()"),
  templates: is.list(is.made("a Template, such as Template.text(…)")),
  volumeMounts: is.list(is.block(VOLUME_MOUNT_SHAPE)),
  dns: is.block(DNS_SHAPE),
  tags: is.list(is.text),
  meta: is.map(is.text),
  maxInboundConnections: is.literal(
    is.count("Use one, or omit it."),
    "Use a literal number: it is part of Envoy's configuration in the job.",
  ),
};

/** Fields that are merged into the bootstrap that Nomad writes for an Envoy. */
export interface EnvoyBootstrap {
  readonly node?: { readonly id: string; readonly cluster: string };
  /** Runtime values of Envoy, which take precedence over the configuration of Consul. */
  readonly runtime?: Readonly<Record<string, number>>;
}

/** The parts of a gateway's job that depend on its kind. */
export interface GatewayJobParts {
  readonly serviceName: string;
  /** Static ports of the node. */
  readonly ports: readonly nomad.Port[];
  /** Dynamic ports of the node. @default the ports that Nomad adds */
  readonly dynamicPorts?: readonly nomad.Port[];
  readonly services: readonly nomad.Service[];
  /** Name of the Envoy's task. */
  readonly taskName: string;
  /** Field `Kind` of the Envoy's task, by which Nomad writes its bootstrap. */
  readonly taskKind: string;
  /** Changes to the bootstrap that Nomad writes. @default none */
  readonly bootstrap?: EnvoyBootstrap;
  /** Constraints of that task, in addition to a Consul agent to which Envoys can connect. @default none */
  readonly constraints?: readonly Constraint[];
}

/**
 * Renders the job of a gateway: one group with its own network namespace, whose only task is an Envoy. Nomad would add that task
 * automatically, but only a task of the job itself can have templates and volumes.
 */
export function renderGatewayJob(props: GatewayJobProps, parts: GatewayJobParts): nomad.Job {
  const { serviceName, ports, dynamicPorts, services, taskName, taskKind, bootstrap, constraints = [] } = parts;
  const [service, ...others] = services;
  const envoy = sidecarOf(props).renderWholeTask(
    taskName,
    taskKind,
    argumentsFor(bootstrap, props.maxInboundConnections),
  );
  return renderJobOfOneGroup(serviceName, props, {
    Networks: [
      {
        ...{ Mode: "bridge", DNS: renderDns(props.dns) },
        ...{ ReservedPorts: ports.length > 0 ? ports : undefined, DynamicPorts: dynamicPorts },
      },
    ],
    Services: [
      overridden(
        { Name: serviceName, Provider: "consul", Tags: props.tags, Meta: props.meta, ...service },
        props.override?.service,
        `the service ${serviceName}`,
      ),
      ...others,
    ],
    Tasks: [
      {
        ...envoy,
        Constraints: [...(envoy.Constraints ?? []), ...constraints.map(({ rendered }) => rendered)],
        Templates: props.templates?.map((template) => template.rendered),
        VolumeMounts: props.volumeMounts?.map(renderVolumeMount),
      },
    ],
  });
}

/** Envoy merges this configuration into its bootstrap. A later layer of the runtime takes precedence, and this one comes after Consul's. */
function argumentsFor({ node, runtime = {} }: EnvoyBootstrap = {}, maxConnections?: number): readonly string[] {
  const layers = Object.keys(runtime).length === 0 ? undefined : [{ name: "gateway", static_layer: runtime }];
  const config = withoutUndefined({
    node,
    layered_runtime: layers && { layers },
    overload_manager: maxConnections === undefined ? undefined : renderConnectionLimit(maxConnections),
  });
  return Object.keys(config).length === 0 ? [] : ["--config-yaml", jsonText(config)];
}

function renderConnectionLimit(max_active_downstream_connections: number): object {
  const name = "envoy.resource_monitors.global_downstream_max_connections";
  const type = "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig";
  const typed_config = { "@type": `type.googleapis.com/${type}`, max_active_downstream_connections };
  return { resource_monitors: [{ name, typed_config }] };
}

/** Props of a gateway with a `gateway` block in the job: a mesh gateway or terminating gateway. */
export interface GatewayBlockProps extends GatewayJobProps {
  /** Maximum time to open a connection to a destination. @default "5s" */
  readonly connectTimeout?: DurationLike;
}

/** @internal */
export const GATEWAY_BLOCK_SHAPE: is.Shape<GatewayBlockProps> = {
  ...GATEWAY_JOB_SHAPE,
  connectTimeout: is.duration,
};

/** The parts of the job that {@link renderGatewayBlockJob} renders. */
export interface GatewayBlockParts {
  readonly serviceName: string;
  /** Kind of the gateway in Nomad. */
  readonly kind: "terminating" | "mesh";
  readonly gateway: Pick<nomad.ConsulGateway, "Terminating" | "Mesh">;
  /** Static ports of the node. */
  readonly ports: readonly nomad.Port[];
  /** Additional fields of the service. */
  readonly service: nomad.Service;
  /** Runtime values of Envoy. @default none */
  readonly runtime?: Readonly<Record<string, number>>;
}

/**
 * Renders the job of a gateway with Nomad's `gateway` block.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/gateway
 */
export function renderGatewayBlockJob(props: GatewayBlockProps, parts: GatewayBlockParts): nomad.Job {
  const { serviceName, kind, gateway, ports, service, runtime } = parts;
  const Proxy = { ConnectTimeout: optionalNanoseconds(props.connectTimeout), Config: sidecarOf(props).proxyConfig };
  return renderGatewayJob(props, {
    serviceName,
    ports,
    services: [{ ...service, Connect: { Gateway: { ...gateway, Proxy } } }],
    taskName: gatewayTaskName(kind, serviceName),
    taskKind: `connect-${kind}:${serviceName}`,
    bootstrap: { runtime },
  });
}

/** A check that passes if a port of the node accepts connections. @param portLabel default: the port of the service */
export function listeningCheck(name: string, portLabel?: string): nomad.ServiceCheck {
  return {
    Name: name,
    Type: "tcp",
    PortLabel: portLabel,
    Interval: nanoseconds(CHECK_INTERVAL),
    Timeout: nanoseconds("2s"),
  };
}

/** The name that Nomad gives to the task of a gateway. */
export function gatewayTaskName(kind: string, serviceName: string): string {
  return `connect-${kind}-${serviceName}`;
}

/** @internal */
export function sidecarOf({ sidecar }: GatewayJobProps): Sidecar {
  return sidecar ?? Sidecar.docker();
}
