import { hostAndPort, renderStaticCluster, STATIC_CLUSTERS } from "../../consul/static-cluster";
import { addToEnvoyTasks } from "../../nomad/envoy-tasks";
import type { Place } from "../../core/problems";
import * as is from "../../core/shape";
import { jsonText } from "../../core/terraform-json";
import type * as nomad from "../../nomad/generated/job";
import { isToken } from "../../core/token";

/** Options of all tracing protocols. */
export interface TracingOptions {
  /** `host:port` of the collector, which all nodes must reach. The host is an IPv4 address, or a name that the nodes resolve. */
  readonly address: string;
  /**
   * Percentage of requests for which Envoy starts a trace, from 0 to 100. For a request with the headers of a trace, the decision of the
   * first Envoy or client applies.
   *
   * @default 100
   */
  readonly samplePercent?: number;
}

/** Options of {@link Tracing.otlp}. */
export interface OtlpTracingOptions extends TracingOptions {
  /** `grpc` (usually port 4317) or `http` (usually port 4318). Both use protobuf. @default "grpc" */
  readonly transport?: "grpc" | "http";
  /** Path of the collector, for the transport `http`. @default "/v1/traces" */
  readonly path?: string;
}

/** Options of {@link Tracing.zipkin}. */
export interface ZipkinTracingOptions extends TracingOptions {
  /** Path of the collector. @default "/api/v2/spans" */
  readonly path?: string;
}

const TRACING_SHAPE: is.Shape<TracingOptions> = { address: is.required(is.text), samplePercent: is.number };
const ZIPKIN_SHAPE: is.Shape<ZipkinTracingOptions> = {
  ...TRACING_SHAPE,
  path: is.literal(is.text, "Use a literal value: Envoy reads it when it starts."),
};
const OTLP_SHAPE: is.Shape<OtlpTracingOptions> = { ...ZIPKIN_SHAPE, transport: is.oneOf(["grpc", "http"]) };

/** Name of the cluster of the collector in Envoy's configuration and metrics. */
const CLUSTER = "tracing_collector";

/**
 * Tracing: where the Envoys of a mesh send the spans of HTTP and gRPC requests. A request that passes two Envoys is one trace. A trace
 * continues beyond a service only if the service copies the headers to its own requests: `traceparent` for OTLP, `b3` or `x-b3-…` for
 * Zipkin.
 *
 * Envoy reads the settings of the collector only when it starts, so a change of them replaces the allocations of the mesh.
 *
 * @see https://developer.hashicorp.com/consul/docs/observe/distributed-tracing
 *
 * @example
 * new ServiceMesh(stack, "mesh", { tracing: Tracing.otlp({ address: "10.0.0.7:4317", samplePercent: 5 }) });
 */
export class Tracing {
  private constructor(
    private readonly options: TracingOptions,
    private readonly tracer: Readonly<Record<string, unknown>>,
    private readonly isHttp2: boolean,
    private readonly shape: is.Shape<TracingOptions>,
  ) {
    const { address, samplePercent = 100 } = options;
    if (isToken(address)) {
      throw new RangeError(
        "The address of a collector is known only to Terraform. Use a literal address: Envoy needs host and port separately.",
      );
    }
    if (typeof address !== "string" || hostAndPort(address) === undefined) {
      throw new RangeError(
        `${JSON.stringify(address)} is not the address of a collector. Use host:port, such as "10.0.0.7:4317".`,
      );
    }
    if (!isToken(samplePercent) && !(samplePercent >= 0 && samplePercent <= 100)) {
      throw new RangeError(`samplePercent is ${samplePercent}. Use a number from 0 to 100.`);
    }
  }

  /** Sends spans with OpenTelemetry's protocol (OTLP). Each span has the name of the service of its Envoy. */
  static otlp(options: OtlpTracingOptions): Tracing {
    const { address, transport = "grpc", path = "/v1/traces" } = is.optionsOf("Tracing.otlp", options);
    const service =
      transport === "grpc"
        ? { grpc_service: { envoy_grpc: { cluster_name: CLUSTER }, timeout: "1s" } }
        : { http_service: { http_uri: { uri: `http://${address}${path}`, cluster: CLUSTER, timeout: "1s" } } };
    const detector = "envoy.tracers.opentelemetry.resource_detectors.environment";
    const detectorType =
      "type.googleapis.com/envoy.extensions.tracers.opentelemetry.resource_detectors.v3.EnvironmentResourceDetectorConfig";
    const tracer = {
      name: "envoy.tracers.opentelemetry",
      typed_config: {
        "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
        ...service,
        // This configuration is the same for the whole mesh. Envoy takes the name of its service from its environment.
        resource_detectors: [{ name: detector, typed_config: { "@type": detectorType } }],
      },
    };
    return new Tracing(options, tracer, transport === "grpc", OTLP_SHAPE);
  }

  /** Sends spans as Zipkin's JSON, version 2, which many collectors accept. */
  static zipkin(options: ZipkinTracingOptions): Tracing {
    const { path = "/api/v2/spans" } = is.optionsOf("Tracing.zipkin", options);
    const tracer = {
      name: "envoy.tracers.zipkin",
      typed_config: {
        "@type": "type.googleapis.com/envoy.config.trace.v3.ZipkinConfig",
        collector_cluster: CLUSTER,
        collector_endpoint: path,
        collector_endpoint_version: "HTTP_JSON",
        shared_span_context: false,
        trace_id_128bit: true,
      },
    };
    return new Tracing(options, tracer, false, ZIPKIN_SHAPE);
  }

  /** @internal */
  examine(place: Place): void {
    is.examineProperties(place, this.options, this.shape);
  }

  /** @internal Fields for `Config` of proxy-defaults. */
  renderProxyConfig(): Readonly<Record<string, string>> {
    // The collector is in the bootstrap, and only the percentage is in the listeners: an Envoy that already runs would refuse a listener
    // that refers to a collector which is not in its bootstrap.
    return {
      envoy_tracing_json: JSON.stringify({ http: this.tracer }),
      [STATIC_CLUSTERS]: JSON.stringify(this.renderCluster()),
      envoy_listener_tracing_json: jsonText({
        "@type":
          "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.Tracing",
        random_sampling: { value: this.options.samplePercent ?? 100 },
      }),
    };
  }

  /** @internal Sets the service name of each Envoy's spans. */
  trace(job: nomad.Job): nomad.Job {
    return addToEnvoyTasks(job, (serviceName) => ({
      Env: { OTEL_RESOURCE_ATTRIBUTES: `service.name=${serviceName},service.instance.id=\${NOMAD_ALLOC_ID}` },
    }));
  }

  private renderCluster(): unknown {
    const { host = "", port = 0 } = hostAndPort(this.options.address) ?? {};
    return renderStaticCluster({ name: CLUSTER, host, port, isHttp2: this.isHttp2 });
  }
}
