import {
  Failover,
  HttpPermission,
  Protocol,
  Redirect,
  type consul,
  type MeshService,
  type ServiceMesh,
} from "../../../constructs";
import { synthMesh } from "../../support/synth";
import { anyWorkload } from "../../support/workload";

const http = { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload };

/** Who may reach the services `api`, `a` and `b`, where `web` is connected to `api` alone. */
function sources(say: (api: MeshService, a: MeshService, b: MeshService, mesh: ServiceMesh, web: MeshService) => void) {
  const { entries } = synthMesh((mesh) => {
    const [api, a, b] = ["api", "a", "b"].map((name) => mesh.addService(name, http));
    const web = mesh.addService("web", { port: 80, publish: 80, workload: anyWorkload });
    web.connectTo(api);
    say(api, a, b, mesh, web);
  });
  return Object.fromEntries(
    ["api", "a", "b"].map((name) => {
      const entry = entries[`service-intentions/${name}`] as consul.ServiceIntentionsConfigEntry | undefined;
      return [name, entry?.Sources?.map(({ Name }) => Name)];
    }),
  );
}

describe("who may reach a service may reach where its rules lead", () => {
  test("by a route", () => {
    expect(
      sources((api, a) => {
        api.route({ match: { pathPrefix: "/a" }, to: a, prefixRewrite: "/" });
      }),
    ).toEqual({ api: ["web"], a: ["web"] });
  });

  test("by splits that lead to further splits", () => {
    expect(
      sources((api, a, b) => {
        api.split([
          { to: api, weight: 50 },
          { to: a, weight: 50 },
        ]);
        a.split([{ to: b, weight: 100 }]);
      }),
    ).toEqual({ api: ["web"], b: ["web"] });
  });

  test("by a failover, which leads no further", () => {
    expect(
      sources((api, a, b) => {
        api.resolve({ failover: Failover.to(a) });
        a.resolve({ failover: Failover.to(b) });
      }),
    ).toEqual({ api: ["web"], a: ["web"] });
  });

  test("by the failover of just the subset that answers", () => {
    expect(
      sources((api, a, b) => {
        const v1 = api.addSubset("v1", "a == 1");
        api.addSubset("v2", "a == 2");
        api.resolve({ defaultSubset: v1, failover: { v1: Failover.to(a), v2: Failover.to(b) } });
      }),
    ).toEqual({ api: ["web"], a: ["web"] });
  });

  test("by redirects, one after the other", () => {
    expect(
      sources((api, a, b) => {
        api.resolve({ redirect: Redirect.to(a) });
        a.resolve({ redirect: Redirect.to(b) });
      }),
    ).toEqual({ api: ["web"], b: ["web"] });
  });

  test("but not by the routes of where it leads: Consul asks only those of the name that was called", () => {
    expect(
      sources((api, a, b) => {
        api.split([{ to: a, weight: 100 }]);
        a.route({ match: { pathPrefix: "/b" }, to: b });
      }),
    ).toEqual({ api: ["web"], a: ["web"] });
  });

  test("but not in another cluster, which has intentions of its own", () => {
    expect(
      sources((api, a) => {
        api.resolve({ failover: Failover.targets({ to: a, peer: "partner" }) });
      }),
    ).toEqual({ api: ["web"] });
  });

  test("by a name without instances", () => {
    expect(
      sources((_api, a, b, mesh, web) => {
        const both = mesh.addVirtualService("both", {
          protocol: Protocol.HTTP,
          splits: [
            { to: a, weight: 50 },
            { to: b, weight: 50 },
          ],
        });
        web.connectTo(both);
      }),
    ).toEqual({ api: ["web"], a: ["web"], b: ["web"] });
  });
});

test("permissions go with it, unless something was said there", () => {
  const sourcesOf = (say: (a: MeshService, web: MeshService) => void) => {
    const { entries } = synthMesh((mesh) => {
      const [api, a] = ["api", "a"].map((name) => mesh.addService(name, http));
      const web = mesh.addService("web", { port: 80, publish: 80, workload: anyWorkload });
      web.connectTo(api, { permissions: [HttpPermission.get("/v1")] });
      api.resolve({ failover: Failover.to(a) });
      say(a, web);
    });
    return (entries["service-intentions/a"] as consul.ServiceIntentionsConfigEntry).Sources;
  };
  expect(sourcesOf(() => undefined)).toMatchObject([
    { Permissions: [{ HTTP: { PathExact: "/v1" } }, { HTTP: { PathPrefix: "/v1/" } }] },
  ]);
  expect(sourcesOf((a, web) => a.allowFrom(web))).toEqual([
    { Name: "web", Action: "allow", Precedence: 9, Type: "consul" },
  ]);
});

test("a virtual service is a name with a protocol and rules, and no job", () => {
  const { entries, jobs } = synthMesh((mesh) => {
    const api = mesh.addService("api", http);
    mesh.addVirtualService("old", { serviceName: "api-old", protocol: Protocol.HTTP, redirect: Redirect.to(api) });
    mesh.addVirtualService("all", {
      protocol: Protocol.HTTP,
      connectTimeout: "1s",
      requestTimeout: "2s",
      failover: Failover.peers("partner"),
      routes: [{ match: { pathPrefix: "/a" }, to: api }],
    });
    mesh.addService("web", { port: 80, publish: 80, workload: anyWorkload }).connectTo("api-old", { env: "API" });
  });
  expect(Object.keys(jobs)).toEqual(["api", "web"]);
  expect(jobs.web.TaskGroups?.[0].Tasks?.[0].Env).toEqual({ API: "http://${NOMAD_UPSTREAM_ADDR_api_old}" });
  expect(entries["service-defaults/api-old"]).toEqual({
    Kind: "service-defaults",
    Name: "api-old",
    Protocol: "http",
    TransparentProxy: {},
  });
  expect(entries["service-resolver/api-old"]).toMatchObject({ Redirect: { Service: "api" } });
  expect(entries["service-intentions/api-old"]).toBeUndefined();
  expect(entries["service-resolver/all"]).toMatchObject({
    ConnectTimeout: "1s",
    RequestTimeout: "2s",
    Failover: { "*": { Targets: [{ Peer: "partner" }] } },
  });
  expect(entries["service-router/all"]).toMatchObject({ Routes: [{ Destination: { Service: "api" } }, {}] });
});
