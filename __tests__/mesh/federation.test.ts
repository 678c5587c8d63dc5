import {
  ConsulConfigEntry,
  Failover,
  MeshGatewayMode,
  Protocol,
  Redirect,
  ServiceMesh,
  type ServiceMeshProps,
} from "../../constructs";
import type { ServiceConfigEntry } from "../../constructs/consul/generated/config-entries";
import { serviceOf } from "../support/job";
import { findingsOf, synthApp, TestStack } from "../support/synth";
import { testApp } from "../support/test-app";
import { anyWorkload } from "../support/workload";

const http = { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload };
const page = { port: 80, publish: 80, workload: anyWorkload };

interface TwoMeshes {
  readonly east: ServiceMesh;
  readonly west: ServiceMesh;
}

/** Two datacenters of one federation, whose primary is dc1. */
function meshes(names = ["dc1", "dc2"], props: ServiceMeshProps = {}) {
  const root = testApp();
  const made = new Map(
    names.map((datacenter) => [
      datacenter,
      new ServiceMesh(new TestStack(root, datacenter), "mesh", { datacenter, primaryDatacenter: "dc1", ...props }),
    ]),
  );
  return { root, east: made.get("dc1") as ServiceMesh, west: made.get("dc2") as ServiceMesh };
}

function app(build: (meshes: TwoMeshes) => void) {
  const { root, east, west } = meshes();
  for (const mesh of [east, west]) mesh.addMeshGateway("mesh-gateway");
  build({ east, west });
  return { dc1: synthApp(root, "dc1"), dc2: synthApp(root, "dc2") };
}

/** The names of the sources that an entry allows; none of them is at a peer. */
function sourcesOf(entry: object) {
  const { Sources } = entry as { readonly Sources: readonly object[] };
  expect(Sources).not.toContainEqual(expect.objectContaining({ Peer: expect.anything() as unknown }));
  return Sources.map((source) => (source as { readonly Name: string }).Name);
}

describe("two datacenters of a WAN federation", () => {
  test("a connection is an upstream with a datacenter, and an intention in the primary", () => {
    const { dc1, dc2 } = app(({ east, west }) => {
      const api = west.addService("api", http);
      const options = { localBindPort: 8080, env: "API_URL", meshGateway: MeshGatewayMode.REMOTE };
      east.addService("web", page).connectTo(api, options);
    });
    const [group] = dc1.jobs.web.TaskGroups ?? [];
    expect(group.Services?.[0]?.Connect?.SidecarService?.Proxy?.Upstreams).toEqual([
      { DestinationName: "api", Datacenter: "dc2", LocalBindPort: 8080, MeshGateway: { Mode: "remote" } },
    ]);
    expect(group.Tasks?.[0]?.Env).toMatchObject({ API_URL: "http://127.0.0.1:8080" });
    expect(dc1.entries["service-defaults/api"]).toMatchObject({ Protocol: "http" });
    expect(sourcesOf(dc1.entries["service-intentions/api"])).toEqual(["web"]);
    expect(dc1.entries).not.toHaveProperty("exported-services/default");
    expect(dc2.entries).toEqual({});
  });

  test("traffic leaves by the own mesh gateway, which leads to Consul's servers too", () => {
    const { dc1, dc2 } = app(() => undefined);
    expect(dc1.entries["proxy-defaults/global"]).toMatchObject({ MeshGateway: { Mode: "local" } });
    for (const { jobs } of [dc1, dc2]) {
      expect(serviceOf(jobs["mesh-gateway"])).toMatchObject({ Meta: { "consul-wan-federation": "1" } });
    }
  });

  test("a failover and a redirect have a datacenter", () => {
    const { dc1 } = app(({ east, west }) => {
      const api = east.addService("api", { ...http, publish: 80 });
      api.resolve({ failover: Failover.to(west.addService("api", { ...http, publish: 80 })) });
      const ledger = west.addService("ledger", { ...http, publish: 81 });
      east.addVirtualService("books", { protocol: Protocol.HTTP, redirect: Redirect.to(ledger) });
    });
    expect(dc1.entries["service-resolver/api"]).toMatchObject({
      Failover: { "*": { Targets: [{ Datacenter: "dc2" }] } },
    });
    expect(dc1.entries["service-resolver/books"]).toMatchObject({
      Redirect: { Service: "ledger", Datacenter: "dc2" },
    });
  });

  test("services of the same name share one intentions entry with the sources of both", () => {
    const { dc1 } = app(({ east, west }) => {
      const [here, there] = [east, west].map((mesh) => mesh.addService("api", http));
      east.addService("web", page).connectTo(here);
      west.addService("batch", page).connectTo(there);
    });
    expect(sourcesOf(dc1.entries["service-intentions/api"])).toEqual(["batch", "web"]);
  });

  test("an intention of a virtual service is derived for where it leads", () => {
    const { dc1 } = app(({ east, west }) => {
      const ledger = west.addService("ledger", http);
      const books = east.addVirtualService("books", { protocol: Protocol.HTTP, redirect: Redirect.to(ledger) });
      east.addService("web", page).connectTo(books);
    });
    expect(sourcesOf(dc1.entries["service-intentions/ledger"])).toEqual(["web"]);
  });
});

describe("checks of a WAN federation", () => {
  const findings = (build: (meshes: TwoMeshes) => void, names?: readonly string[], props?: ServiceMeshProps) =>
    findingsOf(() => {
      const { root, ...both } = meshes([...(names ?? ["dc1", "dc2"])], props);
      build(both);
      synthApp(root, "dc1");
    });
  const gateways = { gatewayDatacenters: ["dc1", "dc2"] };

  test("federation-without-gateway: each datacenter needs one, whatever is connected", () => {
    expect(findings(({ east }) => east.addMeshGateway("mesh-gateway"))).toEqual([
      'dc2/mesh: Its datacenter "dc2" is in the WAN federation of "dc1", but has no mesh gateway. Add one with addMeshGateway. If another app runs one, add the datacenter to gatewayDatacenters of the mesh. (federation-without-gateway)',
    ]);
    expect(findings(() => undefined, undefined, gateways)).toEqual([]);
  });

  test("entry-in-secondary: the mesh of the primary comes first, and has what is written manually", () => {
    const entry = ({ west }: TwoMeshes) =>
      new ConsulConfigEntry<ServiceConfigEntry>(west.node.scope as TestStack, "Own", {
        kind: "service-defaults",
        name: "legacy",
        entry: () => ({ Protocol: "http" }),
      });
    expect(findings(entry, undefined, gateways)).toEqual([
      'dc2/Own: The config entry service-defaults/legacy is in a stack of the datacenter "dc2", but dc1 is the primary. Create dc1/mesh before the meshes of other datacenters. Put entries that you write manually in its stack. (entry-in-secondary)',
    ]);
    expect(findings(() => undefined, ["dc2", "dc1"], gateways)).toEqual([
      expect.stringContaining('The config entry proxy-defaults/global is in a stack of the datacenter "dc2"'),
    ]);
  });

  test("different-entries-in-federation: services of the same name have the same options", () => {
    const both = (options: object) =>
      findings(
        ({ east, west }) => {
          east.addService("api", { ...http, publish: 80 });
          west.addService("api", { ...http, publish: 80, ...options });
        },
        undefined,
        gateways,
      );
    expect(both({})).toEqual([]);
    expect(both({ serviceDefaults: { MaxInboundConnections: 5 } })).toEqual([
      "dc2/mesh/api/Defaults: Its config entry service-defaults/api differs from that of dc1/mesh/api/Defaults in the same WAN federation. Set the same options for both, or set the options of traffic rules only in the primary datacenter. (different-entries-in-federation)",
    ]);
  });

  test("rule-across-datacenters: splits name a service of their own datacenter", () => {
    const split = ({ east, west }: TwoMeshes) => {
      const api = east.addService("api", { ...http, publish: 80 });
      const away = west.addService("other", { ...http, publish: 80 });
      api.split([
        { to: api, weight: 50 },
        { to: away, weight: 50 },
      ]);
    };
    expect(findings(split, undefined, gateways)).toContainEqual(
      expect.stringContaining('The split of api goes to other, which is in the datacenter "dc2".'),
    );
  });
});
