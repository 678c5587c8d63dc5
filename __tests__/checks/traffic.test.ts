import {
  Failover,
  HashPolicy,
  HttpPermission,
  LoadBalancer,
  MeshService,
  Protocol,
  Redirect,
  type ResolveOptions,
  Subset,
  ServiceMesh,
  Sidecar,
  SubsetFilter,
  type nomad,
  type Override,
  type ServiceMeshProps,
} from "../../constructs";
import { findingsOf, synthApp, synthMesh, TestStack } from "../support/synth";
import { testApp } from "../support/test-app";
import { anyWorkload } from "../support/workload";

const anyFilter = 'Service.Meta.version == "1"';

const http = { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload };

/** What synthesis says of the services `api` and `other`, both of HTTP, and whatever is stated about them. */
function findings(
  say: (api: MeshService, other: MeshService, mesh: ServiceMesh) => void,
  protocol = Protocol.HTTP,
  props: ServiceMeshProps = { gatewayDatacenters: ["dc2"] },
) {
  const build = (mesh: ServiceMesh) => {
    const api = mesh.addService("api", { ...http, protocol });
    const other = mesh.addService("other", http);
    say(api, other, mesh);
  };
  return findingsOf(() => synthMesh(build, props));
}

describe("split-weights", () => {
  const splitting = (...weights: number[]) =>
    findings((api, other) => {
      const places = [api, other, api.addSubset("v1", anyFilter), api.addSubset("v2", anyFilter)];
      api.split(weights.map((weight, index) => ({ to: places[index], weight })));
    });

  test.each([
    [[90, 20], "sum to 110 (90 + 20)"],
    [[99.99], "sum to 99.99 (99.99)"],
    [[], "sum to 0 ()"],
  ])("fails if weights are %p", (weights, words) => {
    expect(splitting(...weights)).toEqual([
      `stack/mesh/api: The weights of api ${words}. Make them sum to 100. (split-weights)`,
    ]);
  });

  test.each([
    [33.333, [33.333, 66.667]],
    [-10, [110, -10].reverse()],
    [101, [101, -1]],
  ])("fails if a weight is %p", (odd, weights) => {
    expect(splitting(...weights)).toEqual([
      `stack/mesh/api: A split of api has the weight ${odd}. Use percent, from 0 to 100, with at most two decimals. (split-weights)`,
    ]);
  });

  test("lets pass what sums to 100 in hundredths, whatever a computer makes of tenths", () => {
    expect(splitting(33.3, 33.3, 33.4)).toEqual([]);
    expect(splitting(0.01, 99.99)).toEqual([]);
    expect(splitting(0, 100)).toEqual([]);
  });
});

describe("duplicate-split", () => {
  test("fails if two splits go to one place", () => {
    expect(
      findings((api) => {
        const v1 = api.addSubset("v1", anyFilter);
        api.split([
          { to: v1, weight: 50 },
          { to: Subset.of("api", "v1"), weight: 50 },
        ]);
      }),
    ).toEqual(["stack/mesh/api: Two splits of api go to api, subset v1. Add up their weights. (duplicate-split)"]);
  });
});

describe("unknown-destination", () => {
  test.each<[string, (api: MeshService) => void]>([
    ["split", (api) => api.split([{ to: "othr", weight: 100 }])],
    ["route", (api) => api.route({ to: "othr" })],
    ["failover", (api) => api.resolve({ failover: Failover.to("othr") })],
    ["redirect", (api) => api.resolve({ redirect: Redirect.to("othr") })],
  ])("fails if a %s is misspelled, and says which name was meant", (kind, say) => {
    expect(findings(say)).toEqual([
      `stack/mesh/api: The ${kind} of api refers to "othr", which is not a service of this mesh. Did you mean "other"? For a service of another team, use MeshService.fromServiceName. (unknown-destination)`,
    ]);
  });

  test("lets pass a service of another team, its subset too", () => {
    expect(
      findings((api, _, mesh) => {
        const theirs = MeshService.fromServiceName(mesh, "theirs", "theirs", { protocol: Protocol.HTTP });
        api.split([
          { to: theirs, weight: 50 },
          { to: Subset.of(theirs, "v2"), weight: 50 },
        ]);
      }),
    ).toEqual([]);
  });
});

describe("unknown-subset", () => {
  test.each<[string, (api: MeshService, other: MeshService) => void]>([
    ["split", (api, other) => api.split([{ to: Subset.of(other, "v3"), weight: 100 }])],
    ["route", (api, other) => api.route({ to: Subset.of(other, "v3") })],
    ["failover", (api, other) => api.resolve({ failover: Failover.to(Subset.of(other, "v3")) })],
    ["redirect", (api, other) => api.resolve({ redirect: Redirect.to(Subset.of(other, "v3")) })],
  ])("fails if a %s names a subset that there is not", (kind, say) => {
    expect(
      findings((api, other) => {
        other.addSubset("v2", anyFilter);
        say(api, other);
      }),
    ).toEqual([
      `stack/mesh/api: The ${kind} of api refers to the subset "v3", which other does not have. Did you mean "v2"? Declare it at stack/mesh/other with addSubset. (unknown-subset)`,
    ]);
  });

  test("fails if a rule names a subset of a service outside the mesh", () => {
    expect(
      findings((api, _, mesh) => {
        const db = mesh.addExternalService("db", {
          ...{ address: "db.example", port: 80, protocol: Protocol.HTTP, plaintext: "It is a test." },
        });
        mesh.addTerminatingGateway("egress").addService(db);
        api.resolve({ failover: Failover.to(Subset.of(db, "eu")) });
      }),
    ).toEqual([
      'stack/mesh/api: The failover of api refers to the subset "eu", which db does not have. None exists yet. Declare it at stack/mesh/db with addSubset. (unknown-subset)',
    ]);
  });

  test("fails if the default is none", () => {
    expect(findings((api) => api.resolve({ defaultSubset: "v1" }))).toEqual([
      'stack/mesh/api: The default subset of api refers to the subset "v1", which api does not have. None exists yet. Declare it at stack/mesh/api with addSubset. (unknown-subset)',
    ]);
  });

  test("fails if a failover is set for none", () => {
    expect(findings((api) => api.resolve({ failover: { v1: Failover.to("other") } }))).toEqual([
      'stack/mesh/api: A failover is set for the subset "v1", which api does not have. None exists yet. For all subsets, use "*". (unknown-subset)',
    ]);
  });
});

describe("traffic-rule-on-tcp", () => {
  test.each<[string, (api: MeshService) => void]>([
    ["splits", (api) => api.split([{ to: api, weight: 100 }])],
    ["routes", (api) => api.route({})],
    ["requestTimeout", (api) => api.resolve({ requestTimeout: "5s" })],
    ["hash policies", (api) => api.resolve({ loadBalancer: LoadBalancer.maglev([HashPolicy.header("x")]) })],
    [
      "routes",
      (api) => api.blueGreen({ blue: api.stable, green: api.addSubset("g", anyFilter), live: "blue", header: "x" }),
    ],
  ])("fails for %s", (what, say) => {
    expect(findings(say, Protocol.TCP)).toEqual([
      `stack/mesh/api: The ${what} of api need HTTP requests, but the protocol of api is tcp. Set protocol: Protocol.HTTP (or HTTP2, GRPC), or omit them. (traffic-rule-on-tcp)`,
    ]);
  });

  test("lets pass what needs no requests", () => {
    expect(
      findings((api) => {
        const v1 = api.addSubset("v1", anyFilter);
        api.resolve({
          defaultSubset: v1,
          connectTimeout: "1s",
          loadBalancer: LoadBalancer.ringHash([HashPolicy.sourceIp()]),
          failover: Failover.to(v1),
        });
      }, Protocol.TCP),
    ).toEqual([]);
  });
});

describe("protocol-mismatch", () => {
  test("fails if a rule leads to a service of another protocol, of whatever team", () => {
    expect(findings((api) => api.resolve({ failover: Failover.to("other") }), Protocol.TCP)).toEqual([
      "stack/mesh/api: The failover of api, which has the protocol tcp, refers to other, which has http. Use the same protocol for both, here or at stack/mesh/other. (protocol-mismatch)",
    ]);
    expect(
      findings((api, _, mesh) => api.route({ to: MeshService.fromServiceName(mesh, "theirs", "theirs") })),
    ).toEqual([expect.stringContaining("refers to theirs, which has tcp.")]);
  });
});

describe("datacenter-without-gateway", () => {
  const leading = (rule: ResolveOptions, props: ServiceMeshProps = {}) =>
    findings((api) => api.resolve(rule), Protocol.HTTP, props);

  test("fails if no mesh gateway reaches the datacenter of a failover or a redirect", () => {
    expect(leading({ failover: Failover.datacenters("dc2") })).toEqual([
      'stack/mesh/api: The failover of api goes to the datacenter "dc2", which has no mesh gateway. None exists yet. Add a mesh gateway there. If another app runs one, add the datacenter to gatewayDatacenters of the mesh. (datacenter-without-gateway)',
    ]);
    expect(leading({ redirect: Redirect.datacenter("dc2") }, { gatewayDatacenters: ["dc-2"] })).toEqual([
      expect.stringContaining(
        'The redirect of api goes to the datacenter "dc2", which has no mesh gateway. Did you mean "dc-2"?',
      ),
    ]);
  });

  test("lets it pass where one does, of this app or of others, and within the mesh's own datacenter", () => {
    const rule = { failover: Failover.datacenters("dc2") };
    expect(leading(rule, { gatewayDatacenters: ["dc2"] })).toEqual([]);
    expect(leading(rule, { datacenter: "dc2" })).toEqual([]);
    const inTwo = (finish: (second: ServiceMesh) => void) => {
      const app = testApp();
      const [first, second] = ["dc1", "dc2"].map(
        (datacenter) => new ServiceMesh(new TestStack(app, datacenter), "mesh", { datacenter }),
      );
      first.addService("api", { ...http, publish: 1 }).resolve(rule);
      finish(second);
      return findingsOf(() => synthApp(app, "dc1"));
    };
    expect(inTwo(() => undefined)).toEqual([expect.stringContaining("(datacenter-without-gateway)")]);
    expect(inTwo((second) => second.addMeshGateway("gateway"))).toEqual([]);
  });
});

describe("peer-with-subset", () => {
  test("fails if a peer is named with a subset or a datacenter", () => {
    expect(
      findings((api) => {
        api.resolve({ redirect: Redirect.to(api.addSubset("v1", anyFilter), { peer: "partner" }) });
      }),
    ).toEqual([
      'stack/mesh/api: The redirect of api refers to the peer "partner" and the subset "v1". Set only the peer, or the peer and a service. (peer-with-subset)',
    ]);
    expect(
      findings((api) => api.resolve({ failover: Failover.targets({ peer: "partner", datacenter: "dc2" }) })),
    ).toEqual([expect.stringContaining('refers to the peer "partner" and the datacenter "dc2".')]);
  });
});

describe("redirect-beside-rules", () => {
  test("fails if something is said that a redirect makes void", () => {
    expect(
      findings((api, other) => {
        api.addSubset("v1", anyFilter);
        api.resolve({ redirect: Redirect.to(other), connectTimeout: "1s" });
      }),
    ).toEqual([
      "stack/mesh/api: api is redirected to other, so its subsets and connectTimeout would have no effect. Declare them at other, or omit the redirect. (redirect-beside-rules)",
    ]);
  });

  test("fails if a failover stands beside any redirect, and lets the rest stand beside one to another datacenter", () => {
    const redirected = (failover?: Failover) =>
      findings((api) => api.resolve({ redirect: Redirect.datacenter("dc2"), connectTimeout: "1s", failover }));
    expect(redirected(Failover.to("other"))).toEqual([
      expect.stringContaining("api is redirected to api, so its failover would have no effect."),
    ]);
    expect(redirected()).toEqual([]);
  });
});

describe("traffic-cycle", () => {
  const circle = (...names: string[]) =>
    expect.stringContaining(
      `Its rules send requests in a cycle: ${names.join(" → ")}. Let one of them handle requests: remove its redirect or split, or refer to a subset of the next one. (traffic-cycle)`,
    ) as unknown;

  test("fails if redirects lead in a circle, also through subsets", () => {
    expect(
      findings((api, other) => {
        api.resolve({ redirect: Redirect.to(other) });
        other.resolve({ redirect: Redirect.to(api) });
      }),
    ).toEqual([circle("api", "other", "api")]);
    expect(
      findings((api, other) => {
        api.resolve({ redirect: Redirect.to(Subset.of(other, "v1")) });
        other.resolve({ redirect: Redirect.to(Subset.of(api, "v1")) });
      }),
    ).toContainEqual(circle("api", "other", "api"));
  });

  test("fails if splits lead in a circle", () => {
    expect(
      findings((api, other) => {
        for (const [from, to] of [
          [api, other],
          [other, api],
        ] as const) {
          from.split([
            { to: from, weight: 50 },
            { to, weight: 50 },
          ]);
        }
      }),
    ).toEqual([circle("api", "other", "api")]);
  });

  test.each<[string, (api: MeshService, other: MeshService) => void]>([
    ["split", (api, other) => api.split([{ to: other, weight: 100 }])],
    ["route", (api, other) => api.route({ match: { pathPrefix: "/a" }, to: other })],
    ["failover", (api, other) => api.resolve({ failover: Failover.to(other) })],
  ])("fails if a redirect leads back to the service whose %s came here", (_, say) => {
    expect(
      findings((api, other) => {
        say(api, other);
        other.resolve({ redirect: Redirect.to(api) });
      }),
    ).toEqual([circle("other", "api", "other")]);
  });

  test("fails if two resolvers wait for each other's subsets", () => {
    expect(
      findings((api, other) => {
        api.resolve({ failover: Failover.to(other.addSubset("v1", anyFilter)) });
        other.resolve({ failover: Failover.to(api.addSubset("v1", anyFilter)) });
      }),
    ).toEqual([
      "stack/mesh/api: The resolvers of api and other refer to subsets of each other, and Consul accepts neither before the other. Let one of them refer to the service without a subset. (traffic-cycle)",
    ]);
  });

  test("lets pass what ends somewhere: services that stand in for each other, and a redirect to one's own subset", () => {
    expect(
      findings((api, other) => {
        api.resolve({ failover: Failover.to(other) });
        other.resolve({ failover: Failover.to(api) });
      }),
    ).toEqual([]);
    expect(
      findings((api, other) => {
        api.route({ match: { pathPrefix: "/next" }, to: other });
        other.resolve({ redirect: Redirect.to(api.addSubset("v2", anyFilter)) });
      }),
    ).toEqual([]);
    expect(findings((api) => api.resolve({ redirect: Redirect.to(api.addSubset("v2", anyFilter)) }))).toEqual([]);
  });
});

describe("shadowed-route", () => {
  test.each([{}, { match: {} }, { match: { pathPrefix: "/" } }])("fails if a route behind %j never counts", (route) => {
    expect(
      findings((api) => {
        api.route(route);
        api.route({ match: { pathPrefix: "/a" } });
      }),
    ).toEqual([
      "stack/mesh/api: Route 1 of api matches every request, so the 1 after it are never used. Move it to the end, or add a match. (shadowed-route)",
    ]);
  });

  test("lets it pass as the last one", () => {
    expect(
      findings((api) => {
        api.route({ match: { pathPrefix: "/", methods: ["GET"] } });
        api.route({});
      }),
    ).toEqual([]);
  });
});

describe("rewritten-permissions", () => {
  const rewriting = (say: (web: MeshService, other: MeshService) => void) =>
    findings((api, other, mesh) => {
      const web = mesh.addService("web", { port: 80, publish: 80, workload: anyWorkload });
      web.connectTo(api, { permissions: [HttpPermission.get("/admin")] });
      api.route({ match: { pathPrefix: "/admin" }, to: other, prefixRewrite: "/" });
      say(web, other);
    });

  test("fails if permissions on paths meet a route that changes them", () => {
    expect(rewriting(() => undefined)).toEqual([
      "stack/mesh/api: The permissions of web on api depend on the path, and a route to other rewrites it. Declare the permissions for the rewritten path at other, with allowFrom. (rewritten-permissions)",
    ]);
  });

  test("lets it pass where that is said", () => {
    expect(rewriting((web, other) => other.allowFrom(web, { permissions: [HttpPermission.get("/")] }))).toEqual([]);
  });
});

test("a name is taken once, by a service or a virtual one", () => {
  expect(
    findings((api, _, mesh) => {
      mesh.addVirtualService("api-2", { serviceName: "api", protocol: Protocol.HTTP, redirect: Redirect.to(api) });
    }),
  ).toContain(
    'stack/mesh/api-2: The service "api" already exists at stack/mesh/api. Change one of the service names. (duplicate-service)',
  );
});

describe("version-metadata", () => {
  const next = { workload: anyWorkload };

  test("fails if an override removes the version from a version's instances, its canaries or their sidecars", () => {
    const wrong = (service: Override<nomad.Service>) =>
      findings((api) => api.addVersion("v2", { ...next, override: { service } }));
    const message = (what: string) =>
      `stack/mesh/api/v2: ${what}, so rules for "v2" do not match its instances. Omit version in meta, canaryMeta and override. (version-metadata)`;
    expect(wrong({ Meta: { version: null } })).toEqual([message("Its metadata has no version")]);
    expect(wrong({ CanaryMeta: { version: "v3" } })).toEqual([
      message('The metadata of its canaries has the version "v3"'),
    ]);
    expect(wrong({ Connect: { SidecarService: { Meta: { a: "b" } } } })).toEqual([
      message("The metadata of its sidecar has no version"),
    ]);
  });

  test("fails if the service's own instances pass for a version", () => {
    const build = (mesh: ServiceMesh) =>
      mesh.addService("api", { ...http, publish: 1, meta: { version: "v2" } }).addVersion("v2", next);
    expect(findingsOf(() => synthMesh(build))).toEqual([
      'stack/mesh/api: Its metadata has the version "v2", which belongs to other instances. Set another version, or none. (version-metadata)',
    ]);
  });
});

describe("sidecar-tags", () => {
  const withTags = (tags?: readonly string[]) =>
    findingsOf(() =>
      synthMesh((mesh) => {
        const sidecar = Sidecar.docker({ tags });
        const api = mesh.addService("api", { ...http, publish: 1, canaryTags: ["new"], sidecar });
        api.addSubset("canary", SubsetFilter.tag("new"));
      }),
    );

  test("fails if a subset is told by a tag that the Envoy does not have", () => {
    for (const tags of [[], ["own"]]) {
      expect(withTags(tags)).toEqual([
        'stack/mesh/api: A subset of api selects by the tag "new", which its sidecar lacks, since it has its own tags. Omit the sidecar\'s tags, or select the subset by metadata. (sidecar-tags)',
      ]);
    }
    expect(withTags()).toEqual([]);
    expect(withTags(["own", "new"])).toEqual([]);
  });
});
