import { TerraformVariable } from "cdktf";
import {
  ApiGatewayListener,
  HealthCheck,
  HttpPermission,
  IngressListener,
  MeshService,
  Protocol,
  Template,
  Workload,
  type nomad,
} from "../../constructs";
import type { MeshGraph } from "../../graph/model";
import { readMeshGraph } from "../../graph/read";
import { allow, edgeOf, graphOf, handWritten, nodeOf, serviceJob, stackOf } from "../support/mesh-graph";
import { anyWorkload } from "../support/workload";

describe("a mesh of Meshform", () => {
  test("its services have what people ask for: protocol, port, instances, checks, what is published", () => {
    const graph = graphOf((mesh) => {
      mesh.addService("api", {
        port: 9001,
        protocol: Protocol.HTTP,
        count: 3,
        publish: 80,
        workload: anyWorkload,
        healthCheck: HealthCheck.http("/health"),
      });
      mesh.addService("store", { port: 5432, workload: anyWorkload, connectNative: true });
    });
    expect(nodeOf(graph, "api")).toEqual({
      id: "api",
      kind: "service",
      name: "api",
      protocol: "http",
      port: "9001",
      published: [80],
      proxy: "sidecar",
      checks: ["http /health"],
      jobs: [{ id: "api", stack: "stack", instances: 3 }],
    });
    expect(nodeOf(graph, "store")).toMatchObject({ protocol: "tcp", proxy: "connect native" });
    expect(graph.notes).toEqual([]);
  });

  test("an upstream to a prepared query leads to the service that it looks up, and one on a Unix socket shows its path", () => {
    const graph = graphOf((mesh) => {
      const api = mesh.addService("api", { port: 9001, workload: anyWorkload });
      const store = mesh.addService("store", { port: 5432, workload: anyWorkload });
      const web = mesh.addService("web", { port: 80, workload: anyWorkload });
      const { queryName } = mesh.addPreparedQuery("passing-api", { service: api, onlyPassing: true });
      mesh.addPreparedQuery("near-", { service: "${match(1)}", template: { regexp: "^near-(.+)$" } });
      web.connectTo(api, { localBindPort: 5000, preparedQuery: queryName });
      web.connectTo(store, { localBindSocketPath: "alloc/tmp/store.sock" });
      for (const [name, localBindPort] of [
        ["near-", 5001],
        ["of-another-team", 5002],
      ] as const) {
        web.addUpstream(api, { localBindPort, preparedQuery: name });
      }
    });
    expect(edgeOf(graph, "web", "api")).toMatchObject({
      ways: ["127.0.0.1:5000"],
      permission: { allowed: "all" },
      remarks: ["by the prepared query passing-api, without traffic rules"],
    });
    expect(edgeOf(graph, "web", "store")).toMatchObject({ ways: ["alloc/tmp/store.sock"] });
    expect(graph.notes).toEqual(
      ["near-", "of-another-team"].map(
        (query) =>
          `The upstream of web to the prepared query ${query} is not drawn: the app does not say which service it looks up.`,
      ),
    );
  });

  test("each gateway is one box with what it leads to, without the proxy service by which its Envoy reaches Consul", () => {
    const graph = graphOf((mesh) => {
      const api = mesh.addService("api", { port: 1, protocol: Protocol.HTTP, workload: anyWorkload });
      const gateway = mesh.addApiGateway("door", { listeners: [ApiGatewayListener.http({ port: 8080 })] });
      gateway.connectTo(api, { hosts: ["api.example"] });
      mesh.addIngressGateway("old-door", { listeners: [IngressListener.http({ port: 8081 })] }).connectTo(api);
      const mail = mesh.addExternalService("mail", { address: "192.0.2.7", port: 25, plaintext: "It is a test." });
      mesh.addTerminatingGateway("exit").addService(mail);
      api.connectTo(mail);
      mesh.addMeshGateway("wan");
    });
    expect(graph.nodes.map(({ name, kind, gateway }) => [name, gateway ?? kind]).sort()).toEqual([
      ["api", "service"],
      ["door", "api"],
      ["exit", "terminating"],
      ["mail", "external"],
      ["old-door", "ingress"],
      ["outside callers", "callers"],
      ["wan", "mesh"],
    ]);
    expect(nodeOf(graph, "door")).toMatchObject({ listeners: ["http :8080"], published: [8080] });
    expect(graph.edges.map(({ source, destination }) => `${source} → ${destination}`).sort()).toEqual([
      "api → mail",
      "door → api",
      "exit → mail",
      "old-door → api",
      "outside callers → door",
      "outside callers → old-door",
    ]);
    expect(edgeOf(graph, "outside callers", "old-door")).toMatchObject({ kind: "enters", ways: ["http :8081"] });
    expect(graph.notes).toEqual([]);
  });

  test("callers from outside reach published ports, past the Envoys, and sidecars of which mutual TLS is permissive", () => {
    const transparent = (ID: string) => ({
      ID,
      TaskGroups: [{ Services: [{ Name: ID, Connect: { SidecarService: { Proxy: { TransparentProxy: {} } } } }] }],
    });
    const entries = (mode: "permissive" | "strict") => [
      { Kind: "proxy-defaults" as const, Name: "global", MutualTLSMode: mode },
      { Kind: "service-defaults" as const, Name: "strict", MutualTLSMode: "strict" as const },
    ];
    const reached = (graph: MeshGraph) =>
      graph.edges.filter(({ kind }) => kind === "enters").map(({ destination }) => destination);
    const jobs = [transparent("legacy"), transparent("strict"), serviceJob("plain")];
    const graph = readMeshGraph([handWritten({ jobs, entries: entries("permissive") })]);
    expect(reached(graph)).toEqual(["legacy"]);
    expect(reached(readMeshGraph([handWritten({ jobs, entries: entries("strict") })]))).toEqual([]);
    const published = graphOf((mesh) => {
      mesh.addService("page", { port: 8000, publish: 8001, workload: anyWorkload });
      mesh.addService("inner", { port: 8000, workload: anyWorkload });
    });
    expect(reached(published)).toEqual(["page"]);
    expect(edgeOf(published, "outside callers", "page")).toMatchObject({
      ways: ["port 8001 of its hosts"],
      remarks: ["past the Envoys: no intention decides, and nothing is counted"],
    });
    expect(nodeOf(published, "outside callers").kind).toBe("callers");
  });

  test("a connection is one arrow with its way and its permission", () => {
    const graph = graphOf((mesh) => {
      const api = mesh.addService("api", { port: 1, protocol: Protocol.HTTP, workload: anyWorkload });
      const web = mesh.addService("web", { port: 1, workload: anyWorkload });
      web.connectTo(api, { localBindPort: 8080, description: "shows it" });
    });
    expect(graph.edges).toEqual([
      {
        id: "web → api (connection)",
        kind: "connection",
        source: "web",
        destination: "api",
        ways: ["127.0.0.1:8080"],
        permission: { allowed: "all", description: "shows it" },
      },
    ]);
  });

  test("permissions on requests are told in the order in which they are asked, without the values of headers", () => {
    const graph = graphOf((mesh) => {
      const api = mesh.addService("api", { port: 1, protocol: Protocol.HTTP, workload: anyWorkload });
      mesh.addService("web", { port: 1, workload: anyWorkload }).connectTo(api, {
        permissions: [
          HttpPermission.deny({ pathExact: "/admin" }),
          HttpPermission.get("/v1/"),
          HttpPermission.allow({
            headers: [
              { name: "x-key", exact: "hunter2" },
              { name: "x-no", present: true, invert: true },
            ],
          }),
        ],
      });
    });
    expect(edgeOf(graph, "web", "api").permission).toEqual({
      allowed: "some requests",
      rules: ["deny /admin", "allow GET, HEAD /v1/*", "allow with header x-key without header x-no"],
    });
  });

  test("what another team owns is a name, and who may reach it is for that team to say", () => {
    const graph = graphOf((mesh, stack) => {
      const web = mesh.addService("web", { port: 1, workload: anyWorkload });
      web.addUpstream(MeshService.fromServiceName(stack, "billing", "billing"));
    });
    expect(nodeOf(graph, "billing")).toEqual({ id: "billing", kind: "name", name: "billing" });
    expect(edgeOf(graph, "web", "billing").permission).toEqual({ allowed: "unknown" });
  });

  test("a value that Terraform knows later does not hide the rest of its job", () => {
    const graph = graphOf((mesh, stack) => {
      const image = new TerraformVariable(stack, "image", { type: "string" });
      mesh.addService("api", { port: 1, workload: Workload.docker({ image: image.stringValue }) });
    });
    expect(nodeOf(graph, "api").kind).toBe("service");
    expect(graph.notes).toEqual([]);
  });

  test("no secret gets into the graph: no environment, template, argument, tag or metadata of a job", () => {
    const secret = "hunter2";
    const graph = graphOf((mesh) => {
      mesh.addService("api", {
        port: 1,
        workload: Workload.docker({
          image: `example/app:${secret}`,
          env: { PASSWORD: secret },
          args: ["--password", secret],
          templates: [Template.text(secret, { destination: "secrets/password" })],
        }),
        tags: [secret],
        meta: { password: secret },
        jobMeta: { password: secret },
      });
    });
    expect(graph.nodes).toHaveLength(1);
    expect(JSON.stringify(graph)).not.toContain(secret);
  });
});

describe("which service can reach which", () => {
  const page = serviceJob("page", [{ DestinationName: "api", LocalBindPort: 8080 }]);
  const api = serviceJob("api");

  function permission(...entries: Parameters<typeof handWritten>[0]["entries"] & object) {
    return edgeOf(readMeshGraph([handWritten({ jobs: [page, api], entries })]), "page", "api").permission;
  }

  test("an upstream that no intention lets in is refused", () => {
    expect(permission()).toEqual({ allowed: "no" });
    expect(permission(allow("api", "other"))).toEqual({ allowed: "no" });
  });

  test("exact names go before wildcards, the destination's first", () => {
    const deny = (destination: string, source: string) => ({
      Kind: "service-intentions" as const,
      Name: destination,
      Sources: [{ Name: source, Action: "deny" }],
    });
    expect(permission(allow("*", "*"))).toEqual({ allowed: "all", wildcard: true });
    expect(permission(allow("*", "*"), deny("*", "page"))).toMatchObject({ allowed: "no" });
    expect(permission(allow("*", "page"), deny("api", "*"))).toMatchObject({ allowed: "no" });
    expect(permission(deny("api", "*"), deny("*", "page"), allow("api", "page"))).toEqual({ allowed: "all" });
  });

  test("an intention without an upstream is an arrow of its own, and so is a wildcard", () => {
    const graph = readMeshGraph([handWritten({ jobs: [api], entries: [allow("api", "cron", "*")] })]);
    expect(edgeOf(graph, "cron", "api")).toMatchObject({ kind: "connection", permission: { allowed: "all" } });
    expect(edgeOf(graph, "cron", "api").ways).toBeUndefined();
    expect(nodeOf(graph, "any source")).toMatchObject({ kind: "any", name: "any service" });
    expect(edgeOf(graph, "any source", "api").permission).toEqual({ allowed: "all", wildcard: true });
  });

  test("a source of a peer is that peer's, and lets no local service of the same name in", () => {
    const entry = { ...allow("api"), Sources: [{ Name: "page", Peer: "north", Action: "allow" }] };
    const graph = readMeshGraph([handWritten({ jobs: [page, api], entries: [entry] })]);
    expect(edgeOf(graph, "page", "api").permission).toEqual({ allowed: "no" });
    expect(edgeOf(graph, "peer north/page", "api").permission).toEqual({ allowed: "all" });
    expect(graph.groups).toEqual([{ id: "peer north", kind: "peer", name: "north" }]);
  });

  test("a token that is asked for is told", () => {
    const JWT = { Providers: [{ Name: "auth0" }] };
    expect(permission({ ...allow("api", "page"), JWT })).toEqual({
      allowed: "some requests",
      rules: ["only with a token of auth0"],
    });
  });
});

describe("where traffic goes", () => {
  const api = serviceJob("api");

  test("subsets hang on their service, by a split where there is one", () => {
    const graph = readMeshGraph([
      handWritten({
        jobs: [api],
        entries: [
          {
            Kind: "service-resolver",
            Name: "api",
            DefaultSubset: "v1",
            Subsets: { v1: { Filter: "Service.Meta.version == 1" }, v2: {}, dev: {} },
          },
          {
            Kind: "service-splitter",
            Name: "api",
            Splits: [
              { Weight: 90, ServiceSubset: "v1" },
              { Weight: 10, ServiceSubset: "v2" },
            ],
          },
        ],
      }),
    ]);
    expect(nodeOf(graph, "api@v1")).toMatchObject({
      kind: "subset",
      isDefault: true,
      filter: "Service.Meta.version == 1",
    });
    expect(edgeOf(graph, "api", "api@v1")).toMatchObject({ kind: "split", weight: 90 });
    expect(edgeOf(graph, "api", "api@v2")).toMatchObject({ kind: "split", weight: 10 });
    expect(edgeOf(graph, "api", "api@dev").kind).toBe("subset");
  });

  test("routes tell their requests, and several to one place are one arrow", () => {
    const graph = readMeshGraph([
      handWritten({
        jobs: [api, serviceJob("admin")],
        entries: [
          {
            Kind: "service-router",
            Name: "api",
            Routes: [
              { Match: { HTTP: { PathPrefix: "/admin" } }, Destination: { Service: "admin", PrefixRewrite: "/" } },
              { Match: { HTTP: { PathExact: "/root", Methods: ["PUT"] } }, Destination: { Service: "admin" } },
              {
                Match: { HTTP: { Header: [{ Name: "x-canary", Exact: "hunter2" }] } },
                Destination: { ServiceSubset: "v2" },
              },
            ],
          },
        ],
      }),
    ]);
    expect(edgeOf(graph, "api", "admin")).toMatchObject({
      kind: "route",
      matches: ["/admin*", "PUT /root"],
      remarks: ["the path prefix becomes /"],
    });
    expect(edgeOf(graph, "api", "api@v2").matches).toEqual(["with header x-canary"]);
  });

  test("a route that leads nowhere else, for all requests, is no arrow", () => {
    const graph = readMeshGraph([
      handWritten({
        jobs: [api],
        entries: [
          {
            Kind: "service-router",
            Name: "api",
            Routes: [
              { Match: { HTTP: { PathPrefix: "/slow" } }, Destination: { RequestTimeout: "60s" } },
              { Destination: { NumRetries: 3 } },
            ],
          },
        ],
      }),
    ]);
    expect(edgeOf(graph, "api", "api").matches).toEqual(["/slow*"]);
  });

  test("failover and redirect lead to other datacenters, peers and services", () => {
    const graph = readMeshGraph([
      handWritten({
        datacenter: "dc1",
        jobs: [api],
        entries: [
          { Kind: "service-resolver", Name: "api", Failover: { "*": { Datacenters: ["dc2", "dc3"] } } },
          {
            Kind: "service-resolver",
            Name: "store",
            Failover: { v1: { Targets: [{ Peer: "north" }, { Service: "old-store" }] } },
          },
          { Kind: "service-resolver", Name: "shop", Redirect: { Service: "api", ServiceSubset: "v2" } },
        ],
      }),
    ]);
    expect(edgeOf(graph, "dc1/api", "dc2/api")).toMatchObject({ kind: "failover", choice: 1 });
    expect(edgeOf(graph, "dc1/api", "dc3/api")).toMatchObject({ kind: "failover", choice: 2 });
    expect(edgeOf(graph, "dc1/store@v1", "peer north/store").kind).toBe("failover");
    expect(edgeOf(graph, "dc1/store@v1", "dc1/old-store").kind).toBe("failover");
    expect(edgeOf(graph, "dc1/shop", "dc1/api@v2").kind).toBe("redirect");
    expect(nodeOf(graph, "dc1/shop").kind).toBe("virtual");
    expect(graph.groups.map(({ id }) => id)).toEqual(["dc1", "dc2", "dc3", "peer north"]);
  });

  test("a service of another datacenter is that one's, and entries there speak of it", () => {
    const upstream = { DestinationName: "api", Datacenter: "dc2", LocalBindPort: 1, MeshGateway: { Mode: "local" } };
    const graph = readMeshGraph([
      handWritten({ datacenter: "dc1", jobs: [serviceJob("page", [upstream])] }, "west"),
      handWritten({ datacenter: "dc2", jobs: [api], entries: [allow("api", "page")] }, "east"),
    ]);
    expect(edgeOf(graph, "dc1/page", "dc2/api")).toMatchObject({
      permission: { allowed: "all" },
      remarks: ["through the mesh gateway, mode local"],
    });
    expect(nodeOf(graph, "dc2/api").jobs).toEqual([{ id: "api", stack: "east", instances: 1 }]);
  });
});

describe("a virtual service", () => {
  const web = serviceJob("web", [{ DestinationName: "shop", LocalBindPort: 1 }]);
  const splitter = {
    Kind: "service-splitter" as const,
    Name: "shop",
    Splits: [
      { Weight: 60, Service: "old" },
      { Weight: 40, Service: "new", ServiceSubset: "v2" },
    ],
  };
  const shopFor = (...entries: ReturnType<typeof allow>[]) =>
    readMeshGraph([
      handWritten({ jobs: [web, serviceJob("old"), serviceJob("new")], entries: [splitter, ...entries] }),
    ]);

  test("has no door of its own: where it leads it is decided who gets in", () => {
    expect(edgeOf(shopFor(), "web", "shop").permission).toEqual({ allowed: "no" });
    expect(edgeOf(shopFor(allow("old", "web"), allow("new", "web")), "web", "shop").permission).toEqual({
      allowed: "all",
    });
    expect(edgeOf(shopFor(allow("old", "web")), "web", "shop").permission).toEqual({
      allowed: "some requests",
      rules: ["at new: nothing", "at old: everything"],
    });
  });

  test("is the way to what it leads to", () => {
    const edge = edgeOf(shopFor(allow("old", "web"), allow("new", "web")), "web", "new");
    expect(edge.ways).toBeUndefined();
    expect(edge.remarks).toEqual(["by way of shop"]);
  });

  test("that leads in a circle ends nowhere", () => {
    const circle = ["shop", "store"].map((name, index) => ({
      Kind: "service-resolver" as const,
      Name: name,
      Redirect: { Service: index === 0 ? "store" : "shop" },
    }));
    const graph = readMeshGraph([handWritten({ jobs: [web], entries: circle })]);
    expect(edgeOf(graph, "web", "shop").permission).toEqual({ allowed: "unknown" });
  });
});

describe("the edge of the mesh", () => {
  const gatewayJob = (name: string, Gateway: nomad.ConsulGateway): nomad.Job => ({
    ID: name,
    TaskGroups: [
      {
        Networks: [{ ReservedPorts: [{ Label: "wan", Value: 8443 }] }],
        Services: [{ Name: name, PortLabel: "wan", Connect: { Gateway } }],
      },
    ],
  });

  test("an ingress gateway leads to its services, and needs their intention like anybody", () => {
    const Listeners = [{ Port: 8080, Protocol: "http", Services: [{ Name: "page", Hosts: ["shop.example"] }] }];
    const expected = { ways: ["http :8080"], matches: ["shop.example"], permission: { allowed: "all" } };
    const fromEntry = readMeshGraph([
      handWritten({
        jobs: [serviceJob("page")],
        entries: [{ Kind: "ingress-gateway", Name: "door", Listeners }, allow("page", "door")],
      }),
    ]);
    const fromJob = readMeshGraph([
      handWritten({
        jobs: [serviceJob("page"), gatewayJob("door", { Ingress: { Listeners } })],
        entries: [allow("page", "door")],
      }),
    ]);
    for (const graph of [fromEntry, fromJob]) {
      expect(nodeOf(graph, "door")).toMatchObject({ kind: "gateway", gateway: "ingress", listeners: ["http :8080"] });
      expect(edgeOf(graph, "door", "page")).toMatchObject(expected);
    }
    expect(nodeOf(fromJob, "door")).toMatchObject({ port: "8443", published: [8443] });
  });

  test("an API gateway's routes tell hosts and requests", () => {
    const graph = readMeshGraph([
      handWritten({
        jobs: [serviceJob("page"), serviceJob("store")],
        entries: [
          { Kind: "api-gateway", Name: "door", Listeners: [{ Name: "web", Port: 443, Protocol: "http" }] },
          {
            Kind: "http-route",
            Name: "pages",
            Parents: [{ Kind: "api-gateway", Name: "door", SectionName: "web" }],
            Hostnames: ["shop.example"],
            Rules: [
              { Matches: [{ Path: { Match: "prefix", Value: "/v1/" }, Method: "GET" }], Services: [{ Name: "page" }] },
            ],
          },
          {
            Kind: "tcp-route",
            Name: "raw",
            Parents: [{ Kind: "api-gateway", Name: "door" }],
            Services: [{ Name: "store" }],
          },
          allow("page", "door"),
        ],
      }),
    ]);
    expect(nodeOf(graph, "door")).toMatchObject({ gateway: "api", listeners: ["http :443"] });
    expect(edgeOf(graph, "door", "page")).toMatchObject({
      ways: ["listener web"],
      matches: ["GET /v1/*"],
      remarks: ["for the hosts shop.example"],
      permission: { allowed: "all" },
    });
    expect(edgeOf(graph, "door", "store")).toMatchObject({ ways: ["every listener"], permission: { allowed: "no" } });
  });

  test("what a terminating gateway carries is outside, with its address", () => {
    const graph = readMeshGraph([
      handWritten({
        jobs: [serviceJob("page", [{ DestinationName: "mail", LocalBindPort: 25 }])],
        entries: [
          { Kind: "terminating-gateway", Name: "exit", Services: [{ Name: "mail" }, { Name: "maps" }] },
          allow("mail", "page"),
          {
            Kind: "service-defaults",
            Name: "maps",
            Protocol: "http",
            Destination: { Addresses: ["maps.example"], Port: 443 },
          },
        ],
        resource: {
          consul_node: { out: { name: "outside", address: "mail.example" } },
          consul_service: { mail: { name: "mail", node: "${consul_node.out.name}", port: 25 } },
        },
      }),
    ]);
    expect(nodeOf(graph, "mail")).toMatchObject({ kind: "external", addresses: ["mail.example:25"] });
    expect(nodeOf(graph, "maps")).toMatchObject({
      kind: "external",
      protocol: "http",
      addresses: ["maps.example:443"],
    });
    expect(edgeOf(graph, "exit", "mail").kind).toBe("carries");
    expect(edgeOf(graph, "page", "mail").permission).toEqual({ allowed: "all" });
  });

  test("a mesh gateway stands in its datacenter, and what is exported says to whom", () => {
    const graph = readMeshGraph([
      handWritten({
        datacenter: "dc1",
        jobs: [gatewayJob("wan", { Mesh: {} }), serviceJob("api")],
        entries: [
          { Kind: "exported-services", Name: "default", Services: [{ Name: "api", Consumers: [{ Peer: "north" }] }] },
        ],
      }),
    ]);
    expect(nodeOf(graph, "dc1/wan")).toMatchObject({ kind: "gateway", gateway: "mesh", group: "dc1" });
    expect(nodeOf(graph, "dc1/api").exportedTo).toEqual(["peer north"]);
  });
});

test("protocols come from service-defaults, else from proxy-defaults", () => {
  const graph = readMeshGraph([
    handWritten({
      jobs: [serviceJob("api"), serviceJob("store")],
      entries: [
        { Kind: "proxy-defaults", Name: "global", Config: { protocol: "http" } },
        { Kind: "service-defaults", Name: "store", Protocol: "tcp" },
      ],
    }),
  ]);
  expect(nodeOf(graph, "api").protocol).toBe("http");
  expect(nodeOf(graph, "store").protocol).toBe("tcp");
});

test("the graph does not depend on the order of what it is read from", () => {
  const jobs = [serviceJob("web", [{ DestinationName: "api" }, { DestinationName: "store" }]), serviceJob("api")];
  const entries = [allow("api", "web"), allow("store", "web"), allow("*", "cron")];
  const forwards = readMeshGraph([handWritten({ jobs, entries }, "s")]);
  const backwards = readMeshGraph([handWritten({ jobs: [...jobs].reverse(), entries: [...entries].reverse() }, "s")]);
  expect(backwards).toEqual(forwards);
});

test("what is not of the mesh is passed over, and what cannot be read is named", () => {
  const graph = readMeshGraph([
    stackOf("mixed", {
      resource: {
        aws_instance: { host: { ami: "ami-1" } },
        nomad_job: {
          batch: { jobspec: JSON.stringify({ ID: "batch", TaskGroups: [{ Name: "batch" }] }), json: true },
          hcl: { jobspec: 'job "old" {}' },
          file: { jobspec: '${file("job.hcl")}' },
        },
      },
    }),
  ]);
  expect(graph.nodes).toEqual([]);
  expect(graph.notes).toEqual([
    "mixed/nomad_job.hcl is not drawn: its document is not JSON.",
    'mixed/nomad_job.file is not drawn: the expression `${file("job.hcl")}` is not understood.',
  ]);
});
