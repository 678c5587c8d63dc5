import {
  ApiGatewayListener,
  Metrics,
  Port,
  Protocol,
  Sidecar,
  type consul,
  type ServiceMesh,
  type ServiceMeshProps,
} from "../../../constructs";
import { exposeEnvoyMetrics, PROMETHEUS_LISTENER } from "../../../constructs/nomad/envoy-metrics";
import { groupOf, only, serviceOf } from "../../support/job";
import { synthMesh } from "../../support/synth";
import { anyWorkload } from "../../support/workload";

const props = { metrics: Metrics.prometheus() };

function jobOf(build: (mesh: ServiceMesh) => void, meshProps: ServiceMeshProps = props) {
  return synthMesh(build, meshProps).jobs.api;
}

/** The port of each Envoy of a group: label, port on the inside, network of the node. */
function portsOf(job: ReturnType<typeof jobOf>) {
  return only(groupOf(job).Networks).DynamicPorts;
}

function bindAddressOf(job: ReturnType<typeof jobOf>) {
  return serviceOf(job).Connect?.SidecarService?.Proxy?.Config?.envoy_prometheus_bind_addr;
}

test("without metrics nothing is opened", () => {
  const { jobs, entries } = synthMesh((mesh) => mesh.addService("api", { port: 8000, workload: anyWorkload }));
  expect(portsOf(jobs.api)).toBeUndefined();
  expect(entries["proxy-defaults/global"]).not.toHaveProperty("Config");
});

test("proxy-defaults tell each Envoy to answer Prometheus, and each job maps that port to one of its node", () => {
  const { jobs, entries } = synthMesh((mesh) => mesh.addService("api", { port: 8000, workload: anyWorkload }), props);
  expect(entries["proxy-defaults/global"]).toMatchObject({ Config: { envoy_prometheus_bind_addr: "0.0.0.0:9102" } });
  expect(portsOf(jobs.api)).toEqual([{ Label: "envoy_metrics", To: 9102 }]);
  expect(bindAddressOf(jobs.api)).toBeUndefined();
});

test("the address is in the service's metadata, also in a canary's, and in addition to its own", () => {
  const job = jobOf((mesh) =>
    mesh.addService("api", { port: 8000, workload: anyWorkload, meta: { version: "1" }, canaryMeta: { version: "2" } }),
  );
  const address = { envoy_metrics_address: "${NOMAD_HOST_ADDR_envoy_metrics}" };
  expect(serviceOf(job)).toMatchObject({
    Meta: { version: "1", ...address },
    CanaryMeta: { version: "2", ...address },
  });
});

test("port and network can be chosen", () => {
  const { jobs, entries } = synthMesh((mesh) => mesh.addService("api", { port: 8000, workload: anyWorkload }), {
    metrics: Metrics.prometheus({ port: 9200, hostNetwork: "private" }),
  });
  expect(portsOf(jobs.api)).toEqual([{ Label: "envoy_metrics", To: 9200, HostNetwork: "private" }]);
  expect(entries["proxy-defaults/global"]).toMatchObject({
    Config: { envoy_prometheus_bind_addr: "0.0.0.0:9200" },
  });
});

test.each([
  ["the service itself", { port: 9102 }],
  ["an exposed path", { port: 8000, expose: [{ path: "/stats", portLabel: "stats", localPort: 9102 }] }],
])("a port that is taken by %s is left to it", (_, { port, ...more }) => {
  const job = jobOf((mesh) => mesh.addService("api", { port, workload: anyWorkload, ...more }));
  expect(portsOf(job)).toContainEqual({ Label: "envoy_metrics", To: 9103 });
  expect(bindAddressOf(job)).toBe("0.0.0.0:9103");
});

test("a port that is taken by an upstream is left to it", () => {
  const job = jobOf((mesh) => {
    const orders = mesh.addService("orders", { port: 8000, workload: anyWorkload });
    mesh.addService("api", { port: 8000, workload: anyWorkload }).connectTo(orders, { localBindPort: 9102 });
  });
  expect(bindAddressOf(job)).toBe("0.0.0.0:9103");
});

test("two Envoys that share a group have a port each", () => {
  const second = { Name: "admin", PortLabel: "8001", Connect: { SidecarService: {} } };
  const own = { Name: "api", PortLabel: "8000", Connect: { SidecarService: {} } };
  const job = jobOf((mesh) =>
    mesh.addService("api", {
      port: 8000,
      workload: anyWorkload,
      override: { group: { Services: [own, { Name: "plain", PortLabel: "8002" }, second] } },
    }),
  );
  expect(portsOf(job)).toEqual([
    { Label: "envoy_metrics", To: 9102 },
    { Label: "envoy_metrics_2", To: 9103 },
  ]);
  expect(groupOf(job).Services).toMatchObject([
    {
      ...own,
      Meta: { envoy_metrics_address: "${NOMAD_HOST_ADDR_envoy_metrics}" },
      Connect: { SidecarService: { Proxy: {} } },
    },
    { Name: "plain", PortLabel: "8002" },
    {
      ...second,
      Meta: { envoy_metrics_address: "${NOMAD_HOST_ADDR_envoy_metrics_2}" },
      Connect: { SidecarService: { Proxy: { Config: { envoy_prometheus_bind_addr: "0.0.0.0:9103" } } } },
    },
  ]);
});

test("an address that the author has set is the one that is mapped", () => {
  const sidecar = Sidecar.docker({ config: { envoy_prometheus_bind_addr: "0.0.0.0:9300" } });
  const job = jobOf((mesh) => mesh.addService("api", { port: 8000, workload: anyWorkload, sidecar }));
  expect(portsOf(job)).toEqual([{ Label: "envoy_metrics", To: 9300 }]);
  expect(bindAddressOf(job)).toBe("0.0.0.0:9300");
});

test("an address that only Nomad knows is left to its author", () => {
  const sidecar = Sidecar.docker({ config: { envoy_prometheus_bind_addr: "0.0.0.0:${NOMAD_PORT_stats}" } });
  const ports = { stats: Port.dynamic() };
  const job = jobOf((mesh) => mesh.addService("api", { port: 8000, workload: anyWorkload, sidecar, ports }));
  expect(portsOf(job)).toEqual([{ Label: "stats" }]);
  expect(serviceOf(job).Meta).toBeUndefined();
});

test("where somebody else owns proxy-defaults, or has another address there, each sidecar says it itself", () => {
  for (const proxyDefaults of [false, { Config: { envoy_prometheus_bind_addr: "127.0.0.1:9102" } }] as const) {
    const job = jobOf((mesh) => mesh.addService("api", { port: 8000, workload: anyWorkload }), {
      ...props,
      proxyDefaults,
    });
    expect(bindAddressOf(job)).toBe("0.0.0.0:9102");
  }
});

test("a scrape passes a transparent proxy by", () => {
  const job = jobOf((mesh) =>
    mesh.addService("api", { port: 8000, workload: anyWorkload, transparentProxy: { excludeInboundPorts: ["22"] } }),
  );
  expect(serviceOf(job).Connect?.SidecarService?.Proxy?.TransparentProxy?.ExcludeInboundPorts).toEqual(["22", "9102"]);
});

test("a service that is its own proxy has no Envoy to ask", () => {
  const job = jobOf((mesh) => mesh.addService("api", { port: 8000, workload: anyWorkload, connectNative: true }));
  expect(portsOf(job)).toBeUndefined();
});

describe("a gateway", () => {
  const options = { listener: PROMETHEUS_LISTENER, port: 9102, byProxyDefaults: true };
  const gateway = { Name: "ingress", PortLabel: "8080", Connect: { Gateway: { Proxy: { Config: { a: "b" } } } } };

  test("of the mesh has a port, and says where", () => {
    const { jobs } = synthMesh((mesh) => mesh.addMeshGateway("way", { port: 8443 }), props);
    expect(only(groupOf(jobs.way).Networks).DynamicPorts).toEqual([{ Label: "envoy_metrics", To: 9102 }]);
    expect(serviceOf(jobs.way).Meta).toEqual({ envoy_metrics_address: "${NOMAD_HOST_ADDR_envoy_metrics}" });
  });

  test("to those outside says where itself, and not the service that brings its configuration", () => {
    const { jobs } = synthMesh((mesh) => {
      const gateway = mesh.addApiGateway("gate", { listeners: [ApiGatewayListener.http({ port: 8080 })] });
      gateway.connectTo(mesh.addService("api", { port: 8000, protocol: Protocol.HTTP, workload: anyWorkload }));
    }, props);
    const [gateway, proxyService] = groupOf(jobs.gate).Services ?? [];
    expect(gateway.Meta).toEqual({ envoy_metrics_address: "${NOMAD_HOST_ADDR_envoy_metrics}" });
    expect(proxyService).not.toHaveProperty("Meta");
    expect(only(groupOf(jobs.gate).Networks).DynamicPorts).toContainEqual({ Label: "envoy_metrics", To: 9102 });
  });

  test("in a network of its own is mapped like a sidecar", () => {
    const job = exposeEnvoyMetrics({ TaskGroups: [{ Networks: [{ Mode: "bridge" }], Services: [gateway] }] }, options);
    expect(only(groupOf(job).Networks).DynamicPorts).toEqual([{ Label: "envoy_metrics", To: 9102 }]);
    expect(serviceOf(job).Connect).toEqual(gateway.Connect);
  });

  test("in the node's network binds the very port that Nomad gives it", () => {
    const job = exposeEnvoyMetrics({ TaskGroups: [{ Networks: [{ Mode: "host" }], Services: [gateway] }] }, options);
    expect(only(groupOf(job).Networks).DynamicPorts).toEqual([{ Label: "envoy_metrics" }]);
    expect(serviceOf(job).Connect?.Gateway?.Proxy?.Config).toEqual({
      a: "b",
      envoy_prometheus_bind_addr: "0.0.0.0:${NOMAD_HOST_PORT_envoy_metrics}",
    });
  });
});

describe("metrics in Envoy's own formats", () => {
  test("have a port and metadata of their own, next to those for Prometheus", () => {
    const { jobs, entries } = synthMesh((mesh) => mesh.addService("api", { port: 8000, workload: anyWorkload }), {
      metrics: [Metrics.prometheus(), Metrics.stats({ hostNetwork: "private" })],
    });
    expect(portsOf(jobs.api)).toEqual([
      { Label: "envoy_metrics", To: 9102 },
      { Label: "envoy_stats", To: 9202, HostNetwork: "private" },
    ]);
    expect(serviceOf(jobs.api).Meta).toEqual({
      envoy_metrics_address: "${NOMAD_HOST_ADDR_envoy_metrics}",
      envoy_stats_address: "${NOMAD_HOST_ADDR_envoy_stats}",
    });
    expect(entries["proxy-defaults/global"]).toMatchObject({
      Config: { envoy_prometheus_bind_addr: "0.0.0.0:9102", envoy_stats_bind_addr: "0.0.0.0:9202" },
    });
  });

  test("leave the port to the metrics for Prometheus, if both have the same", () => {
    const job = jobOf((mesh) => mesh.addService("api", { port: 8000, workload: anyWorkload }), {
      metrics: [Metrics.prometheus(), Metrics.stats({ port: 9102 })],
    });
    expect(portsOf(job)).toContainEqual({ Label: "envoy_stats", To: 9103 });
  });
});

describe("metrics that Envoys send", () => {
  const configOf = (metrics: Metrics | readonly Metrics[]) =>
    (
      synthMesh((mesh) => mesh.addService("api", { port: 8000, workload: anyWorkload }), { metrics }).entries[
        "proxy-defaults/global"
      ] as consul.ProxyConfigEntry
    ).Config;

  test("go to a StatsD and to a DogStatsD agent, at an interval", () => {
    expect(
      configOf([
        Metrics.statsd({ address: "10.0.0.7:8125" }),
        Metrics.dogstatsd({ address: "[2001:db8::1]:8126", flushInterval: "2s" }),
      ]),
    ).toEqual({
      envoy_statsd_url: "udp://10.0.0.7:8125",
      envoy_dogstatsd_url: "udp://[2001:db8::1]:8126",
      envoy_stats_flush_interval: "2s",
    });
  });

  test("open no port, and replace the Envoys if they change", () => {
    const jobFor = (address: string) =>
      jobOf((mesh) => mesh.addService("api", { port: 8000, workload: anyWorkload }), {
        metrics: Metrics.statsd({ address }),
      });
    const start = (job: ReturnType<typeof jobOf>) => serviceOf(job).Connect?.SidecarTask?.Meta?.envoy_start;
    expect(portsOf(jobFor("10.0.0.7:8125"))).toBeUndefined();
    expect(start(jobFor("10.0.0.7:8125"))).not.toBe(start(jobFor("10.0.0.8:8125")));
  });

  test.each([
    [
      "agent.example:8125",
      '"agent.example:8125" is not the address of an agent. Use an IP address and a port, such as "10.0.0.7:8125": Envoy looks up no name for it.',
    ],
    [
      "10.0.0.7",
      '"10.0.0.7" is not the address of an agent. Use an IP address and a port, such as "10.0.0.7:8125": Envoy looks up no name for it.',
    ],
    [
      "127.0.0.1:8125",
      '"127.0.0.1:8125" is on the loopback interface, of which each allocation has its own. Use an address of the node that runs the agent.',
    ],
  ])("fails if the address is %s", (address, message) => {
    expect(() => Metrics.statsd({ address })).toThrow(message);
    expect(() => Metrics.dogstatsd({ address })).toThrow(message);
  });

  test("fails if another team owns proxy-defaults, where they are configured", () => {
    const metrics = [Metrics.prometheus(), Metrics.statsd({ address: "10.0.0.7:8125" })];
    expect(() => synthMesh(() => undefined, { metrics, proxyDefaults: false })).toThrow(
      "Metrics that Envoys send are configured in proxy-defaults, which another stack or team owns. Set it in that entry, or omit proxyDefaults: false.",
    );
  });
});
