import { TerraformVariable } from "cdktf";
import { Duration, Metrics, Protocol, ServiceMesh, Sidecar, Workload, type ServiceMeshProps } from "../../constructs";
import { taskOf } from "../support/job";
import { findingsOf, synthMesh, synthStack, synthWithVariables, TestStack } from "../support/synth";

const base = { port: 8080, protocol: Protocol.HTTP };
const plain = { ...base, workload: Workload.docker({ image: "a:1" }) };

function findings(build: (mesh: ServiceMesh) => void, props?: ServiceMeshProps) {
  const stack = new TestStack();
  build(new ServiceMesh(stack, "mesh", props));
  return findingsOf(() => synthStack(stack));
}

describe("a variable of a connection and of a task", () => {
  const withEnv = (env: Readonly<Record<string, string>>) => Workload.docker({ image: "web:1", env });

  test.each(["web", "logs"])("is refused where they contradict each other in the task %s", (task) => {
    expect(
      findings((mesh) => {
        const api = mesh.addService("api", plain);
        const clashing = withEnv({ API: "http://10.0.0.1" });
        const web = mesh.addService("web", {
          ...base,
          workload: task === "web" ? clashing : plain.workload,
          tasks: task === "logs" ? { logs: clashing } : {},
        });
        web.connectTo(api, { env: "API" });
      }),
    ).toEqual([
      `stack/mesh/web: The variable API of the task ${task} is "http://10.0.0.1" in its env, but "http://\${NOMAD_UPSTREAM_ADDR_api}" in the env of a connection. Remove it from one of the two, or rename it. (not-rendered)`,
    ]);
  });

  test("is refused for a version too, whose connection comes from its service later", () => {
    expect(
      findings((mesh) => {
        const [api, web] = [mesh.addService("api", plain), mesh.addService("web", plain)];
        web.addVersion("v2", { workload: withEnv({ API: "x" }) });
        web.connectTo(api, { env: "API" });
      }),
    ).toEqual([expect.stringContaining("stack/mesh/web/v2: The variable API of the task web")]);
  });

  test("may say the same, and a map that only Terraform knows goes before the connection", () => {
    const stack = new TestStack();
    const mesh = new ServiceMesh(stack, "mesh");
    const map = new TerraformVariable(stack, "map", { type: "map(string)" }).value as Readonly<Record<string, string>>;
    const api = mesh.addService("api", plain);
    const same = mesh.addService("same", { ...base, workload: withEnv({ API: "http://${NOMAD_UPSTREAM_ADDR_api}" }) });
    const token = mesh.addService("token", { ...base, workload: withEnv(map) });
    for (const service of [same, token]) {
      service.connectTo(api, { env: "API" });
    }
    const { jobs } = synthWithVariables(stack, { map: { API: "y" } });
    expect(taskOf(jobs.same).Env).toEqual({ API: "http://${NOMAD_UPSTREAM_ADDR_api}" });
    expect(taskOf(jobs.token).Env).toEqual({ API: "y" });
  });
});

test("metadata of a service does not contradict what the mesh's metrics set", () => {
  expect(
    findings((mesh) => mesh.addService("api", { ...plain, meta: { envoy_metrics_address: "10.0.0.1:9102" } }), {
      metrics: Metrics.prometheus(),
    }),
  ).toEqual([
    'stack/mesh/api: The metadata envoy_metrics_address of the service api is "10.0.0.1:9102", but the metrics of the mesh set it too. Remove it, or disable the metrics of the mesh. (not-rendered)',
  ]);
});

test.each([
  [
    { workload: Workload.docker({ image: "a:1", config: { image: "b:1" } }) },
    'workload.config.image is "b:1"; it cannot be set with the property image. Omit one of the two.',
  ],
  [
    { sidecar: Sidecar.exec({ command: "envoy", driverConfig: { command: "/bin/envoy" } }) },
    'sidecar.driverConfig.command is "/bin/envoy"; it cannot be set with the property command. Omit one of the two.',
  ],
  [
    {
      workload: Workload.docker({
        image: "a:1",
        artifacts: [{ source: "a", checksum: "md5:1", options: { checksum: "md5:2" } }],
      }),
    },
    'workload.artifacts[0].options is {"checksum":"md5:2"}; it must not contain a checksum. Use the property checksum.',
  ],
])("a field of an opaque configuration does not repeat a property: %j", (props, message) => {
  expect(() => synthMesh((mesh) => mesh.addService("api", { ...plain, ...props }))).toThrow(
    `stack/mesh/api: ${message}`,
  );
});

test("statements about one source have all their descriptions, in whatever order they were made", () => {
  const descriptions = ["Pages are made of it.", "Asked for by sales."];
  for (const order of [descriptions, [...descriptions].reverse()]) {
    const { entries } = synthMesh((mesh) => {
      const [api, web] = [mesh.addService("api", plain), mesh.addService("web", plain)];
      web.connectTo(api, { description: order[0] });
      api.allowFrom(web, { description: order[1] });
    });
    expect(entries["service-intentions/api"]).toMatchObject({
      Sources: [{ Name: "web", Description: "Asked for by sales. Pages are made of it." }],
    });
  }
});

test("one length of time in two ways is no contradiction", () => {
  const connect =
    (...timeouts: (Duration | string)[]) =>
    () =>
      synthMesh((mesh) => {
        const [api, web] = [mesh.addService("api", plain), mesh.addService("web", plain)];
        for (const connectTimeout of timeouts) {
          web.connectTo(api, { connectTimeout, passiveHealthCheck: { interval: connectTimeout } });
        }
      });
  expect(connect(Duration.minutes(1), "1m", "60s")).not.toThrow();
  expect(connect(Duration.minutes(1), "2m")).toThrow('has both the connectTimeout "1m0s" and "2m".');
});
