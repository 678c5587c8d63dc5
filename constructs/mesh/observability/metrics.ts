import type * as consul from "../../consul/generated/config-entries";
import type { Place } from "../../core/problems";
import * as is from "../../core/shape";
import { BIND_ADDRESS, exposeEnvoyMetrics } from "../../nomad/envoy-metrics";
import type * as nomad from "../../nomad/generated/job";

/** Options of {@link Metrics.prometheus}. */
export interface PrometheusMetricsOptions {
  /**
   * Port inside each allocation on which Envoy serves its metrics. If another part of the group uses this port, such as a second Envoy,
   * the next free port is used. On the node, Nomad maps a dynamic port to it.
   *
   * @default 9102
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

const METRICS_SHAPE: is.Shape<PrometheusMetricsOptions> = {
  port: is.literal(is.port, "Use a literal number: it is part of Envoy's configuration in the job."),
  hostNetwork: is.text,
};

/**
 * How the Envoys of a mesh expose their metrics.
 *
 * Metrics are served without mutual TLS, on a port of the node. Anyone who can reach the dynamic ports of the nodes can read which services
 * exist and how much traffic they have, but has no other access to Envoy's admin interface. The metadata `envoy_metrics_address` of each
 * service in Consul contains the address and port of its metrics.
 *
 * @example
 * new ServiceMesh(stack, "mesh", { metrics: Metrics.prometheus() });
 */
export class Metrics {
  private constructor(private readonly options: PrometheusMetricsOptions) {}

  /** @internal */
  examine(place: Place): void {
    is.examineProperties(place, this.options, METRICS_SHAPE);
  }

  /** Each Envoy serves metrics in Prometheus' format at `GET /metrics`. */
  static prometheus(options: PrometheusMetricsOptions = {}): Metrics {
    return new Metrics(options);
  }

  /** @internal Fields for `Config` of proxy-defaults. */
  renderProxyConfig(): Readonly<Record<string, unknown>> {
    return { [BIND_ADDRESS]: `0.0.0.0:${this.port}` };
  }

  /**
   * @internal Adds a port for metrics to each Envoy of a finished job.
   * @param proxyDefaults the passed fields of proxy-defaults, or `false` if another stack or team owns the entry
   */
  expose(job: nomad.Job, proxyDefaults: Pick<consul.ProxyConfigEntry, "Config"> | false): nomad.Job {
    const byProxyDefaults = proxyDefaults !== false && proxyDefaults.Config?.[BIND_ADDRESS] === undefined;
    return exposeEnvoyMetrics(job, { port: this.port, byProxyDefaults, hostNetwork: this.options.hostNetwork });
  }

  private get port(): number {
    return this.options.port ?? 9102;
  }
}
