import {
  HttpPermission,
  MeshGatewayMode,
  MeshService,
  Protocol,
  ServiceMesh,
  Workload,
  type ConnectOptions,
  type consul,
  type nomad,
} from "../../constructs";
import { serviceOf, taskOf } from "../support/job";
import { synthApp, synthMesh, synthStack, TestStack } from "../support/synth";
import { anyWorkload } from "../support/workload";
import { testApp } from "../support/test-app";

const api = { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload };
const dashboard = { port: 9002, publish: 9002, workload: anyWorkload };

const upstreamsOf = (job: nomad.Job) => serviceOf(job).Connect?.SidecarService?.Proxy?.Upstreams;

describe("connectTo", () => {
  test("makes the upstream, the variable and the intention from one sentence", () => {
    const { jobs, entries } = synthMesh((mesh) => {
      const target = mesh.addService("count-api", api);
      mesh
        .addService("count-dashboard", dashboard)
        .connectTo(target, { localBindPort: 8080, env: "COUNTING_SERVICE_URL" });
    });
    expect(upstreamsOf(jobs["count-dashboard"])).toEqual([{ DestinationName: "count-api", LocalBindPort: 8080 }]);
    expect(taskOf(jobs["count-dashboard"]).Env).toEqual({
      COUNTING_SERVICE_URL: "http://${NOMAD_UPSTREAM_ADDR_count_api}",
    });
    expect(entries["service-intentions/count-api"]).toEqual({
      Kind: "service-intentions",
      Name: "count-api",
      Sources: [{ Name: "count-dashboard", Action: "allow", Precedence: 9, Type: "consul" }],
    });
  });

  test("takes a name, also of a service that is added later", () => {
    const { jobs, entries } = synthMesh((mesh) => {
      mesh.addService("web", dashboard).connectTo("api", { env: "API_URL" });
      mesh.addService("api", api);
    });
    expect(taskOf(jobs.web).Env).toEqual({ API_URL: "http://${NOMAD_UPSTREAM_ADDR_api}" });
    expect(entries).toHaveProperty("service-intentions/api");
  });

  test("names a tcp destination by address and port, an http one by URL", () => {
    const { jobs } = synthMesh((mesh) => {
      const web = mesh.addService("web", dashboard);
      web.connectTo(mesh.addService("db", { ...api, protocol: Protocol.TCP }), { env: "DB" });
      web.connectTo(mesh.addService("grpc", { ...api, protocol: Protocol.GRPC }), { env: "GRPC" });
      web.connectTo(mesh.addService("http2", { ...api, protocol: Protocol.HTTP2 }), { env: "HTTP2" });
    });
    expect(taskOf(jobs.web).Env).toEqual({
      DB: "${NOMAD_UPSTREAM_ADDR_db}",
      GRPC: "${NOMAD_UPSTREAM_ADDR_grpc}",
      HTTP2: "http://${NOMAD_UPSTREAM_ADDR_http2}",
    });
  });

  test("leaves to a task's override what it sets itself, next to the task's own env", () => {
    const { jobs } = synthMesh((mesh) => {
      const workload = Workload.docker({ image: "x", env: { A: "b" }, override: { Env: { API: "elsewhere" } } });
      mesh.addService("web", { ...dashboard, workload }).connectTo(mesh.addService("api", api), { env: "API" });
    });
    expect(taskOf(jobs.web).Env).toEqual({ API: "elsewhere", A: "b" });
  });

  test("renders each option of the upstream", () => {
    const { jobs } = synthMesh((mesh) => {
      mesh.addService("web", dashboard).connectTo(mesh.addService("api", api), {
        localBindPort: 8080,
        localBindAddress: "127.0.0.9",
        datacenter: "dc2",
        peer: "partner",
        meshGateway: MeshGatewayMode.LOCAL,
        config: { connect_timeout_ms: 500 },
        override: { DestinationNamespace: "other" },
      });
    });
    expect(upstreamsOf(jobs.web)).toEqual([
      {
        DestinationName: "api",
        DestinationPeer: "partner",
        Datacenter: "dc2",
        LocalBindAddress: "127.0.0.9",
        LocalBindPort: 8080,
        MeshGateway: { Mode: "local" },
        Config: { connect_timeout_ms: 500 },
        DestinationNamespace: "other",
      },
    ]);
  });

  test("listens on a Unix socket, whose path tasks get", () => {
    const { jobs } = synthMesh((mesh) => {
      const server = mesh.addService("api", api);
      const web = mesh.addService("web", dashboard);
      web.connectTo(server, { localBindSocketPath: "alloc/tmp/api.sock", localBindSocketMode: "0666", env: "API" });
      // Options of the same upstream.
      web.addUpstream(server, { connectTimeout: "1s" });
    });
    expect(upstreamsOf(jobs.web)).toEqual([
      { DestinationName: "api", LocalBindSocketPath: "alloc/tmp/api.sock", LocalBindSocketMode: "0666" },
    ]);
    expect(taskOf(jobs.web).Env).toEqual({ API: "${NOMAD_ALLOC_DIR}/tmp/api.sock" });
  });

  test("leads to a prepared query, next to the service itself, with the protocol that Consul cannot know", () => {
    const { jobs } = synthMesh((mesh) => {
      const server = mesh.addService("api", { ...api, protocol: Protocol.HTTP });
      const web = mesh.addService("web", dashboard);
      const { queryName } = mesh.addPreparedQuery("near-api", { service: server });
      web.connectTo(server, { localBindPort: 8080 });
      web.connectTo(server, { localBindPort: 8081, preparedQuery: queryName, env: "API", config: { a: 1 } });
    });
    expect(upstreamsOf(jobs.web)).toEqual([
      { DestinationName: "api", LocalBindPort: 8080 },
      {
        DestinationName: "near-api",
        DestinationType: "prepared_query",
        LocalBindPort: 8081,
        Config: { protocol: "http", a: 1 },
      },
    ]);
    expect(taskOf(jobs.web).Env).toEqual({ API: "http://${NOMAD_UPSTREAM_ADDR_near_api}" });
  });

  test.each<[ConnectOptions, string]>([
    [
      { localBindSocketMode: "0666" },
      "localBindSocketMode has no socket. Set localBindSocketPath too, or omit the mode.",
    ],
    [
      { localBindSocketPath: "alloc/a.sock", localBindPort: 8080 },
      "Envoy would listen on a port and on a socket. Omit localBindPort or localBindSocketPath.",
    ],
    [
      { localBindSocketPath: "/run/a.sock" },
      'localBindSocketPath is "/run/a.sock", which tasks and Envoy do not share. Use a path below the shared directory of the allocation, such as "alloc/tmp/orders.sock".',
    ],
    [
      { localBindSocketPath: "alloc/a.sock", localBindSocketMode: "rw" },
      'localBindSocketMode is "rw". Use three octal digits, such as "0666".',
    ],
    [
      { preparedQuery: "near", connectTimeout: "1s", limits: { maxConnections: 1 } },
      "Consul ignores limits, connectTimeout of an upstream with a prepared query. Use `config`, such as { connect_timeout_ms: 500 }, or an upstream without preparedQuery.",
    ],
  ])("refuses %j", (options, problem) => {
    expect(() =>
      synthMesh((mesh) => mesh.addService("web", dashboard).connectTo(mesh.addService("api", api), options)),
    ).toThrow(`stack/mesh/web: In its upstream api, ${problem}`);
  });

  test("needs no upstream under a transparent proxy: the destination has a virtual address", () => {
    const { jobs } = synthMesh((mesh) => {
      mesh
        .addService("web", { ...dashboard, transparentProxy: {} })
        .connectTo(mesh.addService("api", api), { env: "API_URL" });
    });
    expect(upstreamsOf(jobs.web)).toBeUndefined();
    expect(taskOf(jobs.web).Env).toEqual({ API_URL: "http://api.virtual.consul" });
  });

  test("has the virtual name of a peer's service under a transparent proxy, and a port for one in another datacenter", () => {
    const { jobs } = synthMesh((mesh) => {
      const web = mesh.addService("web", { ...dashboard, transparentProxy: {} });
      const http = { protocol: Protocol.HTTP };
      const stock = MeshService.fromServiceName(mesh, "stock", "stock", http);
      const bank = MeshService.fromServiceName(mesh, "bank", "bank", http);
      web.connectTo(stock, { peer: "east", env: "STOCK_URL" });
      web.connectTo(bank, { datacenter: "dc2", env: "BANK_URL" });
    });
    const [upstream, ...others] = upstreamsOf(jobs.web) ?? [];
    expect(others).toEqual([]);
    expect(upstream).toMatchObject({ DestinationName: "bank", Datacenter: "dc2" });
    expect(taskOf(jobs.web).Env).toEqual({
      STOCK_URL: "http://stock.virtual.east.consul",
      BANK_URL: `http://127.0.0.1:${upstream.LocalBindPort}`,
    });
  });

  test("can be an upstream next to a transparent proxy, which then has a local port", () => {
    const { jobs } = synthMesh((mesh) => {
      mesh
        .addService("web", { ...dashboard, transparentProxy: {} })
        .connectTo(mesh.addService("api", api), { localBindPort: 8080 });
    });
    expect(upstreamsOf(jobs.web)).toEqual([{ DestinationName: "api", LocalBindPort: 8080 }]);
  });

  test("tells where the source's tasks find it", () => {
    synthMesh((mesh) => {
      const connection = mesh
        .addService("web", dashboard)
        .connectTo(mesh.addService("api", api), { localBindPort: 8080 });
      expect(connection.address).toBe("127.0.0.1:8080");
    });
  });
});

describe("a service that is connected to twice", () => {
  test("is one upstream, with the options of both", () => {
    const { jobs, entries } = synthMesh((mesh, stack) => {
      const target = mesh.addService("api", api);
      const web = mesh.addService("web", dashboard);
      const [v1, v2] = ["/v1", "/v2"].map((pathPrefix) => HttpPermission.allow({ pathPrefix }));
      const first = web.connectTo(target, { localBindPort: 8080, permissions: [v1] });
      const second = web.connectTo("api", { env: "API", permissions: [v2] });
      expect([second.upstream, second.address]).toEqual([first.upstream, "127.0.0.1:8080"]);
      web.addUpstream(target, { localBindPort: 8080, limits: { maxConnections: 5 } });
      // A name that this mesh does not know, and then whom it means.
      web.addUpstream("billing", { env: "BILLING" });
      web.addUpstream(MeshService.fromServiceName(stack, "billing", "billing", { protocol: Protocol.HTTP }));
    });
    expect(upstreamsOf(jobs.web)).toEqual([
      { DestinationName: "api", LocalBindPort: 8080 },
      { DestinationName: "billing", LocalBindPort: expect.any(Number) as unknown },
    ]);
    expect(taskOf(jobs.web).Env).toEqual({
      API: "http://${NOMAD_UPSTREAM_ADDR_api}",
      BILLING: "http://${NOMAD_UPSTREAM_ADDR_billing}",
    });
    expect(entries["service-intentions/api"]).toMatchObject({
      Sources: [{ Permissions: [{ HTTP: { PathPrefix: "/v1" } }, { HTTP: { PathPrefix: "/v2" } }] }],
    });
    expect(entries["service-defaults/web"]).toMatchObject({
      UpstreamConfig: { Overrides: [{ Name: "api", Limits: { MaxConnections: 5 } }] },
    });
  });

  test.each<[ConnectOptions, ConnectOptions, string]>([
    [{ localBindPort: 8080 }, { localBindPort: 8081 }, "localBindPort 8080 and 8081"],
    [
      { localBindAddress: "127.0.0.2" },
      { localBindAddress: "127.0.0.3" },
      'localBindAddress "127.0.0.2" and "127.0.0.3"',
    ],
    [{ env: "A" }, { env: "B" }, 'env "A" and "B"'],
    [
      { limits: { maxConnections: 1 } },
      { limits: { maxConnections: 2 } },
      'limits {"maxConnections":1} and {"maxConnections":2}',
    ],
  ])("fails if %j is followed by %j", (first, second, both) => {
    expect(() =>
      synthMesh((mesh) => {
        const web = mesh.addService("web", dashboard);
        web.connectTo(mesh.addService("api", api), first);
        web.connectTo("api", second);
      }),
    ).toThrow(
      `stack/mesh/web: Its upstream api has both the ${both}. Keep one of the two: all connections to it share one upstream.`,
    );
  });

  test("fails if a port is wanted after another one was chosen, and given out", () => {
    expect(() =>
      synthMesh((mesh) => {
        const web = mesh.addService("web", dashboard);
        web.connectTo(mesh.addService("api", api));
        web.connectTo("api", { localBindPort: 8080 });
      }),
    ).toThrow(/Its upstream api has both the localBindPort 1\d{4} and 8080\./);
  });

  test("is another upstream in another datacenter or peer, which its variable names by a port of its own", () => {
    const { jobs } = synthMesh((mesh) => {
      const web = mesh.addService("web", dashboard);
      web.connectTo(mesh.addService("api", api), { env: "HERE", localBindPort: 8080 });
      web.connectTo("api", { env: "THERE", datacenter: "dc2", localBindPort: 8081 });
      web.connectTo("api", { env: "PEER", peer: "dc2", localBindPort: 8082 });
    });
    expect(upstreamsOf(jobs.web)).toHaveLength(3);
    // In Nomad's variable each of them would overwrite the others.
    expect(taskOf(jobs.web).Env).toEqual({
      HERE: "http://127.0.0.1:8080",
      THERE: "http://127.0.0.1:8081",
      PEER: "http://127.0.0.1:8082",
    });
  });
});

describe("allocated local ports", () => {
  const portsOf = (names: readonly string[]) => {
    const { jobs } = synthMesh((mesh) => {
      const web = mesh.addService("web", dashboard);
      for (const name of names) {
        web.connectTo(mesh.addService(name, api));
      }
    });
    return Object.fromEntries(
      upstreamsOf(jobs.web)?.map((upstream) => [upstream.DestinationName ?? "", upstream.LocalBindPort]) ?? [],
    );
  };

  test("stay where they are when a connection is added, wherever it stands", () => {
    const before = portsOf(["a", "b", "c"]);
    expect(portsOf(["new", "a", "b", "c"])).toMatchObject(before);
    expect(portsOf(["c", "b", "a"])).toEqual(before);
  });

  test("never clash, however many there are", () => {
    const ports = Object.values(portsOf(Array.from({ length: 300 }, (_, index) => `s${index}`)));
    expect(new Set(ports).size).toBe(300);
    for (const port of ports) {
      expect(port).toBeGreaterThanOrEqual(10_000);
      expect(port).toBeLessThan(15_000);
    }
  });
});

describe("intentions", () => {
  const entryOf = (build: Parameters<typeof synthMesh>[0]) =>
    synthMesh(build).entries["service-intentions/api"] as consul.ServiceIntentionsConfigEntry;

  test("are one entry per destination, which gathers its sources by rank and name, whatever the order of the code", () => {
    const entry = entryOf((mesh) => {
      const target = mesh.addService("api", api);
      for (const name of ["b", "a"]) {
        mesh.addService(name, { ...dashboard, publish: undefined }).connectTo(target);
      }
    });
    expect(entry.Sources?.map(({ Name }) => Name)).toEqual(["a", "b"]);
  });

  test("are absent where nothing may reach the service, since Consul refuses an entry without sources", () => {
    const { entries } = synthMesh((mesh) => mesh.addService("web", dashboard));
    expect(Object.keys(entries)).toEqual(["proxy-defaults/global", "service-defaults/web"]);
  });

  test("on requests carry permissions instead of an action", () => {
    const entry = entryOf((mesh) => {
      mesh.addService("web", dashboard).connectTo(mesh.addService("api", api), {
        description: "reads",
        permissions: [
          HttpPermission.deny({ pathExact: "/admin" }),
          HttpPermission.get("/v1/"),
          HttpPermission.post("/v1/orders"),
          HttpPermission.put("/v1/orders"),
          HttpPermission.delete("/v1/orders"),
          HttpPermission.allow({
            pathRegex: "/v[12]/.*",
            methods: ["patch"],
            headers: [
              { name: "x-a", exact: "1" },
              { name: "x-b", prefix: "2" },
              { name: "x-c", suffix: "3" },
              { name: "x-d", regex: "4.*" },
              { name: "x-e", present: true, invert: true },
            ],
          }),
        ],
      });
    });
    expect(entry.Sources).toEqual([
      {
        Name: "web",
        Description: "reads",
        Precedence: 9,
        Type: "consul",
        Permissions: [
          { Action: "deny", HTTP: { PathExact: "/admin" } },
          { Action: "allow", HTTP: { PathPrefix: "/v1/", Methods: ["GET", "HEAD"] } },
          { Action: "allow", HTTP: { PathExact: "/v1/orders", Methods: ["POST"] } },
          { Action: "allow", HTTP: { PathPrefix: "/v1/orders/", Methods: ["POST"] } },
          { Action: "allow", HTTP: { PathExact: "/v1/orders", Methods: ["PUT"] } },
          { Action: "allow", HTTP: { PathPrefix: "/v1/orders/", Methods: ["PUT"] } },
          { Action: "allow", HTTP: { PathExact: "/v1/orders", Methods: ["DELETE"] } },
          { Action: "allow", HTTP: { PathPrefix: "/v1/orders/", Methods: ["DELETE"] } },
          {
            Action: "allow",
            HTTP: {
              PathRegex: "/v[12]/.*",
              Methods: ["PATCH"],
              Header: [
                { Name: "x-a", Exact: "1" },
                { Name: "x-b", Prefix: "2" },
                { Name: "x-c", Suffix: "3" },
                { Name: "x-d", Regex: "4.*" },
                { Name: "x-e", Present: true, Invert: true },
              ],
            },
          },
        ],
      },
    ]);
  });

  test("name a source once, though it connects twice", () => {
    const entry = entryOf((mesh) => {
      const target = mesh.addService("api", api);
      const web = mesh.addService("web", dashboard);
      web.connectTo(target, { localBindPort: 8080 });
      web.connectTo(target, { localBindPort: 8081, datacenter: "dc2" });
    });
    expect(entry.Sources?.map(({ Name }) => Name)).toEqual(["web"]);
  });

  test("come from the other half too: allowFrom grants, addUpstream finds", () => {
    const { jobs, entries } = synthMesh((mesh) => {
      const target = mesh.addService("api", api);
      const web = mesh.addService("web", dashboard);
      web.addUpstream(target, { localBindPort: 8080 });
      target.allowFrom(web);
    });
    expect(upstreamsOf(jobs.web)).toHaveLength(1);
    expect(entries).toHaveProperty("service-intentions/api");
  });

  test("gather sources from every stack of the app, in the stack of the destination", () => {
    const app = testApp();
    const [first, second] = ["first", "second"].map((id) => new TestStack(app, id));
    const mesh = new ServiceMesh(first, "mesh");
    const target = mesh.addService("api", api);
    new MeshService(second, "web", { mesh, ...dashboard }).connectTo(target);
    const destination = synthApp(app, "first");
    const source = synthStack(second);
    expect(destination.entries).toHaveProperty("service-intentions/api");
    expect(Object.keys(destination.jobs)).toEqual(["api"]);
    expect(Object.keys(source.jobs)).toEqual(["web"]);
    expect(Object.keys(source.entries)).toEqual(["service-defaults/web"]);
  });

  test("depend on what tells Consul the protocol, where they judge requests", () => {
    const { terraform } = synthMesh((mesh) => {
      mesh
        .addService("web", dashboard)
        .connectTo(mesh.addService("api", api), { permissions: [HttpPermission.get("/")] });
    });
    const resources = Object.values(terraform.resource?.consul_config_entry ?? {});
    const intentions = resources.find(({ kind }) => kind === "service-intentions");
    expect(intentions?.depends_on).toEqual([
      "consul_config_entry.service-defaults_api",
      "consul_config_entry.proxy-defaults_global",
      "consul_config_entry.mesh_mesh",
    ]);
  });
});

describe("a service of another team", () => {
  test("is found and used, and nothing is emitted for it", () => {
    const { jobs, entries } = synthMesh((mesh, stack) => {
      const billing = MeshService.fromServiceName(stack, "billing", "billing-v2", { protocol: Protocol.HTTP });
      const web = mesh.addService("web", dashboard);
      web.connectTo(billing, { localBindPort: 8080, env: "BILLING_URL" });
    });
    expect(upstreamsOf(jobs.web)).toEqual([{ DestinationName: "billing-v2", LocalBindPort: 8080 }]);
    expect(taskOf(jobs.web).Env).toEqual({ BILLING_URL: "http://${NOMAD_UPSTREAM_ADDR_billing_v2}" });
    expect(Object.keys(jobs)).toEqual(["web"]);
    expect(Object.keys(entries)).toEqual(["proxy-defaults/global", "service-defaults/web"]);
  });

  test("may be let in", () => {
    const { entries } = synthMesh((mesh, stack) => {
      mesh.addService("api", api).allowFrom(MeshService.fromServiceName(stack, "billing", "billing"));
    });
    expect(entries["service-intentions/api"]).toMatchObject({ Sources: [{ Name: "billing" }] });
  });
});

describe("defaults", () => {
  test("carry the service's protocol, and what Consul would add", () => {
    const { entries } = synthMesh((mesh) => {
      mesh.addService("api", { ...api, publish: 1, serviceDefaults: { MaxInboundConnections: 10 } });
    });
    expect(entries["service-defaults/api"]).toEqual({
      Kind: "service-defaults",
      Name: "api",
      Protocol: "http",
      MaxInboundConnections: 10,
      TransparentProxy: {},
    });
  });

  test("of the mesh hold for every Envoy, or belong to somebody else", () => {
    const build = (mesh: ServiceMesh) => mesh.addService("web", dashboard);
    expect(
      synthMesh(build, { proxyDefaults: { Config: { protocol: "http" } } }).entries["proxy-defaults/global"],
    ).toEqual({
      Kind: "proxy-defaults",
      Name: "global",
      Config: { protocol: "http" },
      TransparentProxy: {},
      AccessLogs: {},
    });
    expect(synthMesh(build, { proxyDefaults: false }).entries).not.toHaveProperty("proxy-defaults/global");
  });
});
