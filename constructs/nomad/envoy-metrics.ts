import { joinLists, knownEntries, mergeMaps } from "../core/collections";
import { ValueError } from "../core/errors";
import { inboundGatewayOf, hasEnvoy } from "./envoy-tasks";
import type * as nomad from "./generated/job";
import { isIsolated } from "./network";

/** @internal A listener of Envoy for metrics, and how it appears in the job. */
export interface MetricsListener {
  /** Option of the proxy configuration with its address. */
  readonly option: string;
  /** Label of the port of a group's first Envoy. The labels of further Envoys have a number as suffix. */
  readonly label: string;
  /** Metadata of the service in Consul with its address on the node. */
  readonly meta: string;
}

/** @internal Where the Envoys of a job serve metrics. */
export interface EnvoyMetricsOptions {
  readonly listener: MetricsListener;
  /** Port inside the allocation. If the group already uses it, the next free port is used. */
  readonly port: number;
  /** Whether proxy-defaults already set that port. */
  readonly byProxyDefaults: boolean;
  /** Name of the client's `host_network` on which the port is open. @default the node's default network */
  readonly hostNetwork?: string;
}

/**
 * The listener that serves `GET /metrics`, for Prometheus.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/proxy/envoy#envoy_prometheus_bind_addr
 */
export const PROMETHEUS_LISTENER: MetricsListener = {
  option: "envoy_prometheus_bind_addr",
  label: "envoy_metrics",
  meta: "envoy_metrics_address",
};

/**
 * The listener that serves `/stats` and all paths below it, as Envoy's admin interface does.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/proxy/envoy#envoy_stats_bind_addr
 */
export const STATS_LISTENER: MetricsListener = {
  option: "envoy_stats_bind_addr",
  label: "envoy_stats",
  meta: "envoy_stats_address",
};

/** Metadata of a service in Consul with the `address:port` at which its Envoy serves `GET /metrics`. */
export const METRICS_ADDRESS = PROMETHEUS_LISTENER.meta;

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
    const own = ownConfig(service)?.[options.listener.option];
    const ownPort = portOf(own);
    if (!hasEnvoy(service) || (own !== undefined && ownPort === undefined)) {
      return service;
    }
    const label = ports.length === 0 ? options.listener.label : `${options.listener.label}_${ports.length + 1}`;
    const inside = ownPort ?? firstFree(options.port, taken);
    taken.add(inside);
    ports.push({ Label: label, To: isolated ? inside : undefined, HostNetwork: options.hostNetwork });
    // Without a separate network namespace, Envoy listens on the port of the node that Nomad chooses.
    const port = isolated ? String(inside) : `\${NOMAD_HOST_PORT_${label}}`;
    const isKnown = ownPort !== undefined || (options.byProxyDefaults && port === String(options.port));
    const address = isKnown ? {} : { [options.listener.option]: `0.0.0.0:${port}` };
    const listening = withListener(service, inside, address);
    return front === undefined ? withAddress(listening, options.listener.meta, label) : listening;
  });
  if (ports.length === 0) {
    return group;
  }
  const withPorts = { ...network, DynamicPorts: [...(network?.DynamicPorts ?? []), ...ports] };
  return {
    ...group,
    Networks: [withPorts, ...otherNetworks],
    Services: services?.map((service) =>
      service === front ? withAddress(service, options.listener.meta, options.listener.label) : service,
    ),
  };
}

/** The proxy configuration in the job. If it has an address with a variable of Nomad, its metrics are not exposed here. */
function ownConfig({ Connect }: nomad.Service): Readonly<Record<string, unknown>> | undefined {
  const proxy = Connect?.SidecarService?.Proxy ?? Connect?.Gateway?.Proxy;
  return proxy?.Config;
}

/** Adds the metadata to the service, not to its sidecar: Nomad replaces variables only there, and Consul copies it to the sidecar. */
function withAddress(service: nomad.Service, meta: string, label: string): nomad.Service {
  const address = { [meta]: `\${NOMAD_HOST_ADDR_${label}}` };
  const own = [service.Meta, service.CanaryMeta].flatMap(knownEntries).find(([key]) => key === meta);
  if (own !== undefined) {
    throw new ValueError(
      `The metadata ${meta} of the service ${service.Name ?? ""} is ${JSON.stringify(own[1])}, but the metrics of the mesh set it too.`,
      "Remove it, or disable the metrics of the mesh.",
    );
  }
  return {
    ...service,
    Meta: mergeMaps(service.Meta, address),
    CanaryMeta: service.CanaryMeta && mergeMaps(service.CanaryMeta, address),
  };
}

function withListener(service: nomad.Service, port: number, address: Readonly<Record<string, string>>): nomad.Service {
  const own = ownConfig(service);
  const Config = Object.keys(address).length === 0 ? own : mergeMaps<unknown>(own, address);
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
      ...[PROMETHEUS_LISTENER, STATS_LISTENER].map(({ option }) => portOf(ownConfig(service)?.[option])),
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
