import { ConfigEntry } from "@cdktf/provider-consul/lib/config-entry";
import {
  ApiGatewayListener,
  CHECKS,
  HealthCheck,
  HttpPermission,
  MeshService,
  Port,
  Protocol,
  Redirect,
  ServiceMesh,
  silence,
  Workload,
  type GroupServiceProps,
  type MeshServiceBaseProps,
} from "../../constructs";
import { findingsOf, synthApp, synthMesh, synthStack, TestStack } from "../support/synth";
import { anyWorkload } from "../support/workload";
import { testApp } from "../support/test-app";

const http = { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload };
const web = { port: 9002, publish: 9002, workload: anyWorkload };

/** What synthesis says of a mesh with the service `api` and whatever is built on it. */
function findings(
  build: (mesh: ServiceMesh, api: MeshService, stack: TestStack) => void,
  props: Partial<MeshServiceBaseProps> = {},
) {
  return findingsOf(() =>
    synthMesh((mesh, stack) => build(mesh, mesh.addService("api", { ...http, ...props }), stack)),
  );
}

test("each check has an id of its own, and says why it is there", () => {
  expect(new Set(CHECKS.map(({ id }) => id)).size).toBe(CHECKS.length);
  for (const { id, reason } of CHECKS) {
    expect(id).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(reason).toMatch(/^[A-Z].*[.)]$/);
  }
});

test("a sound mesh has no findings", () => {
  expect(findings((mesh, api) => mesh.addService("web", web).connectTo(api))).toEqual([]);
});

test("all errors of a run are reported together, also those of other stacks", () => {
  const app = testApp();
  const mesh = new ServiceMesh(new TestStack(app, "first"), "mesh", { datacenter: "dc1" });
  mesh.addService("web", web).connectTo("apy");
  const other = new ServiceMesh(new TestStack(app, "second"), "mesh", { datacenter: "dc2" });
  other.addService("web", { ...web, port: 70_000 });
  expect(findingsOf(() => synthApp(app, "first"))).toEqual([
    expect.stringContaining("(unknown-service)"),
    expect.stringContaining("second/mesh/web: port is 70000. Use a whole number from 1 to 65535. (port-range)"),
  ]);
});

describe("service-name", () => {
  test("fails if a name cannot be looked up by DNS", () => {
    expect(findings((mesh) => mesh.addService("count_api", web))).toEqual([
      'stack/mesh/count_api: "count_api" cannot be the name of a service. Use lower-case letters, digits and dashes, at most 63 characters, no dash at either end. (service-name)',
    ]);
  });

  test("fails if it has upper-case letters, which Nomad refuses, whatever is named so", () => {
    const name = (serviceName: string) => ({ serviceName });
    expect(
      findings(
        (mesh) => {
          mesh.addService("web", { ...web, ...name("Web") });
          mesh.addVirtualService("alias", { ...name("Alias"), redirect: Redirect.to("api") });
          mesh.addMeshGateway("gateway", name("Gateway"));
          const db = mesh.addExternalService("db", {
            address: "10.0.0.1",
            port: 1,
            plaintext: "A test.",
            ...name("Db"),
          });
          mesh.addTerminatingGateway("egress").addService(db);
        },
        { protocol: Protocol.TCP },
      ),
    ).toEqual(
      ["Web", "Alias", "Gateway", "Db"].map(
        (each) => expect.stringContaining(`"${each}" cannot be the name of a`) as unknown,
      ),
    );
  });

  test.each([63, 64])("takes up to 63 letters, and not %i", (length) => {
    expect(findings((mesh) => mesh.addService("a".repeat(length), web))).toHaveLength(length - 63);
  });

  test("fails if the proxy service of a gateway would have a name that is too long, or that of another service", () => {
    const withGateway = (serviceName: string) =>
      findings((mesh, api) => {
        mesh.addService("front-envoy", web);
        mesh
          .addApiGateway("gateway", { serviceName, listeners: [ApiGatewayListener.http({ port: 1 })] })
          .connectTo(api);
      });
    expect(withGateway("a".repeat(57))).toEqual([]);
    expect(withGateway("a".repeat(58))).toEqual([expect.stringContaining("at most 57 characters, no dash")]);
    expect(withGateway("front")).toEqual([
      'stack/mesh/front-envoy: "front-envoy" is the name under which the Envoy of stack/mesh/gateway is registered. Change the serviceName of the service. (duplicate-service)',
    ]);
  });

  test("fails if the name of a gateway cannot be looked up by DNS", () => {
    expect(findings((mesh) => mesh.addMeshGateway("mesh_gateway"))).toEqual([
      expect.stringContaining('stack/mesh/mesh_gateway: "mesh_gateway" cannot be the name of a service.'),
    ]);
  });
});

describe("duplicate-service", () => {
  test("fails if two constructs are one service", () => {
    expect(findings((mesh) => mesh.addService("other", { ...web, serviceName: "api" }))).toContain(
      'stack/mesh/other: The service "api" already exists at stack/mesh/api. Change one of the service names. (duplicate-service)',
    );
  });

  test("fails if a gateway has the name of a service", () => {
    expect(findings((mesh) => mesh.addMeshGateway("gateway", { serviceName: "api" }))).toEqual([
      'stack/mesh/gateway: The service "api" already exists at stack/mesh/api. Change one of the service names. (duplicate-service)',
    ]);
  });
});

describe("config-entry-owners", () => {
  test("fails if a config entry is declared next to the mesh's own", () => {
    expect(
      findings((mesh, api, stack) => {
        mesh.addService("web", web).connectTo(api);
        new ConfigEntry(stack, "mine", { kind: "service-defaults", name: "api", configJson: "{}" });
      }),
    ).toEqual([
      "stack/mine: The config entry service-defaults/api already belongs to stack/mesh/api/Defaults/Resource. Keep one of the two: set fields in serviceDefaults of the service. (config-entry-owners)",
    ]);
  });

  test("fails if two meshes of one stack own proxy-defaults", () => {
    const stack = new TestStack();
    new ServiceMesh(stack, "one");
    new ServiceMesh(stack, "two");
    expect(findingsOf(() => synthStack(stack))).toEqual([expect.stringContaining("(config-entry-owners)")]);
  });

  test("leaves apart stacks of two environments, whose datacenters have names", () => {
    const app = testApp();
    for (const datacenter of ["dev", "prod"]) {
      new ServiceMesh(new TestStack(app, datacenter), "mesh", { datacenter }).addService("web", web);
    }
    expect(findingsOf(() => synthApp(app, "dev"))).toEqual([]);
  });
});

describe("unknown-service", () => {
  test("fails if an upstream is misspelled, and says which name was meant", () => {
    expect(findings((mesh) => mesh.addService("web", web).addUpstream("apy"))).toEqual([
      'stack/mesh/web: It connects to "apy", which is not a service of this mesh. Did you mean "api"? For a service of another team, use MeshService.fromServiceName. (unknown-service)',
    ]);
  });

  test("fails if a source is misspelled, and lists the names where none is near", () => {
    expect(findings((_mesh, api) => api.allowFrom("dashboard"))).toEqual([
      'stack/mesh/api: It allows "dashboard", which is not a service of this mesh. Known names: api. For a service of another team, use MeshService.fromServiceName. (unknown-service)',
    ]);
  });
});

describe("upstream-without-intention", () => {
  test("fails if nothing lets the source in", () => {
    expect(findings((mesh, api) => mesh.addService("web", web).addUpstream(api))).toEqual([
      "stack/mesh/web: It has an upstream to api, but no intention allows it. Use connectTo, or allow it at stack/mesh/api with allowFrom. (upstream-without-intention)",
    ]);
  });

  test("leaves a service of another team to its owner", () => {
    expect(
      findings((mesh, api, stack) => {
        const service = mesh.addService("web", web);
        service.connectTo(api);
        service.addUpstream(MeshService.fromServiceName(stack, "billing", "billing"));
      }),
    ).toEqual([]);
  });
});

describe("intention-without-upstream", () => {
  test("fails if the source has no way to the destination", () => {
    expect(findings((mesh, api) => api.allowFrom(mesh.addService("web", web)))).toEqual([
      "stack/mesh/api: web can reach api, but has no upstream to it. Use connectTo, add the upstream with addUpstream, or remove the intention. (intention-without-upstream)",
    ]);
  });

  test("leaves alone a source that needs no upstream", () => {
    expect(findings((mesh, api) => api.allowFrom(mesh.addService("web", { ...web, transparentProxy: {} })))).toEqual(
      [],
    );
    expect(findings((mesh, api) => api.allowFrom(mesh.addService("web", { ...web, connectNative: true })))).toEqual([]);
  });
});

describe("native-with-local-bind", () => {
  test("fails if a service without Envoy asks for a local port", () => {
    expect(
      findings((mesh, api) =>
        mesh.addService("web", { ...web, connectNative: true }).connectTo(api, { localBindPort: 8080 }),
      ),
    ).toEqual([
      "stack/mesh/web: It is Connect native, so nothing listens on the local port 8080 for api. Omit localBindPort, or use a sidecar. (native-with-local-bind)",
    ]);
  });
});

describe("environment-clash", () => {
  test("fails if one variable is to name two upstreams", () => {
    expect(
      findings((mesh, api) => {
        const service = mesh.addService("web", web);
        service.connectTo(api, { env: "URL" });
        service.connectTo(mesh.addService("other", http), { env: "URL" });
      }),
    ).toEqual([
      "stack/mesh/web: The variable URL is set for both api and other. Use another env for one of the connections. (environment-clash)",
    ]);
  });
});

describe("unreachable-service", () => {
  test("warns that nothing may reach a service, and lets it pass", () => {
    const stack = new TestStack();
    const api = new ServiceMesh(stack, "mesh").addService("api", http);
    synthStack(stack);
    expect(api.node.metadata.map(({ data }) => data as string)).toEqual([
      "Nothing can reach api: no intention allows a service, and it publishes no port. Connect a service to it with x.connectTo(…), allow one of another app with allowFrom(MeshService.fromServiceName(…)), or publish it. (unreachable-service)",
    ]);
  });
});

describe("http-rule-on-tcp", () => {
  test("fails if permissions on requests meet a tcp service", () => {
    expect(
      findings((mesh, api) => mesh.addService("web", web).connectTo(api, { permissions: [HttpPermission.get()] }), {
        protocol: Protocol.TCP,
      }),
    ).toEqual([
      "stack/mesh/web: The permissions of web on api apply to HTTP requests, but the protocol of api is tcp. Set protocol: Protocol.HTTP (or HTTP2, GRPC) at stack/mesh/api, or omit the permissions. (http-rule-on-tcp)",
    ]);
  });
});

describe("no-permissions", () => {
  test("fails if an empty list would deny everything", () => {
    expect(findings((mesh, api) => mesh.addService("web", web).connectTo(api, { permissions: [] }))).toEqual([
      "stack/mesh/web: The permissions of web on api are an empty list. List the requests to allow, or omit permissions to allow everything. (no-permissions)",
    ]);
  });
});

describe("conflicting-intention", () => {
  test("fails if a source is allowed both wholly and by permissions", () => {
    expect(
      findings((mesh, api) => {
        const service = mesh.addService("web", web);
        service.connectTo(api);
        api.allowFrom(service, { permissions: [HttpPermission.get()] });
      }),
    ).toEqual([
      "stack/mesh/api: web can reach api both without and with permissions. Keep one of the two; next to access without permissions, permissions can only deny. (conflicting-intention)",
    ]);
  });

  test("names the statement that came last, among any others", () => {
    const [whole, partial] = [{}, { permissions: [HttpPermission.get()] }];
    const denying = { permissions: [HttpPermission.deny({ pathPrefix: "/private" })] };
    expect(
      findings((mesh, api) => {
        const service = mesh.addService("web", web);
        api.allowFrom(service, partial);
        service.connectTo(api, whole);
        api.allowFrom(service, denying);
      }),
    ).toEqual([expect.stringMatching(/^stack\/mesh\/web: web can reach api both without and with permissions/)]);
  });

  test("lets pass what denies a part of the whole, and sources of which each is stated once", () => {
    expect(
      findings((mesh, api) => {
        const service = mesh.addService("web", web);
        service.connectTo(api);
        api.allowFrom(service, { permissions: [HttpPermission.deny({ pathPrefix: "/private" })] });
        mesh.addService("shop", { ...web, publish: 9003 }).connectTo(api, { permissions: [HttpPermission.get()] });
      }),
    ).toEqual([]);
  });
});

describe("permission-order", () => {
  const exception = [HttpPermission.get("/v1/private/doc"), HttpPermission.deny({ pathPrefix: "/v1/private" })];
  const message = (source: string, about: string) =>
    `stack/mesh/api: The permissions of ${source} on api allow requests before they deny others, which has no effect next to other declarations for ${about}. Put the deny first, or list all permissions in one declaration. (permission-order)`;

  test("fails if two statements each allow an exception from what they deny, or if one does so for any source", () => {
    expect(
      findings((mesh, api) => {
        const service = mesh.addService("web", web);
        service.connectTo(api, { permissions: [HttpPermission.get("/v1")] });
        api.allowFrom(service, { permissions: exception });
        api.allowFrom(service, { permissions: exception });
      }),
    ).toEqual([message("web", "web"), message("web", "web")]);
    expect(
      findings((mesh, api) => {
        mesh.addService("web", web).connectTo(api);
        api.allowFrom("*", { permissions: exception });
        silence(api, "wildcard-allow", "It is a test.");
      }),
    ).toEqual([message("*", "web")]);
  });

  test("reports a statement once, however many sources it concerns, and lets pass one that is alone", () => {
    expect(
      findings((mesh, api) => {
        mesh.addService("web", web).connectTo(api);
        mesh.addService("shop", { ...web, publish: 9003 }).connectTo(api);
        api.allowFrom("*", { permissions: exception });
        silence(api, "wildcard-allow", "It is a test.");
      }),
    ).toEqual([message("*", "web")]);
    expect(
      findings((mesh, api) => {
        mesh.addService("web", web).connectTo(api, { permissions: [...exception, HttpPermission.get("/v1")] });
      }),
    ).toEqual([]);
  });
});

describe("wildcard-allow", () => {
  test("fails if any service may come in", () => {
    expect(findings((_mesh, api) => api.allowFrom("*"))).toEqual([
      'stack/mesh/api: Every service can reach api. Allow only the services that need access. If this is intended, silence(…, "wildcard-allow", "why"). (wildcard-allow)',
    ]);
  });
});

describe("port-range", () => {
  test.each([0, 65_536, 80.5])("fails if a port is %p", (port) => {
    expect(findings((mesh) => mesh.addService("web", { ...web, publish: port }))).toEqual([
      `stack/mesh/web: publish is ${port}. Use a whole number from 1 to 65535. (port-range)`,
    ]);
    expect(findings((mesh, api) => mesh.addService("web", web).connectTo(api, { localBindPort: port }))).toEqual([
      `stack/mesh/web: The localBindPort for api is ${port}. Use a whole number from 1 to 65535. (port-range)`,
    ]);
  });
});

describe("local-bind-clash", () => {
  test("fails if two connections bind one port", () => {
    expect(
      findings((mesh, api) => {
        const service = mesh.addService("web", web);
        service.connectTo(api, { localBindPort: 8080 });
        service.connectTo(mesh.addService("other", http), { localBindPort: 8080 });
      }),
    ).toEqual([
      "stack/mesh/web: The local port 8080 for other is used by the upstream api. Set another localBindPort, or omit it to have one assigned. (local-bind-clash)",
    ]);
  });

  test("fails if a connection binds the service's own port", () => {
    expect(findings((mesh, api) => mesh.addService("web", web).connectTo(api, { localBindPort: 9002 }))).toEqual([
      expect.stringContaining("The local port 9002 for api is used by the service itself."),
    ]);
  });

  test("fails if a connection binds one of Envoy's own ports", () => {
    expect(findings((mesh, api) => mesh.addService("web", web).connectTo(api, { localBindPort: 19_001 }))).toEqual([
      expect.stringContaining("The local port 19001 for api is reserved for Envoy (19000 to 19199)."),
    ]);
  });

  test.each([
    [18_999, 0],
    [19_000, 1],
    [19_199, 1],
    [19_200, 0],
  ])("tells Envoy's own ports from others: %i", (localBindPort, count) => {
    expect(findings((mesh, api) => mesh.addService("web", web).connectTo(api, { localBindPort }))).toHaveLength(count);
  });

  test("fails if two services of a group have one port", () => {
    const found = findings((mesh, api) => {
      const group = mesh.addJob("shop").addGroup("web", { tasks: { server: anyWorkload } });
      for (const id of ["page", "admin"]) group.addService(id, { port: 8080 }).connectTo(api);
    }).filter((line) => line.includes("local-bind-clash"));
    expect(found).toEqual([
      expect.stringMatching(
        /web\/admin: The port 8080 of admin is used by page in the same group\. Change one of the two ports/,
      ),
    ]);
  });

  describe("fails if an exposed path is opened at a port that is taken", () => {
    const opened = (ports: Readonly<Record<string, Port>>, ...labels: readonly string[]) => {
      const expose = labels.map((portLabel, index) => ({ path: `/${index}`, portLabel }));
      return findings((mesh, api) => mesh.addService("web", web).connectTo(api), { ports, expose });
    };

    test.each<[string, Readonly<Record<string, Port>>, readonly string[], string]>([
      ["by the service", { a: Port.dynamic({ to: 9001 }) }, ["a"], 'path /0 needs port 9001, to which the label "a"'],
      [
        "by another path, whatever the labels",
        { a: Port.dynamic({ to: 9102 }), b: Port.static(9102) },
        ["a", "b"],
        'path /1 needs port 9102, to which the label "b"',
      ],
    ])("%s", (_, ports, labels, problem) => {
      const owner = labels.length === 1 ? "the service api" : "the exposed path /0";
      expect(opened(ports, ...labels)).toEqual([
        `stack/mesh/api: The exposed ${problem} maps, but that port is used by ${owner}. Map the label to an unused port, or omit its \`to\`. (local-bind-clash)`,
      ]);
    });

    test("by an upstream, or by another service of the group", () => {
      const found = findings((mesh, api) => {
        const ports = { a: Port.dynamic({ to: 5000 }), b: Port.dynamic({ to: 8081 }) };
        const group = mesh.addJob("shop").addGroup("web", { ports, tasks: { server: anyWorkload } });
        const expose = ["a", "b"].map((portLabel) => ({ path: "/metrics", portLabel, localPort: 9 }));
        const page = group.addService("page", { port: 8080, expose });
        const admin = group.addService("admin", { port: 8081 });
        page.connectTo(api, { localBindPort: 5000 });
        admin.connectTo(api);
        page.allowFrom(api);
        admin.allowFrom(api);
      }).filter((line) => line.includes("local-bind-clash"));
      expect(found).toEqual([
        expect.stringContaining("web/page: The exposed path /metrics needs port 5000, to which"),
        expect.stringContaining('"b" maps, but that port is used by the service admin.'),
      ]);
    });

    test("and lets pass ports of their own", () => {
      expect(opened({ a: Port.dynamic({ to: 9102 }), b: Port.dynamic() }, "a", "b", "c")).toEqual([]);
    });
  });
});

describe("published-port-clash", () => {
  test("fails if two services publish one port", () => {
    expect(
      findings((mesh, api) => {
        mesh.addService("web", web).connectTo(api);
        mesh.addService("shop", web);
      }),
    ).toEqual([
      "stack/mesh/shop: It publishes port 9002, which stack/mesh/web also publishes. Publish another port, or run one of them in another node pool or datacenter. (published-port-clash)",
    ]);
  });

  test.each<[string[], string[], number]>([
    [["dc1"], ["dc2"], 0],
    [["dc1", "dc2"], ["dc2"], 1],
    [["dc*"], ["dc2"], 1],
    [["eu-*"], ["us-1"], 0],
    [["*-1"], ["eu-10"], 0],
    [["eu-*-a"], ["eu-1-a"], 1],
    [["eu-*-a"], ["eu-a"], 0],
    [["a*b*c"], ["axxbxxc"], 1],
    [["a*b*c"], ["axxc"], 0],
    [["eu-*"], ["*-1"], 1],
    [["eu-*"], ["us-*"], 1],
  ])("looks at the datacenters of both jobs: %j and %j", (left, right, count) => {
    const found = findings((mesh, api) => {
      mesh.addService("web", { ...web, override: { job: { Datacenters: left } } }).connectTo(api);
      mesh.addService("shop", { ...web, override: { job: { Datacenters: right } } });
    });
    expect(found.filter((line) => line.includes("published-port-clash"))).toHaveLength(count);
  });
});

describe("named-port", () => {
  test("fails if an override makes the port a label", () => {
    expect(
      findings((mesh) => mesh.addService("web", { ...web, override: { service: { PortLabel: "http" } } })),
    ).toEqual([
      'stack/mesh/web: The port of the service web is the label "http". Set the number of the port on which the program listens inside the allocation. (named-port)',
    ]);
  });

  test.each([
    ["leads to another port inside", Port.dynamic({ to: 8080 }), undefined, 1],
    ["is one number inside and on the node", Port.static(8080), undefined, 0],
    ["is one number that Nomad chooses", Port.dynamic(), undefined, 0],
    ["leads to a port that Envoy is told", Port.dynamic({ to: 8080 }), 8080, 0],
  ])("of a label that %s, says so only where Envoy is misled", (_, port, LocalServicePort, count) => {
    const service = {
      PortLabel: "http",
      Checks: [],
      Connect: { SidecarService: { Proxy: { LocalServicePort } } },
    };
    expect(
      findings((mesh) => mesh.addService("web", { ...web, ports: { http: port }, override: { service } })),
    ).toHaveLength(count);
  });
});

describe("native-port", () => {
  const native = (props: Partial<MeshServiceBaseProps>) =>
    findings((mesh, api) => mesh.addService("web", web).connectTo(api), { connectNative: true, ...props });
  const inGroup = (options: GroupServiceProps, port = Port.dynamic({ to: 8443 })) =>
    findings((mesh, api) => {
      const service = mesh
        .addJob("native")
        .addGroup("native", { ports: { mesh: port }, tasks: { own: anyWorkload } })
        .addService("native", { port: "mesh", task: "own", connectNative: true, ...options });
      api.connectTo(service);
    });

  test("fails if the port in Consul is one of the node that does not lead to the program", () => {
    const problem =
      "stack/mesh/api: It is Connect native, and Consul gets the port 9001 of the node, which does not lead to its program. " +
      'Set `publish` to 9001, or use a group of addJob, with `ports: { mesh: Port.dynamic({ to: 9001 }) }` and `port: "mesh"`. (native-port)';
    expect(native({})).toEqual([problem]);
    expect(native({ publish: 9003 })).toEqual([problem]);
    expect(inGroup({ port: 8443 })).toEqual([
      'stack/mesh/native/native/native: It is Connect native, and Consul gets the port 8443 of the node, which does not lead to its program. Use `ports: { mesh: Port.dynamic({ to: 8443 }) }` and `port: "mesh"`. (native-port)',
    ]);
  });

  test("fails if the address in Consul is that of an allocation on the bridge of its node", () => {
    expect(inGroup({ addressMode: "alloc" })).toEqual([
      expect.stringContaining("and Consul gets the address of the allocation, which other nodes do not reach."),
    ]);
  });

  test("lets ports of the node pass, addresses that are given, other networks, and a service that nothing may reach", () => {
    expect(native({ publish: 9001 })).toEqual([]);
    expect(native({ networkMode: "host" })).toEqual([]);
    expect(native({ address: "203.0.113.7" })).toEqual([]);
    expect(native({ addressMode: "alloc", networkMode: "cni/routed" })).toEqual([]);
    expect(inGroup({})).toEqual([]);
    expect(inGroup({ port: 8443 }, Port.static(8443))).toEqual([]);
    expect(findings((mesh) => mesh.addService("web", { ...web, connectNative: true }))).toEqual([]);
  });
});

describe("bridge-mode", () => {
  test.each([
    ["host", [{ Mode: "host" }]],
    ["host", []],
  ])("fails if an override puts the group on the network %p", (mode, Networks) => {
    expect(findings((mesh) => mesh.addService("web", { ...web, override: { group: { Networks } } }))).toEqual([
      `stack/mesh/web: The group web runs on the network "${mode}". Use the network mode bridge or cni/<name> for a service with a sidecar. (bridge-mode)`,
    ]);
  });

  test("lets a network of CNI pass", () => {
    const override = { group: { Networks: [{ Mode: "cni/mynet" }] } };
    expect(findings((mesh) => mesh.addService("web", { ...web, override }))).toEqual([]);
  });
});

describe("tcp-check-behind-sidecar", () => {
  const healthCheck = HealthCheck.tcp();

  test("fails if a tcp check is to pass Envoy", () => {
    expect(findings((mesh) => mesh.addService("web", { ...web, healthCheck }))).toEqual([
      'stack/mesh/web: The health check "web tcp" opens a tcp connection to a service behind a sidecar. Use HealthCheck.http or .grpc, which pass through Envoy, or .script, which runs in the task. (tcp-check-behind-sidecar)',
    ]);
  });

  test("lets it pass where there is no Envoy", () => {
    expect(findings((mesh) => mesh.addService("web", { ...web, healthCheck, connectNative: true }))).toEqual([]);
  });
});

describe("exposed-path", () => {
  const connected = (props: Partial<MeshServiceBaseProps>) =>
    findings((mesh, api) => mesh.addService("web", web).connectTo(api), props);

  test("fails if a check behind a sidecar asks with a query, or an exposed path has one", () => {
    expect(connected({ healthCheck: HealthCheck.http("/health?full=1") })).toEqual([
      'stack/mesh/api: The health check "api http" behind a sidecar cannot pass. The path "/health?full=1" has a query, but Envoy exposes only paths without one. Omit ? and what follows. (exposed-path)',
    ]);
    expect(connected({ expose: [{ path: "metrics", portLabel: "metrics" }] })).toEqual([
      'stack/mesh/api: An exposed path cannot pass. The path "metrics" does not begin with a slash. Write "/metrics". (exposed-path)',
    ]);
    expect(connected({ healthCheck: HealthCheck.http("/health", { override: { Path: "/a?b" } }) })).toHaveLength(1);
  });

  test("takes a query where the service itself is asked, and the health protocol of gRPC", () => {
    expect(connected({ connectNative: true, publish: 9001, healthCheck: HealthCheck.http("/health?full=1") })).toEqual(
      [],
    );
    expect(connected({ healthCheck: HealthCheck.grpc() })).toEqual([]);
  });
});

describe("task-name", () => {
  test.each([
    ["api", 'Its group has two tasks named "api".'],
    ["connect-proxy-api", 'Its group has two tasks named "connect-proxy-api".'],
    ["a/b", '"a/b" cannot be the name of a task.'],
    ["alloc", '"alloc" cannot be the name of a task.'],
  ])("fails if a further task is named %s", (name, problem) => {
    expect(
      findings((mesh, api) => mesh.addService("web", web).connectTo(api), { tasks: { [name]: anyWorkload } }),
    ).toEqual([expect.stringContaining(problem)]);
  });
});

describe("duplicate-upstream", () => {
  test("fails if overrides make one upstream of two, which Consul refuses to register", () => {
    expect(
      findings((mesh, api) => {
        const service = mesh.addService("web", web);
        service.connectTo(api);
        service.connectTo(api, { datacenter: "dc2", override: { Datacenter: null } });
      }),
    ).toEqual([
      expect.stringMatching(/lacks the upstream api, .*: the override of the upstream api has removed it/),
      "stack/mesh/web: The upstream api is in its job twice. Change the override that adds it. (duplicate-upstream)",
    ]);
  });
});

describe("duplicate-port-label", () => {
  test("fails if two exposed paths share a port", () => {
    const expose = ["/a", "/b"].map((path) => ({ path, portLabel: "metrics" }));
    expect(findings((mesh, api) => mesh.addService("web", web).connectTo(api), { expose })).toEqual([
      'stack/mesh/api: Two exposed paths share the port "metrics", and Envoy exposes one path per port. Use a different portLabel for each path of `expose`. (duplicate-port-label)',
    ]);
  });
});

describe("bound-to-all-interfaces", () => {
  const listening = (workload: Workload, props: Partial<MeshServiceBaseProps> = {}) =>
    findings((mesh, api) => mesh.addService("web", web).connectTo(api), { workload, ...props });

  test("fails if a variable or an argument makes a service listen on every address", () => {
    const env = { BIND_ADDRESS: "0.0.0.0" };
    expect(listening(Workload.docker({ image: "x", env }))).toEqual([
      "stack/mesh/api: The task api listens on 0.0.0.0 (variable BIND_ADDRESS). Behind a sidecar, listen on 127.0.0.1. For clients outside the mesh, use `publish`. (bound-to-all-interfaces)",
    ]);
    expect(listening(Workload.exec({ command: "x", args: ["-listen=0.0.0.0:9001"] }))).toEqual([
      expect.stringContaining('listens on 0.0.0.0 (argument "-listen=0.0.0.0:9001")'),
    ]);
  });

  test("looks at the task of the service only, where the group has several", () => {
    const found = (task: string) =>
      findings((mesh, api) => {
        const everywhere = Workload.docker({ image: "x", env: { BIND_ADDRESS: "0.0.0.0" } });
        const group = mesh.addJob("shop").addGroup("web", { tasks: { server: anyWorkload, other: everywhere } });
        group.addService("page", { port: 8080, task }).connectTo(api);
      }).filter((line) => line.includes("bound-to-all-interfaces"));
    expect(found("server")).toEqual([]);
    expect(found("other")).toEqual([expect.stringContaining("The task other listens on 0.0.0.0")]);
  });

  test.each([
    "[::]:80",
    "::",
    ":::9001",
    "*:80",
    "http://*:80",
    "http://+:80/",
    "tcp://[::]:80",
    "0:9001",
    ":9001",
    "[::0]:80",
  ])("fails if a service listens on %s", (address) => {
    const message = [expect.stringContaining(`The task api listens on ${address} (`)];
    expect(listening(Workload.docker({ image: "x", env: { LISTEN: address } }))).toEqual(message);
    expect(listening(Workload.exec({ command: "x", args: [`--listen=${address}`] }))).toEqual(message);
    expect(listening(Workload.exec({ command: "x", args: ["-c", `run --bind ${address} --workers 2`] }))).toEqual(
      message,
    );
  });

  test.each([
    ...["0.0.0.0/0", "10.0.0.0/8,0.0.0.0/0", "::/0", "::1", "[::1]:80", "::ffff:127.0.0.1", "127.0.0.1:9001"],
    ...[
      "std::string",
      "*",
      "0",
      "*/5 * * * *",
      ":0",
      "0:100",
      "http://[fe80::1]:80",
      "https://0.0.0.0.example",
      "1.0.0.0.0",
    ],
  ])("lets pass %s, which is no such address", (value) => {
    expect(
      listening(Workload.docker({ image: "x", env: { TRUSTED_PROXIES: value }, args: [`--trust=${value}`] })),
    ).toEqual([]);
  });

  test("lets pass hosts that are reached without a proxy", () => {
    const env = { NO_PROXY: "localhost,0.0.0.0", no_proxy: "::" };
    expect(listening(Workload.docker({ image: "x", env }))).toEqual([]);
  });

  test("lets pass a published service, and addresses that only look alike", () => {
    const workload = Workload.docker({ image: "x", env: { BIND_ADDRESS: "0.0.0.0" } });
    expect(listening(workload, { publish: 9001 })).toEqual([]);
    expect(listening(Workload.docker({ image: "x", env: { PEER: "10.0.0.0" } }))).toEqual([]);
  });
});

describe("silence", () => {
  test("accepts a finding at a construct and below, and only that one", () => {
    expect(
      findings((mesh, api) => {
        silence(mesh, "wildcard-allow", "a public echo service");
        api.allowFrom("*");
        mesh.addService("web", { ...web, port: 0 });
      }),
    ).toEqual([expect.stringContaining("(port-range)")]);
  });

  test("fails without a reason", () => {
    const mesh = new ServiceMesh(new TestStack(), "mesh");
    expect(() => {
      silence(mesh, "wildcard-allow", " ");
    }).toThrow(
      'stack/mesh: The check "wildcard-allow" is silenced without a reason. State why the finding is acceptable here.',
    );
  });
});

test("a service whose name only Terraform knows is refused where it stands", () => {
  const stack = new TestStack();
  const mesh = new ServiceMesh(stack, "mesh");
  const { id } = new ConfigEntry(stack, "entry", { kind: "mesh", name: "mesh" });
  expect(() => mesh.addService("web", { ...web, serviceName: id })).toThrow(
    "stack/mesh/web: The name of the service is known only to Terraform. Use a literal: the graph is built from names.",
  );
});
