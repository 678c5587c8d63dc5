import type * as consul from "../../consul/generated/config-entries";
import type { Place } from "../../core/problems";
import * as is from "../../core/shape";
import { BIND_ADDRESS, exposeEnvoyMetrics } from "../../nomad/envoy-metrics";
import type * as nomad from "../../nomad/generated/job";

/** Options of {@link Metrics.prometheus}. */
export interface PrometheusMetricsOptions {
  /**
   * Port inside each allocation on which Envoy answers. Where something else of a group has it, a second Envoy for
   * example, the next free one is taken. On the node it is a port that Nomad chooses.
   *
   * @default 9102
   */
  readonly port?: number;
  /**
   * The network of the nodes on which the port is open, as their configuration names it.
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
 * How the Envoys of a mesh tell what they do.
 *
 * Metrics are read without mutual TLS, from a port of the node: who reaches the nodes' dynamic ports can read which services
 * there are and how much they talk, and nothing else of Envoy's administration. Where each Envoy answers is in its
 * service's metadata in Consul, `envoy_metrics_address`.
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

  /** Each Envoy answers `GET /metrics` in Prometheus' format. */
  static prometheus(options: PrometheusMetricsOptions = {}): Metrics {
    return new Metrics(options);
  }

  /** @internal Fields of proxy-defaults' Config. */
  renderProxyConfig(): Readonly<Record<string, unknown>> {
    return { [BIND_ADDRESS]: `0.0.0.0:${this.port}` };
  }

  /**
   * @internal Gives each Envoy of a finished job its port.
   * @param proxyDefaults what the author of the mesh has set there, or `false` where somebody else owns them
   */
  expose(job: nomad.Job, proxyDefaults: Pick<consul.ProxyConfigEntry, "Config"> | false): nomad.Job {
    const byProxyDefaults = proxyDefaults !== false && proxyDefaults.Config?.[BIND_ADDRESS] === undefined;
    return exposeEnvoyMetrics(job, { port: this.port, byProxyDefaults, hostNetwork: this.options.hostNetwork });
  }

  private get port(): number {
    return this.options.port ?? 9102;
  }
}
