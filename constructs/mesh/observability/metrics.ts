import { isIP } from "node:net";
import { hostAndPort } from "../../consul/static-cluster";
import type * as consul from "../../consul/generated/config-entries";
import { optionalConsulDuration, type DurationLike } from "../../core/duration";
import { isLoopback } from "../../core/network-address";
import type { Place } from "../../core/problems";
import * as is from "../../core/shape";
import { isToken } from "../../core/token";
import {
  exposeEnvoyMetrics,
  PROMETHEUS_LISTENER,
  STATS_LISTENER,
  type MetricsListener,
} from "../../nomad/envoy-metrics";
import type * as nomad from "../../nomad/generated/job";

/** Options of metrics that each Envoy serves. */
export interface ServedMetricsOptions {
  /**
   * Port inside each allocation on which Envoy serves its metrics. If another part of the group uses this port, such as a second Envoy,
   * the next free port is used. On the node, Nomad maps a dynamic port to it.
   *
   * @default 9102 for Prometheus, 9202 for Envoy's own format
   */
  readonly port?: number;
  /**
   * Name of the clients' `host_network` on which the port is open.
   *
   * @default the nodes' default network
   * @see https://developer.hashicorp.com/nomad/docs/configuration/client#host_network-block
   */
  readonly hostNetwork?: string;
}

/** Options of {@link Metrics.prometheus}. */
export type PrometheusMetricsOptions = ServedMetricsOptions;

/** Options of {@link Metrics.statsd} and {@link Metrics.dogstatsd}. */
export interface StatsdMetricsOptions {
  /**
   * `address:port` of the agent, which receives UDP. The address is an IP address that all allocations reach: Envoy does not look up
   * names for it, and each allocation has its own loopback interface. An IPv6 address is in brackets.
   */
  readonly address: string;
  /**
   * Interval at which each Envoy sends its metrics. It applies to all metrics of the Envoy.
   *
   * @default "5s", Envoy's default
   * @see https://developer.hashicorp.com/consul/docs/reference/proxy/envoy#envoy_stats_flush_interval
   */
  readonly flushInterval?: DurationLike;
}

const SERVED_SHAPE: is.Shape<ServedMetricsOptions> = {
  port: is.literal(is.port, "Use a literal number: it is part of Envoy's configuration in the job."),
  hostNetwork: is.text,
};
const STATSD_SHAPE: is.Shape<StatsdMetricsOptions> = { address: is.required(is.text), flushInterval: is.durationText };

/** What one kind of metrics adds to each Envoy. */
interface MetricsParts {
  /** Fields for `Config` of proxy-defaults. */
  readonly config: () => Readonly<Record<string, unknown>>;
  /** The listener of Envoy, and its port. @default none: Envoy sends the metrics */
  readonly served?: { readonly listener: MetricsListener; readonly port: number; readonly hostNetwork?: string };
}

/**
 * How the Envoys of a mesh expose their metrics: Envoys either serve them, or send them to an agent.
 *
 * Metrics that are served are without mutual TLS, on a port of the node. Anyone who can reach the dynamic ports of the nodes can read which
 * services exist and how much traffic they have, but has no other access to Envoy's admin interface. The metadata `envoy_metrics_address`
 * of each service in Consul contains the address and port of its metrics. Metrics that are sent are not encrypted.
 *
 * Envoy reads these settings only when it starts, so a change of them replaces the allocations of the mesh.
 *
 * @example
 * new ServiceMesh(stack, "mesh", { metrics: Metrics.prometheus() });
 */
export class Metrics {
  private constructor(
    private readonly options: object,
    private readonly shape: Readonly<Record<string, is.Rule>>,
    private readonly parts: MetricsParts,
  ) {}

  /** @internal */
  examine(place: Place): void {
    is.examineProperties(place, this.options, this.shape);
  }

  /** Each Envoy serves metrics in Prometheus' format at `GET /metrics`. */
  static prometheus(options: PrometheusMetricsOptions = {}): Metrics {
    return Metrics.served("Metrics.prometheus", options, PROMETHEUS_LISTENER, 9102);
  }

  /**
   * Each Envoy serves all of its statistics in its own formats, at `/stats` and the paths below it, such as `/stats?format=json` and
   * `/stats/prometheus`. The metadata `envoy_stats_address` of each service in Consul contains the address and port.
   *
   * @see https://www.envoyproxy.io/docs/envoy/latest/operations/admin#get--stats
   */
  static stats(options: ServedMetricsOptions = {}): Metrics {
    return Metrics.served("Metrics.stats", options, STATS_LISTENER, 9202);
  }

  /**
   * Each Envoy sends its metrics to a StatsD agent, with names that contain the service and the cluster.
   *
   * @throws RangeError if the address is not an IP address and a port, or is a loopback address
   * @see https://developer.hashicorp.com/consul/docs/reference/proxy/envoy#envoy_statsd_url
   */
  static statsd(options: StatsdMetricsOptions): Metrics {
    return Metrics.sent("Metrics.statsd", options, "envoy_statsd_url");
  }

  /**
   * Each Envoy sends its metrics to a DogStatsD agent, with tags for the service, the cluster and the allocation. Nomad sets the tags
   * of the allocation in place of `envoy_stats_tags` in proxy-defaults or in the sidecar's `config`, which therefore have no effect.
   *
   * @throws RangeError if the address is not an IP address and a port, or is a loopback address
   * @see https://developer.hashicorp.com/consul/docs/reference/proxy/envoy#envoy_dogstatsd_url
   */
  static dogstatsd(options: StatsdMetricsOptions): Metrics {
    return Metrics.sent("Metrics.dogstatsd", options, "envoy_dogstatsd_url");
  }

  /** @internal Whether proxy-defaults must contain the settings: those that a job does not contain. */
  get needsProxyDefaults(): boolean {
    return this.parts.served === undefined;
  }

  /** @internal Fields for `Config` of proxy-defaults. */
  renderProxyConfig(): Readonly<Record<string, unknown>> {
    return this.parts.config();
  }

  /**
   * @internal Adds a port to each Envoy of a finished job, if Envoys serve these metrics.
   * @param proxyDefaults the passed fields of proxy-defaults, or `false` if another stack or team owns the entry
   */
  expose(job: nomad.Job, proxyDefaults: Pick<consul.ProxyConfigEntry, "Config"> | false): nomad.Job {
    const { served } = this.parts;
    if (served === undefined) {
      return job;
    }
    const byProxyDefaults = proxyDefaults !== false && proxyDefaults.Config?.[served.listener.option] === undefined;
    return exposeEnvoyMetrics(job, { ...served, byProxyDefaults });
  }

  private static served(
    name: string,
    given: ServedMetricsOptions,
    listener: MetricsListener,
    defaultPort: number,
  ): Metrics {
    const { port = defaultPort, hostNetwork } = is.optionsOf(name, given);
    return new Metrics(given, SERVED_SHAPE, {
      config: () => ({ [listener.option]: `0.0.0.0:${port}` }),
      served: { listener, port, hostNetwork },
    });
  }

  private static sent(name: string, given: StatsdMetricsOptions, option: string): Metrics {
    const { address, flushInterval } = is.optionsOf(name, given);
    refuseWrongAgent(address);
    return new Metrics(given, STATSD_SHAPE, {
      config: () => ({
        [option]: `udp://${address}`,
        envoy_stats_flush_interval: optionalConsulDuration(flushInterval),
      }),
    });
  }
}

function refuseWrongAgent(address: unknown): void {
  if (isToken(address)) {
    return;
  }
  const host = typeof address === "string" ? (hostAndPort(address)?.host ?? "") : "";
  if (isIP(host) === 0) {
    throw new RangeError(
      `${JSON.stringify(address)} is not the address of an agent. Use an IP address and a port, such as "10.0.0.7:8125": Envoy looks up no name for it.`,
    );
  }
  if (isLoopback(host)) {
    throw new RangeError(
      `${JSON.stringify(address)} is on the loopback interface, of which each allocation has its own. Use an address of the node that runs the agent.`,
    );
  }
}
