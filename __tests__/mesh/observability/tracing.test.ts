import {
  ApiGatewayListener,
  Metrics,
  Protocol,
  Sidecar,
  Tracing,
  type consul,
  type ServiceMesh,
  type ServiceMeshProps,
} from "../../../constructs";
import { groupOf, only, serviceOf } from "../../support/job";
import { synthMesh } from "../../support/synth";
import { anyWorkload } from "../../support/workload";

function synth(props: ServiceMeshProps, sidecar?: Sidecar) {
  const service = { port: 8000, workload: anyWorkload, sidecar };
  const { jobs, entries } = synthMesh((mesh) => mesh.addService("api", service), props);
  const config = (entries["proxy-defaults/global"] as consul.ProxyConfigEntry).Config ?? {};
  const json = (name: string) => JSON.parse(config[`envoy_${name}_json`] as string) as Record<string, unknown>;
  return { task: serviceOf(jobs.api).Connect?.SidecarTask, config, json };
}

test("without tracing neither the entry nor the sidecar says anything", () => {
  const { config, task } = synth({});
  expect(config).toEqual({});
  expect(task).not.toHaveProperty("Config");
});

test("OTLP over gRPC goes to a collector that speaks HTTP/2", () => {
  const { json } = synth({ tracing: Tracing.otlp({ address: "10.0.0.7:4317" }) });
  expect(json("tracing")).toMatchObject({
    http: {
      name: "envoy.tracers.opentelemetry",
      typed_config: { grpc_service: { envoy_grpc: { cluster_name: "tracing_collector" } } },
    },
  });
  expect(json("extra_static_clusters")).toMatchObject({
    name: "tracing_collector",
    type: "STATIC",
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    load_assignment: {
      endpoints: [
        { lb_endpoints: [{ endpoint: { address: { socket_address: { address: "10.0.0.7", port_value: 4317 } } } }] },
      ],
    },
  });
});

test("OTLP over HTTP names the whole URL", () => {
  const tracing = Tracing.otlp({ address: "otel.example.com:4318", transport: "http", path: "/in" });
  const { json } = synth({ tracing });
  expect(json("tracing")).toMatchObject({
    http: { typed_config: { http_service: { http_uri: { uri: "http://otel.example.com:4318/in" } } } },
  });
  expect(json("extra_static_clusters")).toMatchObject({ type: "STRICT_DNS" });
  expect(json("extra_static_clusters")).not.toHaveProperty("typed_extension_protocol_options");
});

test("Zipkin has its path", () => {
  const paths = [Tracing.zipkin({ address: "10.0.0.7:9411" }), Tracing.zipkin({ address: "10.0.0.7:9411", path: "/z" })]
    .map((tracing) => synth({ tracing }).json("tracing") as { http: { typed_config: { collector_endpoint: string } } })
    .map(({ http }) => http.typed_config.collector_endpoint);
  expect(paths).toEqual(["/api/v2/spans", "/z"]);
});

test("all requests are traced, or a share of them", () => {
  const sampling = (samplePercent?: number) =>
    synth({ tracing: Tracing.zipkin({ address: "10.0.0.7:9411", samplePercent }) }).json("listener_tracing");
  expect(sampling()).toMatchObject({ random_sampling: { value: 100 } });
  expect(sampling(0.5)).toMatchObject({ random_sampling: { value: 0.5 } });
});

test("fails if the address has no port, or the share is none", () => {
  expect(() => Tracing.otlp({ address: "collector" })).toThrow(
    '"collector" is not the address of a collector. Use host:port, such as "10.0.0.7:4317".',
  );
  expect(() => Tracing.zipkin({ address: "a:1", samplePercent: 101 })).toThrow(
    "samplePercent is 101. Use a number from 0 to 100.",
  );
});

test("each sidecar says whose spans it sends, unless its author does", () => {
  const tracing = Tracing.otlp({ address: "10.0.0.7:4317" });
  expect(synth({ tracing }).task).toMatchObject({
    Env: { OTEL_RESOURCE_ATTRIBUTES: "service.name=api,service.instance.id=${NOMAD_ALLOC_ID}" },
  });
  const sidecar = Sidecar.exec({ env: { OTEL_RESOURCE_ATTRIBUTES: "service.name=mine", A: "b" } });
  expect(synth({ tracing }, sidecar).task).toMatchObject({
    Driver: "raw_exec",
    Env: { OTEL_RESOURCE_ATTRIBUTES: "service.name=mine", A: "b" },
  });
});

test.each([
  ["mesh", (mesh: ServiceMesh) => mesh.addMeshGateway("way", { port: 8443 })],
  [
    "api",
    (mesh: ServiceMesh) => {
      const gateway = mesh.addApiGateway("way", { listeners: [ApiGatewayListener.http({ port: 8080 })] });
      gateway.connectTo(mesh.addService("api", { port: 8000, protocol: Protocol.HTTP, workload: anyWorkload }));
    },
  ],
] as const)("a gateway says whose spans it sends too, in the task that is its own: %s", (_, build) => {
  const { jobs } = synthMesh(build, { tracing: Tracing.otlp({ address: "10.0.0.7:4317" }) });
  const { Tasks: tasks } = groupOf(jobs.way);
  expect(only(tasks).Env).toEqual({
    OTEL_RESOURCE_ATTRIBUTES: "service.name=way,service.instance.id=${NOMAD_ALLOC_ID}",
  });
  for (const { Connect } of groupOf(jobs.way).Services ?? []) {
    expect(Connect?.SidecarTask).toBeUndefined();
  }
});

test("another collector replaces each Envoy, since it reads that at its start; another share does not", () => {
  const marks = [
    Tracing.otlp({ address: "10.0.0.7:4317" }),
    Tracing.otlp({ address: "10.0.0.7:4317", samplePercent: 5 }),
    Tracing.otlp({ address: "10.0.0.8:4317" }),
  ].map((tracing) => synth({ tracing }).task?.Meta?.envoy_start);
  expect(marks[0]).toMatch(/^[0-9a-f]{8}$/);
  expect(marks[1]).toBe(marks[0]);
  expect(marks[2]).not.toBe(marks[0]);
});

test("clusters and settings of the author's own stay, next to the metrics", () => {
  const own = { envoy_extra_static_clusters_json: '{"name":"own"}', protocol: "http" };
  const { config } = synth({
    metrics: Metrics.prometheus(),
    tracing: Tracing.zipkin({ address: "10.0.0.7:9411" }),
    proxyDefaults: { Config: own },
  });
  expect(config).toMatchObject({ protocol: "http", envoy_prometheus_bind_addr: "0.0.0.0:9102" });
  const clusters = JSON.parse(`[${config.envoy_extra_static_clusters_json as string}]`) as { name: string }[];
  expect(clusters.map(({ name }) => name)).toEqual(["own", "tracing_collector"]);
});

test("fails if somebody else owns proxy-defaults", () => {
  expect(() => synth({ tracing: Tracing.zipkin({ address: "a:1" }), proxyDefaults: false })).toThrow(
    "stack/mesh: Tracing is configured in proxy-defaults, which another stack or team owns. Set it in that entry, or omit proxyDefaults: false.",
  );
});

test("a job is written after proxy-defaults, which its Envoy reads at its start", () => {
  const { terraform } = synthMesh((mesh) => mesh.addService("api", { port: 8000, workload: anyWorkload }));
  const [job] = Object.values(terraform.resource?.nomad_job ?? {});
  const entries = Object.entries(terraform.resource?.consul_config_entry ?? {});
  const proxyDefaults = entries.find(([, { kind }]) => kind === "proxy-defaults")?.[0];
  expect(job.depends_on).toContain(`consul_config_entry.${proxyDefaults ?? ""}`);
});
