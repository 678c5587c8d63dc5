import type * as nomad from "./generated/job";
import { listeningCheck, renderGatewayJob, sidecarOf, type GatewayJobProps } from "./gateway-job";
import { Constraint } from "./placement";

/** A port that a gateway opens to those outside the mesh. */
export interface FrontPort {
  /** Names it in the job. */
  readonly label: string;
  /** Where Envoy listens in the gateway's own network namespace. */
  readonly port: number;
  /** Port of the node. */
  readonly hostPort: number;
}

/** What {@link renderInboundGatewayJob} needs to know. */
export interface InboundGatewayParts {
  readonly serviceName: string;
  /** As Consul names it. */
  readonly kind: "ingress-gateway" | "api-gateway";
  /** At least one; the first also answers Consul's check of the proxy service's sidecar. */
  readonly ports: readonly FrontPort[];
  /** Values of its Envoy's runtime. @default none */
  readonly runtime?: Readonly<Record<string, number>>;
}

/**
 * Renders the job of a gateway whose config entry is not Nomad's: an API gateway, of which Nomad knows only the kind, or an
 * ingress gateway, whose entry Nomad would write but never remove.
 *
 * Such a gateway registers as a service of its kind, at the address of its own network namespace, since that is where Consul
 * has its Envoy listen. From in there Envoy must still reach Consul, which listens on the node's loopback only; the way that
 * Nomad makes for sidecars, a socket in the allocation, is there for a group that has one. So the group also has a second
 * service, the proxy service, whose sidecar is this very Envoy: Nomad writes it a bootstrap with the socket, Consul's authority
 * and a token, and Envoy is started as the gateway by the documented way of overriding a node's id. No Consul agent listens
 * anywhere else for it.
 *
 * A Consul agent that reloads or restarts checks the port of every sidecar, whatever its registration says of checks. So the
 * port of the proxy service's sidecar, dynamic on the node, leads to the gateway's first listener: something listens there
 * exactly while the gateway does.
 *
 * @see https://developer.hashicorp.com/consul/docs/north-south/api-gateway
 */
export function renderInboundGatewayJob(props: GatewayJobProps, parts: InboundGatewayParts): nomad.Job {
  const { serviceName, kind, ports, runtime } = parts;
  const first = ports.at(0);
  const PortLabel = first?.label;
  const proxyService = proxyServiceOf(serviceName);
  // As Nomad names its registrations in Consul.
  const id = `_nomad-task-\${NOMAD_ALLOC_ID}-group-\${NOMAD_GROUP_NAME}-${serviceName}-${PortLabel}`;
  return renderGatewayJob(props, {
    serviceName,
    ports: ports.map(({ label, port, hostPort }) => ({ Label: label, Value: hostPort, To: port })),
    // Nomad would add it too, under this very label, but leading to a port on which nothing listens.
    dynamicPorts: [{ Label: inboundTaskName(serviceName), To: first?.port }],
    services: [
      {
        Kind: kind,
        PortLabel,
        AddressMode: "alloc",
        Checks: ports.map(({ label, hostPort }) => ({
          ...listeningCheck(`${serviceName} listens on port ${hostPort}`, label),
          AddressMode: "host",
        })),
      },
      {
        Name: proxyService,
        Provider: "consul",
        PortLabel,
        Connect: {
          // The checks of the gateway say whether it listens, and sooner.
          SidecarService: { DisableDefaultTCPCheck: true, Proxy: { Config: sidecarOf(props).proxyConfig } },
        },
      },
    ],
    taskName: inboundTaskName(serviceName),
    taskKind: `connect-proxy:${proxyService}`,
    bootstrap: { node: { id, cluster: serviceName }, runtime },
    constraints: [Constraint.version("${attr.nomad.version}", `>= ${NOMAD_WITH_KINDS}`)],
  });
}

/** The first Nomad that registers a service of any kind. Its servers must be as new; of the nodes it is made sure. */
const NOMAD_WITH_KINDS = "1.10.3";

/** The service by which a gateway's Envoy comes to its bootstrap. */
export function proxyServiceOf(serviceName: string): string {
  return `${serviceName}-envoy`;
}

/** What the task of a gateway's Envoy is called. */
export function inboundTaskName(serviceName: string): string {
  return `connect-proxy-${proxyServiceOf(serviceName)}`;
}
