import {
  Failover,
  HttpPermission,
  type ImportedMesh,
  type MeshService,
  Protocol,
  Redirect,
  type ServiceDefaults,
  ServiceMesh,
  type ServiceMeshProps,
} from "../../constructs";
import type { ServiceConfigEntry } from "../../constructs/consul/generated/config-entries";
import { serviceOf, taskOf } from "../support/job";
import { findingsOf, synthApp, synthStack, TestStack } from "../support/synth";
import { testApp } from "../support/test-app";
import { anyWorkload } from "../support/workload";

const http = { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload };

interface TwoMeshes {
  readonly east: ServiceMesh;
  readonly west: ServiceMesh;
}

/** Two datacenters, each with a mesh gateway. */
function app(build: (meshes: TwoMeshes) => void, props: ServiceMeshProps = {}) {
  const root = testApp();
  const [east, west] = ["dc1", "dc2"].map((datacenter) => {
    const mesh = new ServiceMesh(new TestStack(root, datacenter), "mesh", { datacenter, ...props });
    mesh.addMeshGateway("mesh-gateway");
    return mesh;
  });
  build({ east, west });
  return { dc1: synthApp(root, "dc1"), dc2: synthApp(root, "dc2") };
}

function connected(options: Parameters<MeshService["connectTo"]>[1] = {}) {
  return app(({ east, west }) => {
    const api = west.addService("api", http);
    const web = east.addService("web", { port: 80, publish: 80, workload: anyWorkload });
    web.connectTo(api, { env: "API_URL", ...options });
  });
}

describe("a connection to a service of another datacenter", () => {
  test("is an upstream of a peer here, an intention for a peer there, and makes the service known", () => {
    const { dc1, dc2 } = connected({ localBindPort: 8080 });
    const [group] = dc1.jobs.web.TaskGroups ?? [];
    expect(group.Services?.[0]?.Connect?.SidecarService?.Proxy?.Upstreams).toEqual([
      { DestinationName: "api", DestinationPeer: "dc2", LocalBindPort: 8080 },
    ]);
    expect(group.Tasks?.[0]?.Env).toMatchObject({ API_URL: "http://127.0.0.1:8080" });
    expect(dc2.entries["service-intentions/api"]).toMatchObject({
      Sources: [{ Name: "web", Peer: "dc1", Action: "allow" }],
    });
    expect(dc2.entries["exported-services/default"]).toMatchObject({
      Services: [{ Name: "api", Consumers: [{ Peer: "dc1" }] }],
    });
    expect(dc1.entries).not.toHaveProperty("service-intentions/api");
    expect(dc1.entries).not.toHaveProperty("exported-services/default");
  });

  test("goes through the mesh gateways of both, as what their Consuls tell each other does", () => {
    const { dc1, dc2 } = connected();
    for (const { entries } of [dc1, dc2]) {
      expect(entries["proxy-defaults/global"]).toMatchObject({ MeshGateway: { Mode: "local" } });
      expect(entries["mesh/mesh"]).toMatchObject({ Peering: { PeerThroughMeshGateways: true } });
    }
  });

  test("states the mode of gateways where Consul would add it to an entry of its own accord", () => {
    const mode = (entry: object) => (entry as ServiceConfigEntry).UpstreamConfig?.Defaults?.MeshGateway;
    const connectedBy = (serviceDefaults?: ServiceDefaults) =>
      app(({ east, west }) => {
        const web = east.addService("web", { port: 80, publish: 80, workload: anyWorkload, serviceDefaults });
        web.connectTo(west.addService("api", http));
        east.addService("apart", { port: 81, publish: 81, workload: anyWorkload });
        east.addMeshGateway("limited", { port: 8444, limits: { maxConnections: 5 } });
      }).dc1.entries;
    const entries = connectedBy();
    expect(mode(entries["service-defaults/web"])).toEqual({ Mode: "local" });
    expect(mode(entries["service-defaults/limited"])).toEqual({ Mode: "local" });
    expect(entries["service-defaults/apart"]).not.toHaveProperty("UpstreamConfig");
    const own = connectedBy({ MeshGateway: { Mode: "none" } });
    expect(mode(own["service-defaults/web"])).toEqual({ Mode: "none" });
    const both = connectedBy({
      MeshGateway: { Mode: "none" },
      UpstreamConfig: { Defaults: { MeshGateway: { Mode: "remote" } } },
    });
    expect(mode(both["service-defaults/web"])).toEqual({ Mode: "remote" });
  });

  test("leaves what is stated about gateways as it is", () => {
    const { dc1 } = app(
      ({ east, west }) => {
        east
          .addService("web", { port: 80, publish: 80, workload: anyWorkload })
          .connectTo(west.addService("api", http));
      },
      { proxyDefaults: { MeshGateway: { Mode: "remote" } } },
    );
    expect(dc1.entries["proxy-defaults/global"]).toMatchObject({ MeshGateway: { Mode: "remote" } });
  });

  test("stands beside one to the service of that name in the own datacenter", () => {
    const { dc1, dc2 } = app(({ east, west }) => {
      const web = east.addService("web", { port: 80, publish: 80, workload: anyWorkload });
      for (const mesh of [east, west]) web.connectTo(mesh.addService("api", http));
    });
    const [group] = dc1.jobs.web.TaskGroups ?? [];
    const upstreams = group.Services?.[0]?.Connect?.SidecarService?.Proxy?.Upstreams ?? [];
    expect(upstreams.map(({ DestinationPeer }) => DestinationPeer)).toEqual([undefined, "dc2"]);
    expect(new Set(upstreams.map(({ LocalBindPort }) => LocalBindPort)).size).toBe(2);
    expect(dc1.entries["service-intentions/api"]).toMatchObject({ Sources: [{ Name: "web", Action: "allow" }] });
    expect(dc2.entries["service-intentions/api"]).toMatchObject({ Sources: [{ Name: "web", Peer: "dc1" }] });
  });

  test("can be said in two halves", () => {
    const { dc2 } = app(({ east, west }) => {
      const web = east.addService("web", { port: 80, publish: 80, workload: anyWorkload });
      const api = west.addService("api", http);
      web.addUpstream(api);
      api.allowFrom(web);
    });
    expect(dc2.entries["service-intentions/api"]).toMatchObject({ Sources: [{ Name: "web", Peer: "dc1" }] });
  });
});

describe("traffic rules that lead to another datacenter", () => {
  const failingOver = (say: (apis: { east: MeshService; west: MeshService }, meshes: TwoMeshes) => void) =>
    app((meshes) => {
      const { east, west } = meshes;
      const apis = { east: east.addService("api", http), west: west.addService("api", http) };
      east.addService("web", { port: 80, publish: 80, workload: anyWorkload }).connectTo(apis.east);
      say(apis, meshes);
    });

  test("a failover names the peer, which lets in those who may reach the service here", () => {
    const { dc1, dc2 } = failingOver(({ east, west }) => {
      east.resolve({ failover: Failover.to(west) });
    });
    expect(dc1.entries["service-resolver/api"]).toMatchObject({ Failover: { "*": { Targets: [{ Peer: "dc2" }] } } });
    expect(dc2.entries["service-intentions/api"]).toMatchObject({
      Sources: [{ Name: "web", Peer: "dc1", Action: "allow" }],
    });
    expect(dc2.entries["exported-services/default"]).toMatchObject({
      Services: [{ Name: "api", Consumers: [{ Peer: "dc1" }] }],
    });
  });

  test("each may stand in for the other", () => {
    const { dc1, dc2 } = failingOver(({ east, west }, meshes) => {
      meshes.west.addService("app", { port: 80, publish: 80, workload: anyWorkload }).connectTo(west);
      east.resolve({ failover: Failover.to(west) });
      west.resolve({ failover: Failover.to(east) });
    });
    expect(dc1.entries["service-intentions/api"]).toMatchObject({
      Sources: [{ Name: "app", Peer: "dc2" }, { Name: "web" }],
    });
    expect(dc2.entries["service-intentions/api"]).toMatchObject({
      Sources: [{ Name: "app" }, { Name: "web", Peer: "dc1" }],
    });
  });

  test("where the rules there send requests on, those services let them in too", () => {
    const { dc2 } = failingOver(({ east, west }, meshes) => {
      const next = meshes.west.addService("api-next", http);
      west.split([
        { to: west, weight: 90 },
        { to: next, weight: 10 },
      ]);
      east.resolve({ failover: Failover.to(west) });
    });
    for (const service of ["api", "api-next"]) {
      expect(dc2.entries[`service-intentions/${service}`]).toMatchObject({ Sources: [{ Name: "web", Peer: "dc1" }] });
    }
  });

  test("a redirect, of a virtual service perhaps, names the peer too", () => {
    const { dc1, dc2 } = app(({ east, west }) => {
      const api = west.addService("api", http);
      const alias = east.addVirtualService("api-west", { protocol: Protocol.HTTP, redirect: Redirect.to(api) });
      east.addService("web", { port: 80, publish: 80, workload: anyWorkload }).connectTo(alias);
    });
    expect(dc1.entries["service-resolver/api-west"]).toMatchObject({ Redirect: { Service: "api", Peer: "dc2" } });
    expect(dc2.entries["service-intentions/api"]).toMatchObject({ Sources: [{ Name: "web", Peer: "dc1" }] });
  });
});

test("a service is exported after all that says where requests for it end: Consul refuses a further end of a tcp service later", () => {
  const { dc2 } = app(({ east, west }) => {
    const [store, spare] = ["store", "spare"].map((name) =>
      west.addService(name, { port: 9000, workload: anyWorkload }),
    );
    const api = west.addService("api", http);
    const canary = api.addVersion("canary", { workload: anyWorkload });
    store.resolve({ failover: Failover.to(spare) });
    api.split([
      { to: api, weight: 90 },
      { to: canary, weight: 10 },
    ]);
    api.route({ match: { pathPrefix: "/new" }, to: canary });
    const web = east.addService("web", { port: 80, publish: 80, workload: anyWorkload });
    for (const service of [store, api]) web.connectTo(service);
  });
  const entries = Object.entries(dc2.terraform.resource?.consul_config_entry ?? {});
  const exported = entries.find(([, { kind }]) => kind === "exported-services")?.[1];
  const wanted = ["proxy-defaults", "service-defaults", "service-resolver", "service-splitter", "service-router"];
  const before = entries.filter(([, { kind }]) => wanted.includes(kind as string));
  expect(new Set(before.map(([, { kind }]) => kind))).toEqual(new Set(wanted));
  const addresses = before.map(([id]) => `consul_config_entry.${id}`).sort();
  expect([...((exported?.depends_on ?? []) as string[])].sort()).toEqual(addresses);
});

describe("checks", () => {
  const bare = (build: (meshes: TwoMeshes) => void, props: readonly ServiceMeshProps[] = []) => {
    const root = testApp();
    const [east, west] = ["dc1", "dc2"].map(
      (datacenter, index) =>
        new ServiceMesh(new TestStack(root, datacenter), "mesh", { datacenter, ...props.at(index) }),
    );
    return findingsOf(() => {
      build({ east, west });
      synthApp(root, "dc1");
    });
  };
  const connect = ({ east, west }: TwoMeshes) => {
    const web = east.addService("web", { port: 80, publish: 80, workload: anyWorkload });
    web.connectTo(west.addService("api", http));
  };

  test("datacenter-without-gateway: both ends need a gateway", () => {
    expect(bare(connect)).toEqual([
      'dc1/mesh/web: The upstream api leaves the datacenter "dc1", which has no mesh gateway. None exists yet. Add a mesh gateway there. If another app runs one, add the datacenter to gatewayDatacenters of the mesh. (datacenter-without-gateway)',
      'dc1/mesh/web: The upstream api goes to the datacenter "dc2", which has no mesh gateway. None exists yet. Add a mesh gateway there. If another app runs one, add the datacenter to gatewayDatacenters of the mesh. (datacenter-without-gateway)',
    ]);
    const failover = ({ east, west }: TwoMeshes) => {
      const api = east.addService("api", { ...http, publish: 80 });
      api.resolve({ failover: Failover.to(west.addService("api", { ...http, publish: 80 })) });
      east.addMeshGateway("mesh-gateway");
    };
    expect(bare(failover)).toEqual([
      expect.stringContaining('The failover of api goes to the datacenter "dc2", which has no mesh gateway.'),
    ]);
    expect(bare(failover, [{ gatewayDatacenters: ["dc2"] }])).toEqual([]);
  });

  test("rule-across-datacenters: splits, routes and gateways name a service of their own cluster", () => {
    const gateways = ({ east, west }: TwoMeshes) => {
      east.addMeshGateway("mesh-gateway");
      west.addMeshGateway("mesh-gateway");
    };
    const findings = bare((meshes) => {
      gateways(meshes);
      const api = meshes.east.addService("api", { ...http, publish: 80 });
      const away = meshes.west.addService("api", http);
      api.split([
        { to: api, weight: 50 },
        { to: away, weight: 50 },
      ]);
      away.allowFrom("other", { peer: "dc3" });
    });
    expect(findings).toContain(
      'dc1/mesh/api: The split of api goes to api, which is in the datacenter "dc2". Add a virtual service to dc1/mesh, addVirtualService("api-dc2", { redirect: Redirect.to(…) }), and use that. (rule-across-datacenters)',
    );
  });

  test("rewritten-permissions: they are asked in the datacenter where the request ends", () => {
    const rewriting = (say: (meshes: TwoMeshes, web: MeshService, away: MeshService) => void) =>
      bare(
        (meshes) => {
          const api = meshes.east.addService("api", http);
          const away = meshes.west.addService("api", http);
          const alias = meshes.east.addVirtualService("api-west", {
            protocol: Protocol.HTTP,
            redirect: Redirect.to(away),
          });
          api.route({ match: { pathPrefix: "/old" }, to: alias, prefixRewrite: "/" });
          const web = meshes.east.addService("web", { port: 80, publish: 80, workload: anyWorkload });
          web.connectTo(api, { permissions: [HttpPermission.get("/old")] });
          say(meshes, web, away);
        },
        [{ gatewayDatacenters: ["dc1", "dc2"] }],
      );
    expect(rewriting(() => undefined)).toEqual([
      expect.stringContaining("The permissions of web on api depend on the path, and a route to api rewrites it."),
    ]);
    expect(rewriting((_, web, away) => away.allowFrom(web, { permissions: [HttpPermission.get("/")] }))).toEqual([]);
  });

  test("unnamed-datacenter: of two connected meshes one says where it is", () => {
    expect(bare(connect, [{ datacenter: undefined }])).toEqual([
      "dc1/mesh/web: The upstream api goes to api, but only dc2/mesh sets its datacenter. Set the datacenter of dc1/mesh too. (unnamed-datacenter)",
    ]);
  });

  test("datacenter-name: Consul's own are in lower case, and a peer has the name of a label", () => {
    const named = (datacenter: string, peer: string) => {
      const stack = new TestStack();
      const mesh = new ServiceMesh(stack, "mesh", { datacenter, gatewayDatacenters: [datacenter] });
      mesh.addService("api", { ...http, publish: 80 }).allowFrom("web", { peer });
      return findingsOf(() => synthStack(stack));
    };
    expect(named("dc_1", "Partner-2")).toEqual([]);
    expect(named("d".repeat(63), "p".repeat(63))).toEqual([]);
    expect(named("d".repeat(64), "p".repeat(64))).toHaveLength(2);
    expect(named("DC1", "partner_2")).toEqual([
      'stack/mesh: "DC1" cannot be the name of a datacenter. Use lower-case letters, digits and dashes, at most 63 characters, no dash at either end. (datacenter-name)',
      'stack/mesh/api: "partner_2" cannot be the name of a peer. Use lower-case letters, digits and dashes, at most 63 characters, no dash at either end. (datacenter-name)',
    ]);
  });

  test("two-datacenters-in-one-stack", () => {
    const root = testApp();
    const stack = new TestStack(root, "stack");
    for (const datacenter of ["dc1", "dc2"]) new ServiceMesh(stack, datacenter, { datacenter, proxyDefaults: false });
    expect(findingsOf(() => synthApp(root, "stack"))).toEqual([
      'stack/dc2: Its datacenter is "dc2", but that of stack/dc1 in the same stack is "dc1". Use a separate stack for each datacenter. (two-datacenters-in-one-stack)',
    ]);
  });

  test("protocol-mismatch: the two of a failover speak alike", () => {
    expect(
      bare(
        ({ east, west }) => {
          const api = east.addService("api", { ...http, publish: 80 });
          api.resolve({
            failover: Failover.to(west.addService("api", { ...http, protocol: Protocol.TCP, publish: 81 })),
          });
        },
        [{ gatewayDatacenters: ["dc1", "dc2"] }],
      ),
    ).toEqual([expect.stringContaining("which has the protocol http, refers to api, which has tcp.")]);
  });

  test("intention-without-upstream: a door for another datacenter that nobody there uses", () => {
    expect(
      bare(
        ({ east, west }) => {
          const api = west.addService("api", http);
          api.allowFrom(east.addService("web", { port: 80, publish: 80, workload: anyWorkload }));
        },
        [{ gatewayDatacenters: ["dc1", "dc2"] }],
      ),
    ).toEqual([expect.stringContaining("web can reach api, but has no upstream to it.")]);
  });
});

describe("a mesh that another app owns", () => {
  /** A mesh in dc1, with a gateway, beside one of another app in dc2. */
  function beside(build: (mesh: ServiceMesh, other: ImportedMesh) => void, gateway = true) {
    const stack = new TestStack();
    const mesh = new ServiceMesh(stack, "mesh", { datacenter: "dc1" });
    if (gateway) {
      mesh.addMeshGateway("mesh-gateway");
    }
    build(mesh, ServiceMesh.fromDatacenter(stack, "other", "dc2"));
    return synthStack(stack);
  }

  test("is reached by the name of its datacenter, and nothing is emitted for it", () => {
    const { jobs, entries } = beside((mesh, other) => {
      const web = mesh.addService("web", { port: 80, publish: 80, workload: anyWorkload });
      web.connectTo(other.service("api", { protocol: Protocol.HTTP }), { env: "API", localBindPort: 8080 });
      web.allowFrom(other.service("shop"));
      mesh.addService("api", { port: 81, publish: 81, workload: anyWorkload });
    });
    // That of the same name here is another one.
    expect(entries).not.toHaveProperty(["service-intentions/api"]);
    expect(serviceOf(jobs.web).Connect?.SidecarService?.Proxy?.Upstreams).toEqual([
      { DestinationName: "api", DestinationPeer: "dc2", LocalBindPort: 8080 },
    ]);
    expect(taskOf(jobs.web).Env).toEqual({ API: "http://127.0.0.1:8080" });
    expect(entries["service-intentions/web"]).toMatchObject({ Sources: [{ Name: "shop", Peer: "dc2" }] });
    expect(entries["exported-services/default"]).toMatchObject({
      Services: [{ Name: "web", Consumers: [{ Peer: "dc2" }] }],
    });
    expect(entries["proxy-defaults/global"]).toMatchObject({ MeshGateway: { Mode: "local" } });
    expect(Object.keys(entries).filter((key) => /shop/.test(key))).toEqual([]);
  });

  test("needs a mesh gateway here", () => {
    expect(
      findingsOf(() =>
        beside((mesh, other) => {
          mesh.addService("web", { port: 80, publish: 80, workload: anyWorkload }).connectTo(other.service("api"));
        }, false),
      ),
    ).toEqual([expect.stringContaining('leaves the datacenter "dc1", which has no mesh gateway.')]);
  });
});
