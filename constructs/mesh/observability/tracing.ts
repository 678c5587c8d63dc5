import { createHash } from "node:crypto";
import { isIP } from "node:net";
import { addToEnvoyTasks } from "../../nomad/envoy-tasks";
import type { Place } from "../../core/problems";
import * as is from "../../core/shape";
import { jsonText } from "../../core/terraform-json";
import type * as nomad from "../../nomad/generated/job";
import { isToken } from "../../core/token";

/** What each way of tracing takes. */
export interface TracingOptions {
  /** `host:port` of the collector, as each node reaches it: an IPv4 address, or a name that the nodes resolve. */
  readonly address: string;
  /**
   * Share of the requests that begin a trace, from 0 to 100. A request that comes with a trace's headers keeps what was
   * decided where it began.
   *
   * @default 100
   */
  readonly samplePercent?: number;
}

/** Options of {@link Tracing.otlp}. */
export interface OtlpTracingOptions extends TracingOptions {
  /** `grpc` (usually port 4317) or `http` (usually port 4318), protobuf either way. @default "grpc" */
  readonly transport?: "grpc" | "http";
  /** Path of the collector, over http. @default "/v1/traces" */
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

/** How Envoy calls the collector among its clusters, and so in its metrics. */
const CLUSTER = "tracing_collector";

/**
 * Where the Envoys of a mesh send the spans of each HTTP or gRPC request. One request through two Envoys makes one trace; it
 * goes on through a service only if the service sends the headers on with its own requests: `traceparent` for OTLP, `b3` or
 * `x-b3-…` for Zipkin.
 *
 * An Envoy reads who collects only when it starts, so a change replaces the allocations of the mesh.
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
    if (typeof address !== "string" || !/^[^/\s]+:\d+$/.test(address)) {
      throw new RangeError(
        `${JSON.stringify(address)} is not the address of a collector. Use host:port, such as "10.0.0.7:4317".`,
      );
    }
    if (!isToken(samplePercent) && !(samplePercent >= 0 && samplePercent <= 100)) {
      throw new RangeError(`samplePercent is ${samplePercent}. Use a number from 0 to 100.`);
    }
  }

  /** Spans in OpenTelemetry's protocol. Each is of the service before which its Envoy stands. */
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
        // The configuration is the whole mesh's: what an Envoy's spans are of, its own environment says.
        resource_detectors: [{ name: detector, typed_config: { "@type": detectorType } }],
      },
    };
    return new Tracing(options, tracer, transport === "grpc", OTLP_SHAPE);
  }

  /** Spans in Zipkin's JSON, version 2, which many collectors take. */
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

  /** @internal Fields of proxy-defaults' Config. */
  renderProxyConfig(): Readonly<Record<string, string>> {
    // Who collects is for Envoy's start, and only what share of requests for its listeners: an Envoy that runs already does
    // without a collector that it has not heard of, where it would refuse a listener that names one.
    return {
      envoy_tracing_json: JSON.stringify({ http: this.tracer }),
      envoy_extra_static_clusters_json: JSON.stringify(this.renderCluster()),
      envoy_listener_tracing_json: jsonText({
        "@type":
          "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.Tracing",
        random_sampling: { value: this.options.samplePercent ?? 100 },
      }),
    };
  }

  /** @internal Names each Envoy's spans, and has Nomad replace it when who collects changes. */
  trace(job: nomad.Job): nomad.Job {
    const { envoy_tracing_json, envoy_extra_static_clusters_json } = this.renderProxyConfig();
    const start = envoy_tracing_json + envoy_extra_static_clusters_json;
    const fingerprint = createHash("sha256").update(start).digest("hex").slice(0, 8);
    return addToEnvoyTasks(job, (serviceName) => ({
      Meta: { envoy_tracing: fingerprint },
      Env: { OTEL_RESOURCE_ATTRIBUTES: `service.name=${serviceName},service.instance.id=\${NOMAD_ALLOC_ID}` },
    }));
  }

  private renderCluster(): unknown {
    const { address } = this.options;
    const colon = address.lastIndexOf(":");
    const [host, port] = [address.slice(0, colon), address.slice(colon + 1)];
    const http2 = {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config: { http2_protocol_options: {} },
      },
    };
    const socket = { socket_address: { address: host, port_value: Number(port) } };
    return {
      name: CLUSTER,
      type: isIP(host) === 0 ? "STRICT_DNS" : "STATIC",
      connect_timeout: "1s",
      typed_extension_protocol_options: this.isHttp2 ? http2 : undefined,
      load_assignment: { cluster_name: CLUSTER, endpoints: [{ lb_endpoints: [{ endpoint: { address: socket } }] }] },
    };
  }
}
