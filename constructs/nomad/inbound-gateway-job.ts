import { mergeMapsOrNone } from "../core/collections";
import type * as nomad from "./generated/job";
import { listeningCheck, renderGatewayJob, sidecarOf, type GatewayJobProps } from "./gateway-job";
import { Constraint } from "./placement";

/** A port of a gateway for clients outside the mesh. */
export interface FrontPort {
  /** Label of the port in the job. */
  readonly label: string;
  /** Port on which Envoy listens in the network namespace of the gateway. */
  readonly port: number;
  /** Port of the node. */
  readonly hostPort: number;
}

/** The parts of the job that {@link renderInboundGatewayJob} renders. */
export interface InboundGatewayParts {
  readonly serviceName: string;
  /** Kind of the gateway in Consul. */
  readonly kind: "ingress-gateway" | "api-gateway";
  /** At least one port. Consul's check of the proxy service's sidecar also uses the first one. */
  readonly ports: readonly FrontPort[];
  /** Runtime values of Envoy. @default none */
  readonly runtime?: Readonly<Record<string, number>>;
  /** Options of the proxy configuration, in addition to those of the sidecar. @default none */
  readonly proxyConfig?: Readonly<Record<string, unknown>>;
}

/**
 * Renders the job of a gateway whose config entry Nomad does not write: an API gateway, of which Nomad supports only the kind of the
 * service, or an ingress gateway, whose entry Nomad would write but never delete.
 *
 * The gateway registers as a service of its kind, with the address of its network namespace, where Consul makes Envoy listen. From there,
 * Envoy must also connect to Consul, which listens only on the loopback interface of the node. For groups with a sidecar, Nomad provides a
 * socket in the allocation. The group therefore has a second service, the proxy service, whose sidecar is this Envoy. Nomad writes a
 * bootstrap with the socket, Consul's CA and a token, and `--config-yaml` overrides the node id, so that Envoy runs as the gateway. The
 * Consul agent does not have to listen on other addresses.
 *
 * A Consul agent that reloads or restarts checks the port of every sidecar, even if its registration disables checks. The port of the proxy
 * service's sidecar, which is dynamic on the node, is therefore mapped to the first listener of the gateway, so that the check passes while
 * the gateway listens.
 *
 * @see https://developer.hashicorp.com/consul/docs/north-south/api-gateway
 */
export function renderInboundGatewayJob(props: GatewayJobProps, parts: InboundGatewayParts): nomad.Job {
  const { serviceName, kind, ports, runtime, proxyConfig } = parts;
  const first = ports.at(0);
  const PortLabel = first?.label;
  const proxyService = proxyServiceOf(serviceName);
  // The id that Nomad gives to the registration in Consul.
  const id = `_nomad-task-\${NOMAD_ALLOC_ID}-group-\${NOMAD_GROUP_NAME}-${serviceName}-${PortLabel}`;
  return renderGatewayJob(props, {
    serviceName,
    ports: ports.map(({ label, port, hostPort }) => ({ Label: label, Value: hostPort, To: port })),
    // Nomad would otherwise add a port with this label, mapped to a port on which nothing listens.
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
          // The checks of the gateway detect sooner whether it listens.
          SidecarService: {
            DisableDefaultTCPCheck: true,
            Proxy: { Config: mergeMapsOrNone<unknown>(sidecarOf(props).proxyConfig, proxyConfig) },
          },
        },
      },
    ],
    taskName: inboundTaskName(serviceName),
    taskKind: `connect-proxy:${proxyService}`,
    bootstrap: { node: { id, cluster: serviceName }, runtime },
    constraints: [Constraint.version("${attr.nomad.version}", `>= ${NOMAD_WITH_KINDS}`)],
  });
}

/** The first version of Nomad that registers services of any kind. A constraint ensures it for the nodes; the servers need it too. */
const NOMAD_WITH_KINDS = "1.10.3";

/** Name of the proxy service, with which the Envoy of a gateway gets its bootstrap. */
export function proxyServiceOf(serviceName: string): string {
  return `${serviceName}-envoy`;
}

/** Name of the task of a gateway's Envoy. */
export function inboundTaskName(serviceName: string): string {
  return `connect-proxy-${proxyServiceOf(serviceName)}`;
}
