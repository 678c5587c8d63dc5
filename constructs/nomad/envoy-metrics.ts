import { joinLists, knownEntries, mergeMaps } from "../core/collections";
import { ValueError } from "../core/errors";
import { inboundGatewayOf, hasEnvoy } from "./envoy-tasks";
import type * as nomad from "./generated/job";
import { isIsolated } from "./network";

/** @internal Where the Envoys of a job serve metrics for Prometheus. */
export interface EnvoyMetricsOptions {
  /** Port inside the allocation. If the group already uses it, the next free port is used. */
  readonly port: number;
  /** Whether proxy-defaults already set that port. */
  readonly byProxyDefaults: boolean;
  /** Name of the client's `host_network` on which the port is open. @default the node's default network */
  readonly hostNetwork?: string;
}

/** Metadata of a service in Consul with the `address:port` at which its Envoy serves `GET /metrics`. */
export const METRICS_ADDRESS = "envoy_metrics_address";

/** Label of the metrics port of a group's first Envoy. The labels of further Envoys have a number as suffix. */
const LABEL = "envoy_metrics";

/** @see https://developer.hashicorp.com/consul/docs/reference/proxy/envoy#envoy_prometheus_bind_addr */
export const BIND_ADDRESS = "envoy_prometheus_bind_addr";

/**
 * Adds a port of the node for metrics to each Envoy of a job, sidecar or gateway, and metadata with its address in Consul. It changes the
 * finished job, so that it includes what overrides add to groups.
 */
export function exposeEnvoyMetrics(job: nomad.Job, options: EnvoyMetricsOptions): nomad.Job {
  return { ...job, TaskGroups: job.TaskGroups?.map((group) => exposeInGroup(group, options)) };
}

function exposeInGroup(group: nomad.TaskGroup, options: EnvoyMetricsOptions): nomad.TaskGroup {
  const network = group.Networks?.at(0);
  const otherNetworks = group.Networks?.slice(1) ?? [];
  const isolated = isIsolated(network);
  const taken = portsInUse(group);
  const front = inboundGatewayOf(group);
  const ports: nomad.Port[] = [];
  const services = group.Services?.map((service) => {
    const own = ownConfig(service)?.[BIND_ADDRESS];
    const ownPort = portOf(own);
    if (!hasEnvoy(service) || (own !== undefined && ownPort === undefined)) {
      return service;
    }
    const label = ports.length === 0 ? LABEL : `${LABEL}_${ports.length + 1}`;
    const inside = ownPort ?? firstFree(options.port, taken);
    taken.add(inside);
    ports.push({ Label: label, To: isolated ? inside : undefined, HostNetwork: options.hostNetwork });
    // Without a separate network namespace, Envoy listens on the port of the node that Nomad chooses.
    const port = isolated ? String(inside) : `\${NOMAD_HOST_PORT_${label}}`;
    const isKnown = ownPort !== undefined || (options.byProxyDefaults && port === String(options.port));
    const listening = withListener(service, inside, isKnown ? undefined : `0.0.0.0:${port}`);
    return front === undefined ? withAddress(listening, label) : listening;
  });
  if (ports.length === 0) {
    return group;
  }
  const withPorts = { ...network, DynamicPorts: [...(network?.DynamicPorts ?? []), ...ports] };
  return {
    ...group,
    Networks: [withPorts, ...otherNetworks],
    Services: services?.map((service) => (service === front ? withAddress(service, LABEL) : service)),
  };
}

/** The proxy configuration in the job. If it has an address with a variable of Nomad, its metrics are not exposed here. */
function ownConfig({ Connect }: nomad.Service): Readonly<Record<string, unknown>> | undefined {
  const proxy = Connect?.SidecarService?.Proxy ?? Connect?.Gateway?.Proxy;
  return proxy?.Config;
}

/** Adds the metadata to the service, not to its sidecar: Nomad replaces variables only there, and Consul copies it to the sidecar. */
function withAddress(service: nomad.Service, label: string): nomad.Service {
  const address = { [METRICS_ADDRESS]: `\${NOMAD_HOST_ADDR_${label}}` };
  const own = [service.Meta, service.CanaryMeta].flatMap(knownEntries).find(([key]) => key === METRICS_ADDRESS);
  if (own !== undefined) {
    throw new ValueError(
      `The metadata ${METRICS_ADDRESS} of the service ${service.Name ?? ""} is ${JSON.stringify(own[1])}, but the metrics of the mesh set it too.`,
      "Remove it, or disable the metrics of the mesh.",
    );
  }
  return {
    ...service,
    Meta: mergeMaps(service.Meta, address),
    CanaryMeta: service.CanaryMeta && mergeMaps(service.CanaryMeta, address),
  };
}

function withListener(service: nomad.Service, port: number, bindAddress: string | undefined): nomad.Service {
  const own = ownConfig(service);
  const Config = bindAddress === undefined ? own : mergeMaps<unknown>(own, { [BIND_ADDRESS]: bindAddress });
  const { Gateway: gateway, SidecarService: sidecar } = service.Connect ?? {};
  if (gateway !== undefined) {
    return {
      ...service,
      Connect: { ...service.Connect, Gateway: { ...gateway, Proxy: { ...gateway.Proxy, Config } } },
    };
  }
  const transparent = sidecar?.Proxy?.TransparentProxy;
  const proxy = {
    ...sidecar?.Proxy,
    Config,
    // Otherwise a scrape would reach the listener that requires a certificate. Nomad accepts no labels of dynamic ports here.
    TransparentProxy: transparent && {
      ...transparent,
      ExcludeInboundPorts: joinLists(transparent.ExcludeInboundPorts, [String(port)]),
    },
  };
  return { ...service, Connect: { ...service.Connect, SidecarService: { ...sidecar, Proxy: proxy } } };
}

/** Ports inside the allocations of a group that the job uses. */
function portsInUse({ Networks, Services }: nomad.TaskGroup): Set<number> {
  const ofNetworks = (Networks ?? []).flatMap(({ ReservedPorts, DynamicPorts }) =>
    [...(ReservedPorts ?? []), ...(DynamicPorts ?? [])].map(({ To }) => To),
  );
  const ofServices = (Services ?? []).flatMap((service) => {
    const proxy = service.Connect?.SidecarService?.Proxy;
    return [
      Number(service.PortLabel),
      portOf(ownConfig(service)?.[BIND_ADDRESS]),
      ...(proxy?.Upstreams ?? []).map(({ LocalBindPort }) => LocalBindPort),
      ...(proxy?.Expose?.Path ?? []).map(({ LocalPathPort }) => LocalPathPort),
    ];
  });
  return new Set([...ofNetworks, ...ofServices].filter((port) => port !== undefined));
}

function portOf(address: unknown): number | undefined {
  const port = typeof address === "string" ? /:(\d+)$/.exec(address)?.[1] : undefined;
  return port === undefined ? undefined : Number(port);
}

function firstFree(port: number, taken: ReadonlySet<number>): number {
  return taken.has(port) ? firstFree(port + 1, taken) : port;
}
