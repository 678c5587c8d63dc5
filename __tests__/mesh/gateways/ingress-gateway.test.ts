import {
  HttpPermission,
  IngressGateway,
  IngressListener,
  MeshService,
  Protocol,
  ServiceMesh,
  Sidecar,
  Template,
  type consul,
  type IngressGatewayBaseProps,
  type MeshServiceBaseProps,
} from "../../../constructs";
import { groupOf, only, taskOf } from "../../support/job";
import { findingsOf, synthMesh, synthStack, TestStack } from "../../support/synth";
import { anyWorkload } from "../../support/workload";

const http = (port: number) => ({ port, protocol: Protocol.HTTP, workload: anyWorkload });
const tcp = (port: number) => ({ port, workload: anyWorkload });

/** A mesh with the service `api` and a gateway to it. */
function synthIngress(
  props: Partial<IngressGatewayBaseProps> = {},
  connect: (ingress: IngressGateway, api: MeshService) => void = (ingress, api) => ingress.connectTo(api),
  service: Partial<MeshServiceBaseProps> = {},
) {
  return synthMesh((mesh) => {
    const ingress = mesh.addIngressGateway("ingress", { listeners: [IngressListener.http({ port: 8080 })], ...props });
    connect(ingress, mesh.addService("api", { ...http(9001), ...service }));
  });
}

const entryOf = (stack: ReturnType<typeof synthIngress>) => stack.entries["ingress-gateway/ingress"];

describe("connectTo", () => {
  test("makes the listener's service and the intention from one sentence", () => {
    const { entries } = synthIngress({}, (ingress, api) => ingress.connectTo(api, { hosts: ["api.example"] }));
    expect(entries["ingress-gateway/ingress"]).toEqual({
      Kind: "ingress-gateway",
      Name: "ingress",
      TLS: { Enabled: false },
      Defaults: {
        ...{ MaxConnections: 0, MaxPendingRequests: 0, MaxConcurrentRequests: 0 },
        PassiveHealthCheck: { MaxEjectionPercent: 50 },
      },
      Listeners: [
        {
          Port: 8080,
          Protocol: "http",
          Services: [{ Name: "api", Hosts: ["api.example"], RequestHeaders: expect.any(Object) as unknown }],
        },
      ],
    });
    expect(entries["service-intentions/api"]).toMatchObject({
      Sources: [{ Name: "ingress", Action: "allow", Precedence: 9, Type: "consul" }],
    });
  });

  test("takes a name, and a service of another team", () => {
    const { entries } = synthMesh((mesh, stack) => {
      const ingress = mesh.addIngressGateway("ingress", { listeners: [IngressListener.http({ port: 8080 })] });
      ingress.connectTo("api");
      ingress.connectTo(MeshService.fromServiceName(stack, "other", "billing", { protocol: Protocol.HTTP }));
      mesh.addService("api", http(9001));
    });
    expect(entries["ingress-gateway/ingress"]).toMatchObject({
      Listeners: [{ Services: [{ Name: "api" }, { Name: "billing" }] }],
    });
    expect(entries["service-intentions/api"]).toMatchObject({ Sources: [{ Name: "ingress" }] });
    expect(entries).not.toHaveProperty("service-intentions/billing");
  });

  test("may allow some requests only", () => {
    const { entries } = synthIngress({}, (ingress, api) =>
      ingress.connectTo(api, { permissions: [HttpPermission.get("/v1")], description: "the public" }),
    );
    expect(entries["service-intentions/api"]).toMatchObject({
      Sources: [
        {
          Name: "ingress",
          Description: "the public",
          Permissions: [{ HTTP: { PathExact: "/v1" } }, { HTTP: { PathPrefix: "/v1/" } }],
        },
      ],
    });
  });

  test("leads on from the listener that it names", () => {
    const { entries } = synthMesh((mesh) => {
      const ingress = mesh.addIngressGateway("ingress", {
        listeners: [
          IngressListener.http({ port: 8080 }),
          IngressListener.tcp({ port: 9000 }),
          IngressListener.http2({ port: 8082 }),
          IngressListener.grpc({ port: 8083 }),
        ],
      });
      ingress.connectTo(mesh.addService("api", http(1)), { listener: 8080, hosts: ["api.example"] });
      ingress.connectTo(mesh.addService("shop", http(2)), {
        listener: 8080,
        hosts: ["shop.example", "*.shop.example"],
      });
      ingress.connectTo(mesh.addService("db", tcp(3)), { listener: 9000 });
      ingress.connectTo(mesh.addService("h2", { ...http(4), protocol: Protocol.HTTP2 }), { listener: 8082 });
      ingress.connectTo(mesh.addService("calls", { ...http(5), protocol: Protocol.GRPC }), { listener: 8083 });
    });
    expect(entries["ingress-gateway/ingress"]).toMatchObject({
      Listeners: [
        {
          Port: 8080,
          Protocol: "http",
          Services: [
            { Name: "api", Hosts: ["api.example"] },
            { Name: "shop", Hosts: ["shop.example", "*.shop.example"] },
          ],
        },
        { Port: 9000, Protocol: "tcp", Services: [{ Name: "db" }] },
        { Port: 8082, Protocol: "http2", Services: [{ Name: "h2" }] },
        { Port: 8083, Protocol: "grpc", Services: [{ Name: "calls" }] },
      ],
    });
  });

  test("the halves exist alone too", () => {
    const { entries } = synthIngress({}, (ingress, api) => {
      ingress.addRoute(api);
      api.allowFrom(ingress, { description: "the public" });
    });
    expect(entryOf({ entries } as ReturnType<typeof synthIngress>)).toMatchObject({
      Listeners: [{ Services: [{ Name: "api" }] }],
    });
    expect(entries["service-intentions/api"]).toMatchObject({
      Sources: [{ Name: "ingress", Description: "the public" }],
    });
  });

  test("ejects instances of a service by a health check of its own", () => {
    const entry = entryOf(
      synthIngress({ passiveHealthCheck: { maxFailures: 2 } }, (ingress, api) =>
        ingress.connectTo(api, { passiveHealthCheck: { maxFailures: 9, interval: "3s" } }),
      ),
    );
    expect(entry).toMatchObject({
      Defaults: { PassiveHealthCheck: { MaxFailures: 2 } },
      Listeners: [{ Services: [{ PassiveHealthCheck: { MaxFailures: 9, Interval: "3s", MaxEjectionPercent: 50 } }] }],
    });
  });

  test.each([
    [
      { enforcingConsecutive5xx: 0 },
      "enforcingConsecutive5xx is 0, which Consul reads as 100 for an ingress gateway. Use a whole number from 1, or maxEjectionPercent: 0 to eject none.",
    ],
    [{ maxFailures: 0 }, "maxFailures is 0. Use a whole number from 1."],
  ])("fails if the health check of a service is %j", (passiveHealthCheck, message) => {
    expect(() => synthIngress({}, (ingress, api) => ingress.connectTo(api, { passiveHealthCheck }))).toThrow(message);
  });

  test.each(["api", "*"])("fails if two listeners route to a service with different limits: %s", (second) => {
    const listeners = [IngressListener.http({ port: 8080 }), IngressListener.http({ port: 8081 })];
    expect(() =>
      synthIngress({ listeners }, (ingress, api) => {
        ingress.connectTo(api, { listener: 8080, limits: { maxConnections: 1 } });
        ingress.connectTo(second, { listener: 8081 });
      }),
    ).toThrow(
      "Its listeners on ports 8080 and 8081 route to api with different limits or passive health checks, but Consul uses those of any one listener. Set the same for both, or set them in the props of the gateway.",
    );
  });

  test("limits what a service gets, for all or for one", () => {
    const limits = { maxConnections: 1, maxPendingRequests: 2, maxConcurrentRequests: 3 };
    const rendered = { MaxConnections: 1, MaxPendingRequests: 2, MaxConcurrentRequests: 3 };
    expect(entryOf(synthIngress({ limits }))).toMatchObject({ Defaults: rendered });
    expect(entryOf(synthIngress({}, (ingress, api) => ingress.connectTo(api, { limits })))).toMatchObject({
      Listeners: [{ Services: [{ Name: "api", ...rendered }] }],
    });
  });

  test("ejects instances that fail as asked, otherwise one of two", () => {
    const passiveHealthCheck = { interval: "2s", maxFailures: 3, maxEjectionPercent: 60, baseEjectionTime: "5s" };
    expect(entryOf(synthIngress({ passiveHealthCheck }))).toMatchObject({
      Defaults: {
        PassiveHealthCheck: { Interval: "2s", MaxFailures: 3, MaxEjectionPercent: 60, BaseEjectionTime: "5s" },
      },
    });
    expect(() => synthIngress({ passiveHealthCheck: { enforcingConsecutive5xx: 0 } })).toThrow(
      "stack/mesh/ingress: enforcingConsecutive5xx is 0, which Consul reads as 100 for an ingress gateway. Use a whole number from 1, or maxEjectionPercent: 0 to eject none.",
    );
    expect(() => synthIngress({ passiveHealthCheck: { maxEjectionPercent: 101 } })).toThrow(
      "stack/mesh/ingress: maxEjectionPercent is 101. Use a whole number from 0 to 100.",
    );
  });

  test("takes whatever else Consul knows of a service", () => {
    const override = { RequestHeaders: { Add: { "x-from": "outside" } } };
    expect(entryOf(synthIngress({}, (ingress, api) => ingress.connectTo(api, { override })))).toMatchObject({
      Listeners: [{ Services: [{ Name: "api", ...override }] }],
    });
  });
});

describe("TLS at a listener", () => {
  const withTls = (tls: NonNullable<Parameters<typeof IngressListener.http>[0]["tls"]>) =>
    entryOf(
      synthIngress({ listeners: [IngressListener.http({ port: 8443, tls })] }, (ingress, api) =>
        ingress.connectTo(api, { hosts: ["api.example"] }),
      ),
    );

  test("is by the mesh's own authority unless told otherwise", () => {
    expect(withTls({})).toMatchObject({ TLS: { Enabled: false }, Listeners: [{ Port: 8443, TLS: { Enabled: true } }] });
  });

  test("agrees to certain versions and ciphers", () => {
    const cipherSuites = ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"];
    expect(withTls({ minVersion: "TLSv1_2", maxVersion: "TLSv1_3", cipherSuites })).toMatchObject({
      Listeners: [
        { TLS: { Enabled: true, TLSMinVersion: "TLSv1_2", TLSMaxVersion: "TLSv1_3", CipherSuites: cipherSuites } },
      ],
    });
  });
});

describe("its job", () => {
  const id = "_nomad-task-${NOMAD_ALLOC_ID}-group-${NOMAD_GROUP_NAME}-ingress-listener-8080";

  test("is an Envoy in a network of its own, which Nomad registers as an ingress gateway where Envoy can listen", () => {
    const { jobs } = synthIngress();
    expect(groupOf(jobs.ingress)).toMatchObject({
      Name: "ingress",
      Count: 1,
      Networks: [{ Mode: "bridge", ReservedPorts: [{ Label: "listener-8080", Value: 8080, To: 8080 }] }],
    });
    expect(groupOf(jobs.ingress).Services?.[0]).toMatchObject({
      Name: "ingress",
      Provider: "consul",
      Kind: "ingress-gateway",
      PortLabel: "listener-8080",
      AddressMode: "alloc",
      Checks: [{ Type: "tcp", PortLabel: "listener-8080", AddressMode: "host" }],
    });
  });

  test("reaches Consul as a sidecar does, and is started as the gateway", () => {
    const { jobs } = synthIngress();
    expect(groupOf(jobs.ingress).Services?.[1]).toEqual({
      Name: "ingress-envoy",
      Provider: "consul",
      PortLabel: "listener-8080",
      Connect: { SidecarService: { DisableDefaultTCPCheck: true, Proxy: {} } },
    });
    const task = only(groupOf(jobs.ingress).Tasks);
    expect(task).toMatchObject({
      Name: "connect-proxy-ingress-envoy",
      Kind: "connect-proxy:ingress-envoy",
      Driver: "docker",
      Constraints: [
        { LTarget: "${attr.consul.version}", RTarget: ">= 1.8.0" },
        { LTarget: "${attr.consul.grpc}" },
        { LTarget: "${attr.nomad.version}", Operand: "version", RTarget: ">= 1.10.3" },
      ],
    });
    expect((task.Config?.args as string[]).slice(-2)).toEqual([
      "--config-yaml",
      JSON.stringify({ node: { id, cluster: "ingress" } }),
    ]);
  });

  test("listens where Consul, after a restart of its agent, checks the sidecar of the proxy service", () => {
    const { jobs } = synthMesh((mesh) => {
      const ingress = mesh.addIngressGateway("ingress", {
        listeners: [IngressListener.tcp({ port: 9000, hostPort: 19000 }), IngressListener.tcp({ port: 9001 })],
      });
      ingress.connectTo(mesh.addService("db", tcp(5432)), { listener: 9000 });
      ingress.connectTo(mesh.addService("cache", tcp(6379)), { listener: 9001 });
    });
    expect(only(groupOf(jobs.ingress).Networks).DynamicPorts).toEqual([
      { Label: "connect-proxy-ingress-envoy", To: 9000 },
    ]);
  });

  test("runs its Envoy as the mesh runs sidecars, or in its own way", () => {
    const sidecar = Sidecar.exec({ config: { envoy_prometheus_bind_addr: "0.0.0.0:9102" } });
    const { jobs } = synthIngress({ sidecar });
    expect(taskOf(jobs.ingress, "connect-proxy-ingress-envoy")).toMatchObject({
      Driver: "raw_exec",
      Config: { command: "envoy", work_dir: "${NOMAD_ALLOC_DIR}/.." },
    });
    expect(groupOf(jobs.ingress).Services?.[1]).toMatchObject({
      Connect: { SidecarService: { Proxy: { Config: { envoy_prometheus_bind_addr: "0.0.0.0:9102" } } } },
    });
  });

  test("opens a port of the node for each listener, which may differ", () => {
    const { jobs } = synthIngress(
      { listeners: [IngressListener.http({ port: 8080, hostPort: 80 }), IngressListener.http({ port: 8081 })] },
      (ingress, api) => {
        ingress.connectTo(api, { listener: 8080 });
        ingress.connectTo(api, { listener: 8081 });
      },
    );
    expect(groupOf(jobs.ingress).Networks?.[0]?.ReservedPorts).toEqual([
      { Label: "listener-8080", Value: 80, To: 8080 },
      { Label: "listener-8081", Value: 8081, To: 8081 },
    ]);
    expect(groupOf(jobs.ingress).Services?.[0]?.Checks).toMatchObject([
      { Name: "ingress listens on port 80", PortLabel: "listener-8080" },
      { Name: "ingress listens on port 8081", PortLabel: "listener-8081" },
    ]);
  });

  test("goes where it says, with tags, metadata and files", () => {
    const { jobs } = synthIngress({
      count: 2,
      nodePool: "edge",
      tags: ["edge"],
      meta: { zone: "a" },
      templates: [Template.text("x", { destination: "local/x" })],
    });
    expect(jobs.ingress).toMatchObject({ NodePool: "edge" });
    expect(groupOf(jobs.ingress)).toMatchObject({ Count: 2 });
    expect(groupOf(jobs.ingress).Services?.[0]).toMatchObject({ Tags: ["edge"], Meta: { zone: "a" } });
    expect(only(groupOf(jobs.ingress).Tasks)).toMatchObject({ Templates: [{ DestPath: "local/x" }] });
  });

  test("waits for its entry, and the entry for the services' protocols", () => {
    const { terraform } = synthIngress();
    const resources = terraform.resource ?? {};
    const [entryId] =
      Object.entries(resources.consul_config_entry).find(([, it]) => it.kind === "ingress-gateway") ?? [];
    const job = Object.entries(resources.nomad_job).find(([name]) => name.includes("ingress"))?.[1];
    expect(job?.depends_on).toContain(`consul_config_entry.${entryId ?? ""}`);
    const defaults = Object.entries(resources.consul_config_entry).find(
      ([, it]) => it.kind === "service-defaults",
    )?.[0];
    expect(resources.consul_config_entry[entryId ?? ""].depends_on).toContain(`consul_config_entry.${defaults ?? ""}`);
  });
});

describe("misuse", () => {
  const misuse = (
    listener: IngressListener,
    connect: (ingress: IngressGateway, api: MeshService) => void,
    service: Partial<MeshServiceBaseProps> = {},
  ) => {
    const mesh = new ServiceMesh(new TestStack(), "mesh");
    const ingress = mesh.addIngressGateway("ingress", { listeners: [listener] });
    connect(ingress, mesh.addService("api", { ...http(9001), ...service }));
  };

  test("fails if there is no listener", () => {
    expect(() => new ServiceMesh(new TestStack(), "mesh").addIngressGateway("ingress", { listeners: [] })).toThrow(
      "stack/mesh/ingress: It has no listener. Add at least one.",
    );
  });

  test("fails if a listener is not there, or not named among several", () => {
    expect(() =>
      misuse(IngressListener.http({ port: 8080 }), (ingress, api) => ingress.connectTo(api, { listener: 80 })),
    ).toThrow("stack/mesh/ingress: It has no listener on port 80. Its listeners: 8080.");
    const mesh = new ServiceMesh(new TestStack(), "mesh");
    const listeners = [IngressListener.http({ port: 8080 }), IngressListener.http({ port: 8081 })];
    expect(() => mesh.addIngressGateway("ingress", { listeners }).connectTo("api")).toThrow(
      "stack/mesh/ingress: It has several listeners, but the route does not set one. Its listeners: 8080, 8081.",
    );
  });

  test("fails if a tcp listener is to look at hosts, or to lead to two services", () => {
    expect(() => misuse(IngressListener.tcp({ port: 9000 }), (it, api) => it.connectTo(api, { hosts: ["a"] }))).toThrow(
      "stack/mesh/ingress: Its listener on port 9000 is a tcp listener, which has no hosts. Omit hosts, or use an http listener.",
    );
    expect(() =>
      misuse(IngressListener.tcp({ port: 9000 }), (ingress, api) => {
        ingress.connectTo(api);
        ingress.connectTo("other");
      }),
    ).toThrow(
      "stack/mesh/ingress: Its listener on port 9000 is a tcp listener, and already has a service. Use a separate listener for the other service.",
    );
  });

  test("fails if a listener leads to a service twice", () => {
    expect(() =>
      misuse(IngressListener.http({ port: 8080 }), (ingress, api) => {
        ingress.connectTo(api, { hosts: ["a"] });
        ingress.connectTo(api, { hosts: ["b"] });
      }),
    ).toThrow(
      "stack/mesh/ingress: Its listener on port 8080 already routes to api. Set all hosts of a service in one call.",
    );
  });
});

test("may be in another stack than its mesh", () => {
  const stack = new TestStack();
  const mesh = new ServiceMesh(stack, "mesh");
  const ingress = new IngressGateway(stack, "ingress", { mesh, listeners: [IngressListener.tcp({ port: 9000 })] });
  ingress.connectTo(mesh.addService("db", tcp(9001)));
  expect(synthStack(stack).entries).toHaveProperty("ingress-gateway/ingress");
  expect(findingsOf(() => synthStack(stack))).toEqual([]);
});

describe("every service", () => {
  /** What the sources of each service's intentions may do, with a gateway in front of all of them. */
  function behind(
    build: (ingress: IngressGateway, mesh: ServiceMesh) => void,
    listener = IngressListener.http({ port: 8080 }),
  ) {
    const stack = synthMesh((mesh) => {
      build(mesh.addIngressGateway("ingress", { listeners: [listener] }), mesh);
    });
    const intentions = Object.entries(stack.entries).flatMap(([key, entry]) => {
      const { Sources = [] } = entry as consul.ServiceIntentionsConfigEntry;
      const allowed = Sources.map(
        ({ Name, Action, Permissions }) => `${Name ?? ""}: ${Action ?? Permissions?.length ?? ""}`,
      );
      return key.startsWith("service-intentions/") ? [[key.slice("service-intentions/".length), allowed] as const] : [];
    });
    return { ...stack, intentions: Object.fromEntries(intentions) };
  }

  test("that speaks the listener's protocol is led to, and lets the gateway in, added later too", () => {
    const { entries, intentions } = behind((ingress, mesh) => {
      ingress.connectTo("*", { limits: { maxConnections: 7 } });
      mesh.addService("api", http(9001));
      mesh.addService("clock", { ...tcp(9002), publish: 1 });
      const client = mesh.addJob("job").addGroup("group", { tasks: { a: anyWorkload } });
      client.addService("client", { protocol: Protocol.HTTP });
      client.addService("page", { port: 9003, protocol: Protocol.HTTP });
    });
    expect(entries["ingress-gateway/ingress"]).toMatchObject({
      Listeners: [{ Protocol: "http", Services: [{ Name: "*", MaxConnections: 7 }] }],
    });
    expect(intentions).toEqual({ api: ["ingress: allow"], page: ["ingress: allow"] });
  });

  test("of the protocol http2 likewise", () => {
    const { intentions } = behind(
      (ingress, mesh) => {
        ingress.connectTo("*");
        mesh.addService("api", { ...http(9001), publish: 1 });
        mesh.addService("calls", { ...tcp(9002), protocol: Protocol.HTTP2 });
      },
      IngressListener.http2({ port: 8080 }),
    );
    expect(intentions).toEqual({ calls: ["ingress: allow"] });
  });

  test("may be asked some requests only, and what is stated at a service goes before", () => {
    const { intentions } = behind((ingress, mesh) => {
      ingress.connectTo("*", { permissions: [HttpPermission.get("/v1")] });
      mesh.addService("api", http(9001));
      mesh.addService("open", http(9002)).allowFrom(ingress);
    });
    expect(intentions).toEqual({ api: ["ingress: 2"], open: ["ingress: allow"] });
  });

  test("but those that the listener names, which have hosts and permissions of their own", () => {
    const { entries, intentions } = behind((ingress, mesh) => {
      ingress.connectTo("*");
      const named = mesh.addService("named", http(9001));
      ingress.connectTo(named, { hosts: ["named.example"], permissions: [HttpPermission.get("/")] });
      mesh.addService("api", http(9002));
    });
    expect(entries["ingress-gateway/ingress"]).toMatchObject({
      Listeners: [{ Services: [{ Name: "*" }, { Name: "named", Hosts: ["named.example"] }] }],
    });
    expect(intentions).toEqual({ named: ["ingress: 1"], api: ["ingress: allow"] });
  });

  test("lets the gateway in where its rules lead, too", () => {
    const { intentions } = behind((ingress, mesh) => {
      ingress.connectTo("*");
      const inner = mesh.addService("inner", http(9001));
      ingress.addRoute(inner, { hosts: ["inner.example"] });
      mesh.addService("api", http(9002)).route({ match: { pathPrefix: "/inner" }, to: inner });
    });
    expect(intentions).toEqual({ api: ["ingress: allow"], inner: ["ingress: allow"] });
  });

  test("says itself what it lets in, where the gateway has only a route", () => {
    const { intentions } = behind((ingress, mesh) => {
      ingress.addRoute("*");
      mesh.addService("api", http(9001)).allowFrom(ingress);
      mesh.addService("internal", { ...http(9002), publish: 1 });
    });
    expect(intentions).toEqual({ api: ["ingress: allow"] });
  });

  test.each<[string, IngressListener, (ingress: IngressGateway) => unknown, string]>([
    [
      "a tcp listener",
      IngressListener.tcp({ port: 8080 }),
      (ingress) => ingress.connectTo("*"),
      'Its listener on port 8080 is a tcp listener, which routes to a single service, not to every one ("*"). Set the service, or use an http listener.',
    ],
    [
      "hosts",
      IngressListener.http({ port: 8080 }),
      (ingress) => ingress.connectTo("*", { hosts: ["a.example"] }),
      'Its listener on port 8080 routes to every service ("*") by the host <service>.ingress.*, so it cannot have hosts. Omit hosts, and connect services with other hosts by name.',
    ],
    [
      "a second time",
      IngressListener.http({ port: 8080 }),
      (ingress) => {
        ingress.connectTo("*");
        ingress.addRoute("*");
      },
      "Its listener on port 8080 already routes to *.",
    ],
  ])("is refused with %s", (_, listener, connect, message) => {
    expect(() => behind(connect, listener)).toThrow(`stack/mesh/ingress: ${message}`);
  });
});
