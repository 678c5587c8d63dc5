import { Protocol, type consul, type MeshService, type Route, type ServiceMesh } from "../../../constructs";
import { synthMesh } from "../../support/synth";
import { anyWorkload } from "../../support/workload";

const http = { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload };

function routerOf(say: (api: MeshService, mesh: ServiceMesh) => void): consul.ServiceRouterConfigEntry {
  const { entries } = synthMesh((mesh) => {
    say(mesh.addService("api", http), mesh);
  });
  return entries["service-router/api"] as consul.ServiceRouterConfigEntry;
}

/** The one route that one was rendered to. */
function rendered(route: Route): consul.ServiceRoute | undefined {
  return routerOf((api) => {
    api.route(route);
  }).Routes?.[0];
}

describe.each<[string, Route["match"], consul.ServiceRouteHTTPMatch]>([
  ["the beginning of a path", { pathPrefix: "/a" }, { PathPrefix: "/a" }],
  ["a whole path", { pathExact: "/a" }, { PathExact: "/a" }],
  ["a pattern of a path", { pathRegex: "/a[0-9]" }, { PathRegex: "/a[0-9]" }],
  ["a path in any case", { pathExact: "/a", caseInsensitive: true }, { PathExact: "/a", CaseInsensitive: true }],
  ["methods", { methods: ["get", "POST"] }, { Methods: ["GET", "POST"] }],
  [
    "headers",
    {
      headers: [
        { name: "a", exact: "1" },
        { name: "b", prefix: "2" },
        { name: "c", suffix: "3" },
        { name: "d", regex: "4" },
        { name: "e", present: true, invert: true },
      ],
    },
    {
      Header: [
        { Name: "a", Exact: "1" },
        { Name: "b", Prefix: "2" },
        { Name: "c", Suffix: "3" },
        { Name: "d", Regex: "4" },
        { Name: "e", Present: true, Invert: true },
      ],
    },
  ],
  [
    "query parameters",
    {
      query: [
        { name: "a", exact: "1" },
        { name: "b", regex: "2" },
        { name: "c", present: true },
      ],
    },
    {
      QueryParam: [
        { Name: "a", Exact: "1" },
        { Name: "b", Regex: "2" },
        { Name: "c", Present: true },
      ],
    },
  ],
])("matches %s", (_, match, expected) => {
  test("as Consul has it", () => {
    expect(rendered({ match })).toEqual({ Match: { HTTP: expected }, Destination: {} });
  });
});

describe.each<[string, Route, consul.ServiceRouteDestination]>([
  ["rewrites a prefix", { prefixRewrite: "/", match: { pathPrefix: "/a" } }, { PrefixRewrite: "/" }],
  ["limits the time of a request", { requestTimeout: "60s" }, { RequestTimeout: "1m0s" }],
  ["limits the stillness of a request", { idleTimeout: "5s" }, { IdleTimeout: "5s" }],
  [
    "retries once what no instance has seen",
    { retries: {} },
    { NumRetries: 1, RetryOn: ["connect-failure", "refused-stream"] },
  ],
  ["retries upon conditions", { retries: { attempts: 3, on: ["5xx"] } }, { NumRetries: 3, RetryOn: ["5xx"] }],
  [
    "retries upon statuses alone",
    { retries: { attempts: 2, onStatusCodes: [503] } },
    { NumRetries: 2, RetryOnStatusCodes: [503] },
  ],
  ["changes requests", { requestHeaders: { set: { a: "1" } } }, { RequestHeaders: { Set: { a: "1" } } }],
  ["changes responses", { responseHeaders: { remove: ["a"] } }, { ResponseHeaders: { Remove: ["a"] } }],
])("%s", (_, route, expected) => {
  test("as Consul has it", () => {
    expect(rendered(route)?.Destination).toEqual(expected);
  });
});

test("leads to services and subsets, in the order in which it was said", () => {
  const { Routes } = routerOf((api, mesh) => {
    const v2 = api.addSubset("v2", "a == 1");
    api.route({ match: { pathPrefix: "/admin" }, to: "admin" });
    api.route({ match: { pathPrefix: "/next" }, to: v2 });
    api.route({ match: { pathPrefix: "/same" }, to: api });
    mesh.addService("admin", http);
  });
  expect(Routes?.map(({ Destination }) => Destination)).toEqual([{ Service: "admin" }, { ServiceSubset: "v2" }, {}]);
});

test("carries the resolver's timeout, which Consul leaves out behind a router or a splitter", () => {
  const { Routes } = routerOf((api) => {
    api.resolve({ requestTimeout: "5s" });
    api.route({ match: { pathPrefix: "/slow" }, requestTimeout: "60s" });
    api.route({ match: { pathPrefix: "/quick" } });
  });
  expect(Routes).toEqual([
    { Match: { HTTP: { PathPrefix: "/slow" } }, Destination: { RequestTimeout: "1m0s" } },
    { Match: { HTTP: { PathPrefix: "/quick" } }, Destination: { RequestTimeout: "5s" } },
    { Destination: { RequestTimeout: "5s" } },
  ]);
  expect(
    routerOf((api) => {
      api.split([{ to: api, weight: 100 }]);
      api.resolve({ requestTimeout: "5s" });
    }).Routes,
  ).toEqual([{ Destination: { RequestTimeout: "5s" } }]);
  expect(
    routerOf((api) => {
      api.resolve({ requestTimeout: "5s" });
    }),
  ).toBeUndefined();
});

test("waits for what it leads to", () => {
  const { terraform } = synthMesh((mesh) => {
    const api = mesh.addService("api", http);
    api.split([{ to: api, weight: 100 }]);
    api.route({ match: { pathPrefix: "/admin" }, to: mesh.addService("admin", http) });
  });
  const router = Object.values(terraform.resource?.consul_config_entry ?? {}).find(
    ({ kind }) => kind === "service-router",
  );
  expect(router?.depends_on).toEqual([
    "consul_config_entry.service-defaults_api",
    "consul_config_entry.proxy-defaults_global",
    "consul_config_entry.service-splitter_api",
    "consul_config_entry.service-defaults_admin",
    "nomad_job.admin",
  ]);
});

test.each<[Route, string]>([
  [
    { match: { pathPrefix: "/a", pathExact: "/b" } },
    "A route has pathPrefix and pathExact. Use one of them, or two routes.",
  ],
  [{ match: { pathPrefix: "a" } }, 'The pathPrefix "a" of a route does not begin with a slash. Write "/a".'],
  [
    { prefixRewrite: "/" },
    "A route rewrites a prefix, but does not match one. Add a pathPrefix or pathExact to its match.",
  ],
  [
    { match: { headers: [{ name: "a" }] } },
    'A route has 0 conditions for the header "a". Use exactly one of exact, prefix, suffix, regex and present.',
  ],
  [
    { match: { headers: [{ name: "a", exact: "1", present: true, invert: true }] } },
    'A route has 2 conditions for the header "a". Use exactly one of exact, prefix, suffix, regex and present.',
  ],
  [
    { match: { query: [{ name: "a", exact: "1", regex: "2" }] } },
    'A route has 2 conditions for the query parameter "a". Use exactly one of exact, regex and present.',
  ],
  [
    { match: { methods: ["FETCH" as "GET"] } },
    "A route has the unknown method FETCH. Use GET, HEAD, POST, PUT, PATCH, DELETE, CONNECT, OPTIONS, TRACE.",
  ],
  [
    { match: { methods: ["GET", "get"] } },
    "A route has the method GET twice. Use GET, HEAD, POST, PUT, PATCH, DELETE, CONNECT, OPTIONS, TRACE.",
  ],
  [{ retries: { attempts: 0 } }, "A route retries 0 times. Use a whole number from 1, or omit retries."],
  [{ retries: { on: [] } }, "The retries of a route have no condition. Add a condition, or omit `on`."],
])("fails for what Consul would refuse: %j", (route, message) => {
  expect(() => rendered(route)).toThrow(`stack/mesh/api: ${message}`);
});
