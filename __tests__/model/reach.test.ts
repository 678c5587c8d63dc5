import type * as consul from "../../constructs/consul/generated/config-entries";
import { configEntries, type World } from "../../constructs/model/config-entries";
import { fitsRequest, type HttpRequest, type RequestMatch } from "../../constructs/model/http-request";
import { reach } from "../../constructs/model/reach";

/** One datacenter that needs no name. */
function world(...entries: readonly consul.ConfigEntry[]): World {
  return { entries: new Map([["", configEntries(entries)]]) };
}

/** What is allowed, and why, at each service at which requests end. */
function from(source: string, destination: string, of: World, request?: HttpRequest) {
  const { allowed, ends } = reach(
    of,
    { datacenter: "", service: source },
    { datacenter: "", service: destination },
    request,
  );
  return { allowed, ends: ends.map(({ service, decision }) => [service, decision?.reason]) };
}

function intentions(Name: string, ...Sources: readonly consul.SourceIntention[]): consul.ConfigEntry {
  return { Kind: "service-intentions", Name, Sources };
}

const allow = (Name: string): consul.SourceIntention => ({ Name, Action: "allow" });
const deny = (Name: string): consul.SourceIntention => ({ Name, Action: "deny" });

describe("without traffic rules", () => {
  test("nothing is allowed that no intention allows", () => {
    expect(from("web", "api", world())).toEqual({
      allowed: "no",
      ends: [["api", "no intention allows web to reach api, and the mesh denies by default"]],
    });
  });

  test("an exact source goes before the wildcard, whatever it says", () => {
    const entries = world(intentions("api", allow("*"), deny("web")));
    expect(from("web", "api", entries).allowed).toBe("no");
    expect(from("other", "api", entries).allowed).toBe("all");
  });

  test("an exact destination goes before a wildcard, even with a wildcard as its source", () => {
    expect(from("web", "api", world(intentions("api", deny("*")), intentions("*", allow("web")))).allowed).toBe("no");
  });

  test("names are compared as Consul does, without regard to case", () => {
    expect(from("Web", "API", world(intentions("api", allow("web")))).allowed).toBe("all");
  });
});

describe("permissions on requests", () => {
  const orders = world(
    intentions("orders", {
      Name: "web",
      Permissions: [
        { Action: "deny", HTTP: { PathPrefix: "/v1/orders/private" } },
        { Action: "allow", HTTP: { PathPrefix: "/v1/orders", Methods: ["GET", "HEAD"] } },
        { Action: "allow", HTTP: { PathExact: "/admin", Header: [{ Name: "x-role", Exact: "admin" }] } },
      ],
    }),
  );

  test.each([
    [{ path: "/v1/orders" }, "all", "permission 2 of the intention web → orders allows it"],
    [{ path: "/v1/orders/private/1" }, "no", "permission 1 of the intention web → orders denies it"],
    [{ method: "POST", path: "/v1/orders" }, "no", "no permission of the intention web → orders matches the request"],
    [{ path: "/admin" }, "no", "no permission of the intention web → orders matches the request"],
    [{ path: "/admin", headers: { "X-Role": "admin" } }, "all", "permission 3 of the intention web → orders allows it"],
  ] as const)("%j", (request, allowed, reason) => {
    expect(from("web", "orders", orders, request)).toEqual({ allowed, ends: [["orders", reason]] });
  });

  test("without a request, only that some are allowed", () => {
    expect(from("web", "orders", orders).allowed).toBe("some requests");
  });

  test("permissions that allow nothing allow nothing", () => {
    const none = intentions("orders", { Name: "web", Permissions: [{ Action: "deny", HTTP: { PathPrefix: "/" } }] });
    expect(from("web", "orders", world(none)).allowed).toBe("no");
  });
});

describe("conditions of a match", () => {
  const header = (condition: object) => ({ Header: [{ Name: "X-Team", ...condition }] });
  const query = (condition: object) => ({ QueryParam: [{ Name: "v", ...condition }] });
  const team = (value: string): HttpRequest => ({ headers: { "x-team": value } });
  const version = (v: string): HttpRequest => ({ query: { v } });
  const path = (text: string): HttpRequest => ({ path: text });

  test.each<[string, RequestMatch, HttpRequest, HttpRequest]>([
    ["a whole header", header({ Exact: "shop" }), team("shop"), team("Shop")],
    ["a header in any case", header({ Exact: "Shop", IgnoreCase: true }), team("SHOP"), team("shops")],
    ["the beginning of a header", header({ Prefix: "sho" }), team("shop"), team("workshop")],
    ["the end of a header", header({ Suffix: "shop" }), team("workshop"), team("shops")],
    ["a part of a header", header({ Contains: "hop" }), team("workshops"), team("ship")],
    ["a pattern for all of a header", header({ Regex: "s.op" }), team("stop"), team("stops")],
    ["a pattern with a flag", header({ Regex: "(?i)s.op" }), team("STOP"), team("STOPS")],
    ["a header that is there", header({ Present: true }), team("any"), {}],
    ["a header that is not there", header({ Present: true, Invert: true }), {}, team("any")],
    ["a header with another value", header({ Exact: "a", Invert: true }), team("b"), {}],
    ["a header without a text", header({ Contains: "a", Invert: true }), team("b"), {}],
    ["a header that another expression matches", header({ Regex: "a.*", Invert: true }), team("b"), {}],
    ["the end and the beginning of a header", header({ Prefix: "a", Suffix: "z" }), team("abz"), team("ab")],
    ["a value of the query", query({ Exact: "2" }), version("2"), version("22")],
    ["a pattern for a value of the query", query({ Regex: "[0-9]+" }), version("22"), version("2b")],
    ["a value of the query that is there", query({ Present: true }), version("1"), {}],
    ["a whole path", { PathExact: "/v1" }, path("/v1"), path("/v1/orders")],
    ["a whole path in any case", { PathExact: "/v1", CaseInsensitive: true }, path("/V1"), path("/V1/orders")],
    ["the beginning of a path", { PathPrefix: "/v1" }, path("/v1/orders"), path("/V1/orders")],
    ["a pattern for all of a path", { PathRegex: "/v[12]" }, path("/v2"), path("/v2/orders")],
    ["one of several methods", { Methods: ["PUT", "post"] }, { method: "POST" }, {}],
  ])("%s", (_, match, fits, other) => {
    expect([fits, other].map((request) => fitsRequest(match, request))).toEqual([true, false]);
  });
});

describe("tokens of users", () => {
  const JWT = { Providers: [{ Name: "login" }] };
  const get = { Action: "allow" as const, HTTP: { PathPrefix: "/" } };
  const withToken = (entry: object, source: consul.SourceIntention) =>
    world({ ...intentions("api", source), ...entry });

  test.each<[string, World]>([
    ["of the whole entry, on connections", withToken({ JWT }, allow("web"))],
    ["of the whole entry, on requests", withToken({ JWT }, { Name: "web", Permissions: [get] })],
    ["of a permission", withToken({}, { Name: "web", Permissions: [{ ...get, JWT }] })],
  ])("%s, leave some requests", (_, entries) => {
    const { allowed, ends } = from("web", "api", entries, { path: "/" });
    expect(allowed).toBe("some requests");
    expect(ends[0][1]).toMatch(/allows (it|requests) with a token of login$/);
  });

  test("are not asked for where nothing asks for them", () => {
    expect(from("web", "api", withToken({}, { Name: "web", Permissions: [get] }), { path: "/" })).toEqual({
      allowed: "all",
      ends: [["api", "permission 1 of the intention web → api allows it"]],
    });
  });
});

describe("traffic rules", () => {
  const redirect: consul.ConfigEntry = { Kind: "service-resolver", Name: "old", Redirect: { Service: "new" } };

  test("where a redirect leads it is decided, not at the name that was asked for", () => {
    expect(from("web", "old", world(redirect, intentions("old", allow("web")))).allowed).toBe("no");
    expect(from("web", "old", world(redirect, intentions("new", allow("web")))).allowed).toBe("all");
  });

  test("a request goes by the first route that fits it, and by the splits of where that leads", () => {
    const router: consul.ConfigEntry = {
      ...{ Kind: "service-router", Name: "shop" },
      Routes: [
        { Match: { HTTP: { PathPrefix: "/cart" } }, Destination: { Service: "cart" } },
        { Match: { HTTP: { PathPrefix: "/" } }, Destination: { Service: "pages" } },
      ],
    };
    const splitter: consul.ConfigEntry = {
      ...{ Kind: "service-splitter", Name: "cart" },
      Splits: [
        { Weight: 90, Service: "cart" },
        { Weight: 10, Service: "cart-next" },
      ],
    };
    const entries = world(router, splitter, intentions("cart", allow("web")), intentions("pages", allow("web")));
    expect(from("web", "shop", entries, { path: "/" })).toMatchObject({
      allowed: "all",
      ends: [["pages", expect.anything()]],
    });
    expect(from("web", "shop", entries, { path: "/cart/1" })).toMatchObject({
      allowed: "some requests",
      ends: [
        ["cart", "the intention web → cart allows it"],
        ["cart-next", "no intention allows web to reach cart-next, and the mesh denies by default"],
      ],
    });
  });

  test("only what every way rewrites arrives with another path", () => {
    const routes = (...Routes: readonly consul.ServiceRoute[]): World =>
      world({ Kind: "service-router", Name: "shop", Routes });
    const rewrite = { Match: { HTTP: { PathPrefix: "/a" } }, Destination: { Service: "api", PrefixRewrite: "/" } };
    const plain = { Match: { HTTP: { PathPrefix: "/b" } }, Destination: { Service: "api" } };
    const isRewritten = (of: World) =>
      reach(of, { datacenter: "", service: "web" }, { datacenter: "", service: "shop" }).ends.find(
        ({ service }) => service === "api",
      )?.isRewritten;
    expect(isRewritten(routes(rewrite))).toBe(true);
    expect(isRewritten(routes(rewrite, plain))).toBe(false);
  });

  const endsOf = (...entries: readonly consul.ConfigEntry[]) =>
    reach(
      { entries: new Map([["dc1", configEntries(entries)]]) },
      { datacenter: "dc1", service: "web" },
      { datacenter: "dc1", service: "api" },
    ).ends.map(({ service, datacenter, isFailover }) => [service, datacenter, isFailover]);

  test("a failover leads to another service or datacenter too, with or without a list of targets", () => {
    const failover = (rule: object): consul.ConfigEntry => ({
      ...{ Kind: "service-resolver", Name: "api" },
      Failover: { "*": rule },
    });
    const plain = ["api", "dc1", false];
    expect(endsOf(failover({ Service: "backup" }))).toEqual([plain, ["backup", "dc1", true]]);
    expect(endsOf(failover({ Targets: [{ Service: "backup" }, { Datacenter: "dc2" }] }))).toEqual([
      plain,
      ["backup", "dc1", true],
      ["api", "dc2", true],
    ]);
  });

  test("a redirect to the own datacenter stays there, and one to another leads there", () => {
    const redirect = (Datacenter: string): consul.ConfigEntry => ({
      ...{ Kind: "service-resolver", Name: "api" },
      Redirect: { Service: "backup", Datacenter },
    });
    expect(endsOf(redirect("dc1"))).toEqual([["backup", "dc1", false]]);
    expect(endsOf(redirect("dc2"))).toEqual([["backup", "dc2", false]]);
  });

  test("rules in a circle end", () => {
    const back: consul.ConfigEntry = { Kind: "service-resolver", Name: "new", Redirect: { Service: "old" } };
    expect(from("web", "old", world(redirect, back)).allowed).toBe("no");
  });
});

describe("between datacenters", () => {
  const failover: consul.ConfigEntry = {
    ...{ Kind: "service-resolver", Name: "api" },
    Failover: { "*": { Targets: [{ Peer: "dc2", Service: "api" }] } },
  };
  const both = (exported: boolean, ...sources: readonly consul.SourceIntention[]): World => ({
    entries: new Map([
      ["dc1", configEntries([failover, intentions("api", allow("web"))])],
      [
        "dc2",
        configEntries([
          intentions("api", ...sources),
          ...(exported
            ? [
                {
                  ...{ Kind: "exported-services" as const, Name: "default" },
                  Services: [{ Name: "api", Consumers: [{ Peer: "dc1" }] }],
                },
              ]
            : []),
        ]),
      ],
    ]),
  });
  const decisions = (of: World) =>
    reach(of, { datacenter: "dc1", service: "web" }, { datacenter: "dc1", service: "api" }).ends.map(
      ({ datacenter, isFailover, decision }) => [datacenter, isFailover, decision?.reason],
    );

  test("a source is that of a peer where requests end in another cluster", () => {
    expect(decisions(both(true, allow("web")))[1]).toEqual([
      "dc2",
      true,
      "no intention allows web of the peer dc1 to reach api, and the mesh denies by default",
    ]);
    expect(decisions(both(true, { ...allow("web"), Peer: "dc1" }))[1]).toEqual([
      "dc2",
      true,
      "the intention web → api allows it",
    ]);
  });

  test("what is not exported is not reached", () => {
    expect(decisions(both(false, { ...allow("web"), Peer: "dc1" }))[1][2]).toBe("api is not exported to the peer dc1");
  });

  test.each<[string, readonly consul.ExportedService[], boolean]>([
    ["each service", [{ Name: "*", Consumers: [{ Peer: "dc1" }] }], true],
    ["the service, to several peers", [{ Name: "api", Consumers: [{ Peer: "dc3" }, { Peer: "dc1" }] }], true],
    ["the service, to another peer", [{ Name: "api", Consumers: [{ Peer: "dc3" }] }], false],
    ["another service", [{ Name: "other", Consumers: [{ Peer: "dc1" }] }], false],
    ["the service, to nobody", [{ Name: "api" }], false],
  ])("what is exported is %s", (_, Services, isReached) => {
    const { entries } = both(false, { ...allow("web"), Peer: "dc1" });
    const there = [
      intentions("api", { ...allow("web"), Peer: "dc1" }),
      { Kind: "exported-services" as const, Name: "default", Services },
    ];
    const of = { entries: new Map([...entries, ["dc2", configEntries(there)]]) };
    expect(decisions(of)[1][2]).toBe(
      isReached ? "the intention web → api allows it" : "api is not exported to the peer dc1",
    );
  });

  test("datacenters of a WAN federation are one cluster", () => {
    const { entries } = both(false, allow("web"));
    expect(decisions({ entries, federated: [["dc1", "dc2"]] })[1][2]).toBe("the intention web → api allows it");
  });

  test("what belongs to somebody else is not judged", () => {
    const { entries } = both(false);
    const { allowed, ends } = reach(
      { entries: new Map([["dc1", entries.get("dc1") ?? configEntries([])]]) },
      { datacenter: "dc1", service: "web" },
      { datacenter: "dc1", service: "api" },
    );
    expect([allowed, ends[1].datacenter, ends[1].decision]).toEqual(["all", "dc2", undefined]);
  });
});
