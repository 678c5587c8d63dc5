import { Fn, TerraformVariable } from "cdktf";
import {
  AccessLogs,
  ApiGatewayListener,
  Constraint,
  HealthCheck,
  IngressListener,
  Metrics,
  Protocol,
  ServiceMesh,
  Sidecar,
  Tracing,
  Workload,
  type ServiceMeshProps,
} from "../../constructs";
import { groupOf, serviceOf, taskOf } from "../support/job";
import { synthWithVariables, TestStack } from "../support/synth";

const values = { text: "a b", number: 7, list: ["x", "y"], map: { team: "blue", LEVEL: "9" } };

type Texts = Readonly<Record<string, string>>;

/** A mesh with values that only Terraform knows, and what becomes of it where Terraform fills them in. */
function synth(
  build: (mesh: ServiceMesh, known: ReturnType<typeof variables>) => void,
  props: (known: ReturnType<typeof variables>) => ServiceMeshProps = () => ({}),
) {
  const stack = new TestStack();
  const known = variables(stack);
  build(new ServiceMesh(stack, "mesh", props(known)), known);
  return synthWithVariables(stack, values);
}

function variables(stack: TestStack) {
  const variable = (name: string, type: string) => new TerraformVariable(stack, name, { type });
  const map = variable("map", "map(string)");
  return {
    text: variable("text", "string").stringValue,
    number: variable("number", "number").numberValue,
    list: variable("list", "list(string)").listValue,
    /** As Terraform's functions give it to their callers. */
    merged: Fn.merge([{ here: Fn.rawString("${NOMAD_DC}") }, map.value]) as Texts,
    /** As a resource's attribute or a variable gives it. */
    reference: map.value as Texts,
  };
}

const base = { port: 8080, protocol: Protocol.HTTP, workload: Workload.docker({ image: "a:1" }) };
const mergedMap = { here: "${NOMAD_DC}", team: "blue", LEVEL: "9" };

describe("a map that only Terraform knows", () => {
  test.each(["merged", "reference"] as const)("is merged into the environment of tasks and Envoys (%s)", (form) => {
    const { jobs } = synth(
      (mesh, known) => {
        const api = mesh.addService("api", base);
        const web = mesh.addService("web", {
          ...base,
          workload: Workload.docker({ image: "web:1", env: known[form] }),
          sidecar: Sidecar.docker({ env: known[form], meta: known[form] }),
        });
        web.connectTo(api, { env: "API", localBindPort: 9001 });
      },
      () => ({ tracing: Tracing.otlp({ address: "10.0.0.7:4317" }) }),
    );
    const expected = form === "merged" ? mergedMap : values.map;
    expect(taskOf(jobs.web).Env).toEqual({ API: "http://${NOMAD_UPSTREAM_ADDR_api}", ...expected });
    const task = serviceOf(jobs.web).Connect?.SidecarTask;
    expect(task?.Env).toEqual({
      OTEL_RESOURCE_ATTRIBUTES: "service.name=web,service.instance.id=${NOMAD_ALLOC_ID}",
      ...expected,
    });
    expect(task?.Meta).toEqual({ envoy_start: expect.stringMatching(/^\w{8}$/) as string, ...expected });
  });

  test("is merged into metadata, next to what metrics and versions add", () => {
    const { jobs, terraform } = synth(
      (mesh, { merged, reference }) => {
        const api = mesh.addService("api", {
          ...base,
          meta: merged,
          canaryMeta: reference,
          jobMeta: merged,
          groupMeta: reference,
          workload: Workload.docker({ image: "a:1", meta: merged }),
        });
        api.addVersion("v2", { workload: base.workload, meta: { rack: "1" } });
        const db = mesh.addExternalService("db", {
          address: "192.0.2.1",
          port: 5432,
          plaintext: "A test.",
          meta: merged,
        });
        mesh.addTerminatingGateway("egress").addService(db);
        mesh.addMeshGateway("mesh-gateway", { meta: merged });
      },
      () => ({ metrics: Metrics.prometheus() }),
    );
    const address = { envoy_metrics_address: "${NOMAD_HOST_ADDR_envoy_metrics}" };
    expect(serviceOf(jobs.api)).toMatchObject({
      Meta: { ...mergedMap, ...address },
      CanaryMeta: { ...values.map, ...address },
    });
    expect(jobs.api.Meta).toEqual(mergedMap);
    expect(groupOf(jobs.api).Meta).toEqual(values.map);
    expect(taskOf(jobs.api).Meta).toEqual(mergedMap);
    expect(serviceOf(jobs["api-v2"])).toMatchObject({
      Meta: { ...mergedMap, ...address, rack: "1", version: "v2" },
      CanaryMeta: { ...values.map, ...address, version: "v2" },
    });
    expect(serviceOf(jobs["mesh-gateway"]).Meta).toEqual({ ...mergedMap, ...address });
    expect(terraform.resource?.consul_service).toMatchObject({
      "external-db_db": { meta: '${merge({"here" = "$${NOMAD_DC}"}, var.map)}' },
    });
  });

  test("can be the configuration of a driver, a sidecar, artifacts, tags and headers", () => {
    const { jobs, entries } = synth(
      (mesh, { merged, reference }) => {
        const artifact = { source: "https://example.com/a", checksum: "md5:00", options: reference, headers: merged };
        const api = mesh.addService("api", {
          ...base,
          workload: Workload.docker({ image: "a:1", config: reference, artifacts: [artifact] }),
          sidecar: Sidecar.docker({ config: merged }),
          healthCheck: HealthCheck.http("/"),
          taggedAddresses: merged,
        });
        api.route({ requestHeaders: { set: merged }, responseHeaders: { add: reference } });
        const gateway = mesh.addIngressGateway("in", { listeners: [IngressListener.http({ port: 80 })] });
        gateway.connectTo(api, { requestHeaders: { set: reference } });
      },
      ({ merged }) => ({ metrics: Metrics.prometheus(), proxyDefaults: { Config: merged } }),
    );
    expect(taskOf(jobs.api)).toMatchObject({
      Config: { image: "a:1", ...values.map },
      Artifacts: [{ GetterOptions: { ...values.map, checksum: "md5:00" }, GetterHeaders: mergedMap }],
    });
    expect(serviceOf(jobs.api)).toMatchObject({ TaggedAddresses: mergedMap });
    expect(serviceOf(jobs.api).Connect?.SidecarService?.Proxy?.Config).toMatchObject(mergedMap);
    expect(entries["proxy-defaults/global"]).toMatchObject({
      Config: { envoy_prometheus_bind_addr: "0.0.0.0:9102", ...mergedMap },
    });
    expect(entries["service-router/api"]).toMatchObject({
      Routes: [{ Destination: { RequestHeaders: { Set: mergedMap }, ResponseHeaders: { Add: values.map } } }],
    });
    expect(entries["ingress-gateway/in"]).toMatchObject({
      Listeners: [{ Services: [{ RequestHeaders: { Set: values.map } }] }],
    });
  });
});

describe("a key that only Terraform knows", () => {
  test("is one of a map, alone and merged with others", () => {
    const { jobs } = synth((mesh, { text, merged }) => {
      const env = { [text]: "${NOMAD_DC}", [`p-${text}`]: text };
      mesh.addService("api", {
        ...base,
        meta: env,
        workload: Workload.docker({ image: "a:1", env, override: { Env: merged } }),
      });
    });
    const expected = { "a b": "${NOMAD_DC}", "p-a b": "a b" };
    expect(serviceOf(jobs.api).Meta).toEqual(expected);
    expect(taskOf(jobs.api).Env).toEqual({ ...expected, ...mergedMap });
  });
});

describe("a text, number or list that only Terraform knows", () => {
  test("is one of a job", () => {
    const { jobs } = synth(
      (mesh, { text, number, list }) => {
        mesh.addService("api", {
          ...base,
          count: number,
          priority: number,
          publish: number,
          tags: list,
          canaryTags: list,
          nomadDatacenters: list,
          weights: { passing: number },
          update: { maxParallel: number, canary: number },
          restart: { attempts: number },
          constraints: [Constraint.equals("${node.class}", text), Constraint.distinctProperty("${meta.rack}", number)],
          transparentProxy: { excludeInboundPorts: list, outboundPort: number },
          workload: Workload.docker({ image: text, args: list, resources: { cpuMhz: number }, user: text }),
          sidecar: Sidecar.docker({ concurrency: number, tags: list }),
        });
      },
      () => ({ metrics: Metrics.prometheus() }),
    );
    expect(jobs.api).toMatchObject({ Priority: 7, Datacenters: ["x", "y"] });
    expect(groupOf(jobs.api)).toMatchObject({
      Count: 7,
      Update: { MaxParallel: 7, Canary: 7 },
      Constraints: [{ RTarget: "a b" }, { RTarget: "7" }],
      Networks: [{ ReservedPorts: [{ Value: 7, To: 8080 }] }],
    });
    expect(taskOf(jobs.api)).toMatchObject({
      Config: { image: "a b", args: ["x", "y"] },
      Resources: { CPU: 7 },
      User: "a b",
    });
    expect(serviceOf(jobs.api)).toMatchObject({
      Tags: ["x", "y"],
      CanaryTags: ["x", "y"],
      Weights: { Passing: 7 },
      Connect: {
        SidecarTask: { Config: { args: expect.arrayContaining(["--concurrency", "7"]) as string[] } },
        SidecarService: {
          Tags: ["x", "y"],
          Proxy: { TransparentProxy: { ExcludeInboundPorts: ["x", "y", "9102"], OutboundPort: 7 } },
        },
      },
    });
  });

  test("is the port of a node, of which messages do not print the number", () => {
    const { jobs } = synth((mesh, { number }) => {
      mesh.addService("api", { ...base, publish: number });
      mesh.addService("web", { ...base, publish: number });
      mesh.addMeshGateway("mesh-gateway", { wanAddress: "192.0.2.1", wanPort: number });
    });
    expect(groupOf(jobs.api).Networks).toMatchObject([{ ReservedPorts: [{ Value: 7 }] }]);
    expect(serviceOf(jobs["mesh-gateway"]).TaggedAddresses).toEqual({ wan: "192.0.2.1:7" });
  });

  test("is one of traffic rules, limits and gateways", () => {
    const { entries, jobs } = synth(
      (mesh, { text, number, list }) => {
        const http = { ...base, protocol: Protocol.HTTP };
        const api = mesh.addService("api", http);
        const v2 = api.addVersion("v2", { workload: base.workload });
        api.canary(v2, { percent: number });
        mesh.addService("web", http).connectTo(api, { limits: { maxConnections: number } });
        const check = { maxFailures: number };
        const gateway = mesh.addApiGateway("gateway", {
          listeners: [ApiGatewayListener.http({ port: 80, hostname: text })],
          passiveHealthCheck: check,
        });
        gateway.connectTo(api, { hosts: [text], name: "one" });
        gateway.connectTo(api, { hosts: list, name: "many" });
        const ingress = mesh.addIngressGateway("ingress", { listeners: [IngressListener.http({ port: 81 })] });
        ingress.connectTo(api, { hosts: [text] });
      },
      ({ text, number }) => ({
        accessLogs: AccessLogs.stdout({ json: { site: text, at: "%START_TIME%" } }),
        tracing: Tracing.zipkin({ address: "10.0.0.7:9411", samplePercent: number }),
      }),
    );
    expect(entries["service-splitter/api"]).toMatchObject({ Splits: [{ Weight: 93 }, { Weight: 7 }] });
    expect(entries["service-defaults/web"]).toMatchObject({
      UpstreamConfig: { Overrides: [{ Limits: { MaxConnections: 7 } }] },
    });
    expect(entries["api-gateway/gateway"]).toMatchObject({ Listeners: [{ Hostname: "a b" }] });
    expect(entries["http-route/one"]).toMatchObject({ Hostnames: ["a b"] });
    expect(entries["http-route/many"]).toMatchObject({ Hostnames: ["x", "y"] });
    expect(entries["ingress-gateway/ingress"]).toMatchObject({ Listeners: [{ Services: [{ Hosts: ["a b"] }] }] });
    expect(entries["proxy-defaults/global"]).toMatchObject({
      AccessLogs: { JSONFormat: '{"site":"a b","at":"%START_TIME%"}' },
      Config: { envoy_listener_tracing_json: expect.stringContaining('"random_sampling":{"value":7}') as string },
    });
    const args = taskOf(jobs.gateway, "connect-proxy-gateway-envoy").Config?.args as string[];
    expect(args.at(-1)).toContain('"outlier_detection.consecutive_5xx":7');
  });
});
