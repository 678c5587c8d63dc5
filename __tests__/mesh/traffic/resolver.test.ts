import {
  Failover,
  HashPolicy,
  LoadBalancer,
  MeshService,
  Protocol,
  Redirect,
  Subset,
  SubsetFilter,
  type consul,
  type ResolveOptions,
  type ServiceMesh,
} from "../../../constructs";
import { synthMesh } from "../../support/synth";
import { anyWorkload } from "../../support/workload";

const http = { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload };

/** The resolver of the service `api`, once something was said about it. */
function resolverOf(say: (api: MeshService, mesh: ServiceMesh) => void): consul.ServiceResolverConfigEntry | undefined {
  const build = (mesh: ServiceMesh) => {
    say(mesh.addService("api", http), mesh);
  };
  const { entries } = synthMesh(build, { gatewayDatacenters: ["dc2", "dc3"] });
  return entries["service-resolver/api"] as consul.ServiceResolverConfigEntry | undefined;
}

const named = { Kind: "service-resolver", Name: "api" };

test("there is none while nothing is said", () => {
  expect(resolverOf(() => undefined)).toBeUndefined();
  expect(
    resolverOf((api) => {
      api.resolve({});
    }),
  ).toBeUndefined();
});

test("names subsets by filters", () => {
  expect(
    resolverOf((api) => {
      api.addSubset("v1", SubsetFilter.meta("version", "v1"));
      api.addSubset("eu", SubsetFilter.meta("data-region", 'e"u'), { onlyPassing: true });
      api.addSubset("canary", SubsetFilter.tag("canary"));
      api.addSubset("rest", SubsetFilter.noneOf(SubsetFilter.tag("canary"), SubsetFilter.tag("eu")));
    }),
  ).toEqual({
    ...named,
    Subsets: {
      v1: { Filter: 'Service.Meta.version == "v1"' },
      eu: { Filter: 'Service.Meta["data-region"] == `e"u`', OnlyPassing: true },
      canary: { Filter: '"canary" in Service.Tags' },
      rest: { Filter: 'not ("canary" in Service.Tags) and not ("eu" in Service.Tags)' },
    },
  });
});

test.each(["V1", "v_1", "-v1", "", "x".repeat(64)])("fails if a subset is called %p", (name) => {
  expect(() => resolverOf((api) => api.addSubset(name, "x"))).toThrow(
    `stack/mesh/api: "${name}" cannot be the name of a subset. Use lower-case letters, digits and dashes, at most 63 characters, no dash at either end.`,
  );
});

test("fails if a subset is there twice", () => {
  expect(() =>
    resolverOf((api) => {
      api.addSubset("v1", "a == 1");
      api.addSubset("v1", "a == 2");
    }),
  ).toThrow('stack/mesh/api: The subset "v1" already exists. Change one of the names.');
});

describe.each<[string, ResolveOptions | ((api: MeshService, mesh: ServiceMesh) => ResolveOptions), object]>([
  ["the connect timeout", { connectTimeout: "500ms" }, { ConnectTimeout: "500ms" }],
  ["the request timeout", { requestTimeout: "90s" }, { RequestTimeout: "1m30s" }],
  ["round robin", { loadBalancer: LoadBalancer.roundRobin() }, { LoadBalancer: { Policy: "round_robin" } }],
  ["random", { loadBalancer: LoadBalancer.random() }, { LoadBalancer: { Policy: "random" } }],
  ["least request", { loadBalancer: LoadBalancer.leastRequest() }, { LoadBalancer: { Policy: "least_request" } }],
  [
    "least request of a few",
    { loadBalancer: LoadBalancer.leastRequest({ choiceCount: 3 }) },
    { LoadBalancer: { Policy: "least_request", LeastRequestConfig: { ChoiceCount: 3 } } },
  ],
  [
    "a ring hash",
    {
      loadBalancer: LoadBalancer.ringHash([HashPolicy.sourceIp(), HashPolicy.queryParameter("q", { terminal: true })], {
        minimumRingSize: 10,
        maximumRingSize: 20,
      }),
    },
    {
      LoadBalancer: {
        Policy: "ring_hash",
        RingHashConfig: { MinimumRingSize: 10, MaximumRingSize: 20 },
        HashPolicies: [{ SourceIP: true }, { Field: "query_parameter", FieldValue: "q", Terminal: true }],
      },
    },
  ],
  [
    "maglev",
    {
      loadBalancer: LoadBalancer.maglev([
        HashPolicy.header("x-user"),
        HashPolicy.cookie("user", { ttl: "60s", path: "/" }),
        HashPolicy.cookie("other", { session: true }),
        HashPolicy.cookie("plain"),
      ]),
    },
    {
      LoadBalancer: {
        Policy: "maglev",
        HashPolicies: [
          { Field: "header", FieldValue: "x-user" },
          { Field: "cookie", FieldValue: "user", CookieConfig: { TTL: "1m0s", Path: "/" } },
          { Field: "cookie", FieldValue: "other", CookieConfig: { Session: true } },
          { Field: "cookie", FieldValue: "plain" },
        ],
      },
    },
  ],
  [
    "a redirect to a service",
    (_, mesh) => ({ redirect: Redirect.to(mesh.addService("other", http)) }),
    { Redirect: { Service: "other" } },
  ],
  [
    "a redirect to a subset of a service that comes later",
    (_, mesh) => {
      const redirect = Redirect.to(Subset.of("other", "v2"));
      mesh.addService("other", http).addSubset("v2", "a == 1");
      return { redirect };
    },
    { Redirect: { Service: "other", ServiceSubset: "v2" } },
  ],
  [
    "a redirect to another datacenter",
    { redirect: Redirect.datacenter("dc2") },
    { Redirect: { Service: "api", Datacenter: "dc2" } },
  ],
  ["a redirect to a peer", { redirect: Redirect.peer("partner") }, { Redirect: { Service: "api", Peer: "partner" } }],
  [
    "a redirect to a service of a peer, which another team owns",
    (_, mesh) => ({
      redirect: Redirect.to(MeshService.fromServiceName(mesh, "theirs", "orders", { protocol: Protocol.HTTP }), {
        peer: "partner",
      }),
    }),
    { Redirect: { Service: "orders", Peer: "partner" } },
  ],
  [
    "a failover to another service",
    (_, mesh) => ({
      failover: Failover.to(mesh.addService("other", http), mesh.addService("third", http).serviceName),
    }),
    { Failover: { "*": { Targets: [{ Service: "other" }, { Service: "third" }] } } },
  ],
  [
    "a failover to other datacenters",
    { failover: Failover.datacenters("dc2", "dc3") },
    { Failover: { "*": { Targets: [{ Datacenter: "dc2" }, { Datacenter: "dc3" }] } } },
  ],
  [
    "a failover to peers",
    { failover: Failover.peers("partner") },
    { Failover: { "*": { Targets: [{ Peer: "partner" }] } } },
  ],
  [
    "a failover by subset",
    (api, mesh) => {
      const v2 = api.addSubset("v2", "a == 2");
      api.addSubset("v1", "a == 1");
      return {
        failover: {
          v1: Failover.to(v2),
          "*": Failover.targets({ to: mesh.addService("other", http), datacenter: "dc2" }, { to: v2 }),
        },
      };
    },
    {
      Subsets: { v2: { Filter: "a == 2" }, v1: { Filter: "a == 1" } },
      Failover: {
        v1: { Targets: [{ ServiceSubset: "v2" }] },
        "*": { Targets: [{ Service: "other", Datacenter: "dc2" }, { ServiceSubset: "v2" }] },
      },
    },
  ],
  [
    "a default subset",
    (api) => ({ defaultSubset: api.addSubset("v1", "a == 1") }),
    { DefaultSubset: "v1", Subsets: { v1: { Filter: "a == 1" } } },
  ],
  [
    "a default subset by its name",
    (api) => {
      api.addSubset("v1", "a == 1");
      return { defaultSubset: "v1" };
    },
    { DefaultSubset: "v1", Subsets: { v1: { Filter: "a == 1" } } },
  ],
  [
    "whatever else Consul knows",
    { connectTimeout: "1s", override: { PrioritizeByLocality: { Mode: "failover" } } },
    { ConnectTimeout: "1s", PrioritizeByLocality: { Mode: "failover" } },
  ],
])("says %s", (_, options, expected) => {
  test("as Consul has it", () => {
    expect(
      resolverOf((api, mesh) => {
        api.resolve(typeof options === "function" ? options(api, mesh) : options);
      }),
    ).toEqual({ ...named, ...expected });
  });
});

test("is said bit by bit, but nothing twice", () => {
  expect(
    resolverOf((api) => {
      api.resolve({ connectTimeout: "1s" });
      api.resolve({ requestTimeout: "2s" });
    }),
  ).toEqual({ ...named, ConnectTimeout: "1s", RequestTimeout: "2s" });
  expect(() =>
    resolverOf((api) => {
      api.resolve({ connectTimeout: "1s" });
      api.resolve({ connectTimeout: "2s" });
    }),
  ).toThrow("stack/mesh/api: Its connectTimeout is already set. Set it in one place.");
});

test("fails for text that is no duration", () => {
  expect(() =>
    resolverOf((api) => {
      api.resolve({ connectTimeout: "soon" });
    }),
  ).toThrow(
    'stack/mesh/api: resolve.connectTimeout is "soon"; expected a number and a unit (ns, us, ms, s, m, h), such as "30s" or "1m30s". Correct it.',
  );
});

test("waits for what Consul judges it by: protocols, and the subsets of others", () => {
  const { terraform } = synthMesh((mesh) => {
    const api = mesh.addService("api", http);
    const other = mesh.addService("other", http);
    api.resolve({ failover: Failover.to(other.addSubset("v1", "a == 1")) });
  });
  const resources = Object.values(terraform.resource?.consul_config_entry ?? {});
  const resolver = resources.find(({ kind, name }) => kind === "service-resolver" && name === "api");
  expect(resolver?.depends_on).toEqual([
    "consul_config_entry.service-defaults_api",
    "consul_config_entry.proxy-defaults_global",
    "consul_config_entry.service-defaults_other",
    "consul_config_entry.service-resolver_other",
  ]);
  // The first instance of a subset must not answer everybody before the subset is there.
  expect(Object.values(terraform.resource?.nomad_job ?? {})[0].depends_on).toContainEqual(
    "consul_config_entry.service-resolver_api",
  );
});

test("waits for the protocol of a service outside the mesh too", () => {
  const { terraform } = synthMesh((mesh) => {
    const outside = mesh.addExternalService("outside", {
      address: "192.0.2.1",
      port: 80,
      protocol: Protocol.HTTP,
      plaintext: "There is nothing to hide.",
    });
    mesh.addTerminatingGateway("egress").addService(outside);
    mesh.addService("api", http).resolve({ failover: Failover.to(outside) });
  });
  const resources = Object.values(terraform.resource?.consul_config_entry ?? {});
  expect(resources.find(({ kind }) => kind === "service-resolver")?.depends_on).toContainEqual(
    "consul_config_entry.service-defaults_outside",
  );
});
