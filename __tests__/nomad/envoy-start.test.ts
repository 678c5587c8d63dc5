import { TerraformVariable } from "cdktf";
import {
  ApiGatewayListener,
  ConsulConfigEntry,
  ServiceMesh,
  Sidecar,
  type consul,
  type nomad,
  type ServiceMeshProps,
} from "../../constructs";
import { synthMesh, synthStack, synthWithVariables, TestStack } from "../support/synth";
import { anyWorkload } from "../support/workload";

type Config = Readonly<Record<string, unknown>>;

/** The metadata by which Nomad replaces the Envoy of the only service. */
function startOf(config: Config | undefined, props?: ServiceMeshProps): string | undefined {
  const { jobs } = synthMesh(
    (mesh) => mesh.addService("api", { port: 9001, workload: anyWorkload, sidecar: Sidecar.exec({ config }) }),
    props,
  );
  return ofSidecar(jobs.api);
}

const ofSidecar = ({ TaskGroups }: nomad.Job) => TaskGroups?.[0].Services?.[0].Connect?.SidecarTask?.Meta?.envoy_start;

describe("what Envoy reads only when it starts", () => {
  test.each<[string, unknown]>([
    ["envoy_bootstrap_json_tpl", "{}"],
    ["envoy_dogstatsd_url", "udp://10.0.0.7:8125"],
    ["envoy_extra_static_clusters_json", "{}"],
    ["envoy_extra_static_listeners_json", "{}"],
    ["envoy_extra_stats_sinks_json", "{}"],
    ["envoy_prometheus_bind_addr", "0.0.0.0:9102"],
    ["envoy_stats_bind_addr", "0.0.0.0:9103"],
    ["envoy_stats_config_json", "{}"],
    ["envoy_stats_flush_interval", "7s"],
    ["envoy_stats_tags", ["team=shop"]],
    ["envoy_statsd_url", "udp://10.0.0.7:8125"],
    ["envoy_telemetry_collector_bind_socket_dir", "/tmp"],
    ["envoy_tracing_json", "{}"],
  ])("replaces it: %s", (name, value) => {
    const start = startOf({ [name]: value });
    expect(start).toMatch(/^\w{8}$/);
    expect(startOf({ [name]: value, local_connect_timeout_ms: 2000 })).toBe(start);
    expect(startOf({ [name]: Array.isArray(value) ? ["team=other"] : `${String(value)} ` })).not.toBe(start);
  });

  test("has no effect if no such option is set", () => {
    expect(startOf(undefined)).toBeUndefined();
    expect(startOf({ local_connect_timeout_ms: 2000, protocol: "http" })).toBeUndefined();
  });

  test("is also what proxy-defaults have, of whatever owner, and does not depend on the order", () => {
    const ofMesh = { Config: { envoy_stats_flush_interval: "7s", envoy_statsd_url: "udp://10.0.0.7:8125" } };
    const start = startOf(undefined, { proxyDefaults: ofMesh });
    expect(start).toBe(startOf({ envoy_statsd_url: "udp://10.0.0.7:8125", envoy_stats_flush_interval: "7s" }));
    expect(startOf({ envoy_stats_flush_interval: "8s" }, { proxyDefaults: ofMesh })).not.toBe(start);
    const stack = new TestStack();
    const mesh = new ServiceMesh(stack, "mesh", { proxyDefaults: false });
    mesh.addService("api", { port: 9001, workload: anyWorkload });
    new ConsulConfigEntry<consul.ProxyConfigEntry>(stack, "defaults", {
      ...{ kind: "proxy-defaults", name: "global", entry: () => ofMesh },
    });
    expect(ofSidecar(synthStack(stack).jobs.api)).toBe(start);
  });

  test("replaces the Envoys of gateways too", () => {
    const task = (flush: string) => {
      const { jobs } = synthMesh(
        (mesh) => {
          mesh
            .addApiGateway("gateway", { listeners: [ApiGatewayListener.tcp({ port: 9000 })] })
            .connectTo(mesh.addService("api", { port: 9001, workload: anyWorkload }));
          mesh.addMeshGateway("mesh-gateway");
        },
        { proxyDefaults: { Config: { envoy_stats_flush_interval: flush } } },
      );
      return ["gateway", "mesh-gateway"].map((name) => JSON.stringify(jobs[name]).match(/"envoy_start":"\w{8}"/)?.[0]);
    };
    expect(task("7s")).toEqual([expect.any(String), expect.any(String)]);
    expect(task("7s")[0]).not.toBe(task("8s")[0]);
  });

  test("is compared by Terraform where only Terraform knows it", () => {
    const ofUrl = (url: string) => {
      const stack = new TestStack();
      const variable = new TerraformVariable(stack, "url", { type: "string" });
      const config = { envoy_statsd_url: variable.stringValue };
      const mesh = new ServiceMesh(stack, "mesh");
      mesh.addService("api", { port: 9001, workload: anyWorkload, sidecar: Sidecar.exec({ config }) });
      return ofSidecar(synthWithVariables(stack, { url }).jobs.api);
    };
    expect(ofUrl("udp://10.0.0.7:8125")).toMatch(/^[0-9a-f]{64}$/);
    expect(ofUrl("udp://10.0.0.7:8125")).not.toBe(ofUrl("udp://10.0.0.8:8125"));
  });
});
