import * as is from "../core/shape";
import { nanoseconds, optionalNanoseconds, type DurationLike } from "../core/duration";
import { jsonText } from "../core/terraform-json";
import type * as nomad from "./generated/job";
import { CHECK_INTERVAL } from "./health-check";
import { JOB_PROPS_SHAPE, type JobProps, renderJobOfOneGroup } from "./job";
import { overridden } from "./override";
import type { Constraint } from "./placement";
import { Sidecar } from "./sidecar";
import type { Template } from "./template";
import { renderVolumeMount, VOLUME_MOUNT_SHAPE, type VolumeMountOptions } from "./volume";

/** Everything about a gateway's job that does not come from the graph. */
export interface GatewayJobProps extends JobProps {
  /** How its Envoy runs. @default the mesh's */
  readonly sidecar?: Sidecar;
  /**
   * Files that Nomad renders for its Envoy, such as certificates; keys belong into `secrets/`. Envoy is restarted when one
   * changes, unless the template says otherwise.
   *
   * @default none
   */
  readonly templates?: readonly Template[];
  /** Volumes of `volumes` that its Envoy sees. @default none */
  readonly volumeMounts?: readonly VolumeMountOptions[];
  /** @default none */
  readonly tags?: readonly string[];
  /** Metadata of the gateway in Consul. @default none */
  readonly meta?: Readonly<Record<string, string>>;
}

/** @internal */
export const GATEWAY_JOB_SHAPE: is.Shape<GatewayJobProps> = {
  ...JOB_PROPS_SHAPE,
  sidecar: is.made("a Sidecar, such as Sidecar.docker()"),
  templates: is.list(is.made("a Template, such as Template.text(…)")),
  volumeMounts: is.list(is.block(VOLUME_MOUNT_SHAPE)),
  tags: is.list(is.text),
  meta: is.map(is.text),
};

/** What is laid over the bootstrap that Nomad writes for an Envoy. */
export interface EnvoyBootstrap {
  readonly node?: { readonly id: string; readonly cluster: string };
  /** Values of Envoy's runtime, which go before what Consul configures. */
  readonly runtime?: Readonly<Record<string, number>>;
}

/** What a kind of gateway adds. */
export interface GatewayJobParts {
  readonly serviceName: string;
  /** Static ports of the node. */
  readonly ports: readonly nomad.Port[];
  /** Ports of the node that Nomad chooses. @default those that it adds itself */
  readonly dynamicPorts?: readonly nomad.Port[];
  readonly services: readonly nomad.Service[];
  /** What the task of its Envoy is called. */
  readonly taskName: string;
  /** What Nomad makes of that task. */
  readonly taskKind: string;
  /** Where its Envoy's bootstrap differs from Nomad's. @default nowhere */
  readonly bootstrap?: EnvoyBootstrap;
  /** What a node must have for that task, beside a Consul that Envoys can ask. @default nothing */
  readonly constraints?: readonly Constraint[];
}

/**
 * Renders the job of a gateway: one group, always in a network namespace of its own, whose only task is an Envoy. Nomad
 * would add that task automatically; only one of our own can have templates and volumes.
 */
export function renderGatewayJob(props: GatewayJobProps, parts: GatewayJobParts): nomad.Job {
  const { serviceName, ports, dynamicPorts, services, taskName, taskKind, bootstrap, constraints = [] } = parts;
  const [service, ...others] = services;
  const envoy = sidecarOf(props).renderWholeTask(taskName, taskKind, argumentsFor(bootstrap));
  return renderJobOfOneGroup(serviceName, props, {
    Networks: [{ Mode: "bridge", ReservedPorts: ports.length > 0 ? ports : undefined, DynamicPorts: dynamicPorts }],
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

/** Envoy merges the two, and takes layers of the runtime in their order: ours comes after Consul's. */
function argumentsFor({ node, runtime = {} }: EnvoyBootstrap = {}): readonly string[] {
  const layers = Object.keys(runtime).length === 0 ? undefined : [{ name: "gateway", static_layer: runtime }];
  const config = { node, layered_runtime: layers && { layers } };
  return node === undefined && layers === undefined ? [] : ["--config-yaml", jsonText(config)];
}

/** Props of a gateway that Nomad itself knows, by a block of its own. */
export interface GatewayBlockProps extends GatewayJobProps {
  /** How long a connection to a destination may take to open. @default "5s" */
  readonly connectTimeout?: DurationLike;
}

/** @internal */
export const GATEWAY_BLOCK_SHAPE: is.Shape<GatewayBlockProps> = {
  ...GATEWAY_JOB_SHAPE,
  connectTimeout: is.duration,
};

/** What {@link renderGatewayBlockJob} needs to know. */
export interface GatewayBlockParts {
  readonly serviceName: string;
  /** As Nomad names it. */
  readonly kind: "terminating" | "mesh";
  readonly gateway: Pick<nomad.ConsulGateway, "Terminating" | "Mesh">;
  /** Static ports of the node. */
  readonly ports: readonly nomad.Port[];
  /** Further fields of the service. */
  readonly service: nomad.Service;
  /** Values of its Envoy's runtime. @default none */
  readonly runtime?: Readonly<Record<string, number>>;
}

/**
 * Renders the job of a gateway with Nomad's own block.
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

/** Healthy once a port of the node accepts connections. @param portLabel default: the service's own */
export function listeningCheck(name: string, portLabel?: string): nomad.ServiceCheck {
  return {
    Name: name,
    Type: "tcp",
    PortLabel: portLabel,
    Interval: nanoseconds(CHECK_INTERVAL),
    Timeout: nanoseconds("2s"),
  };
}

/** As Nomad itself names the task of a gateway. */
export function gatewayTaskName(kind: string, serviceName: string): string {
  return `connect-${kind}-${serviceName}`;
}

/** @internal */
export function sidecarOf({ sidecar }: GatewayJobProps): Sidecar {
  return sidecar ?? Sidecar.docker();
}
