import {
  Failover,
  HttpPermission,
  Protocol,
  Redirect,
  ServiceMesh,
  silence,
  type consul,
  type IntentionOptions,
} from "../../constructs";
import { synthMesh, synthStack, TestStack } from "../support/synth";
import { testApp } from "../support/test-app";
import { anyWorkload } from "../support/workload";

const api = { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload };
const web = { port: 80, publish: 80, protocol: Protocol.HTTP, workload: anyWorkload };

/** Whether a source may make a request, as Consul decides: the most exact source, then the first permission that matches. */
function decide(
  { Sources = [] }: consul.ServiceIntentionsConfigEntry,
  source: string,
  path: string,
  method = "GET",
  peer?: string,
): boolean {
  const named = (name: string) => Sources.find(({ Name, Peer }) => Name === name && Peer === peer);
  const entry = named(source) ?? named("*");
  if (entry?.Permissions === undefined) {
    return entry?.Action === "allow";
  }
  const fits = ({ HTTP }: consul.IntentionPermission) =>
    path.startsWith(HTTP?.PathPrefix ?? "") &&
    (HTTP?.PathExact ?? path) === path &&
    (HTTP?.Methods?.includes(method) ?? true);
  return entry.Permissions.find(fits)?.Action === "allow";
}

function permutations<T>(items: readonly T[]): T[][] {
  return items.length === 0
    ? [[]]
    : items.flatMap((item, index) =>
        permutations([...items.slice(0, index), ...items.slice(index + 1)]).map((rest) => [item, ...rest]),
      );
}

/** One entry for all orders of what is stated about `web` and any source, at the service `api`. */
function entryOf(statements: readonly (readonly [source: "web" | "*", options?: IntentionOptions])[]) {
  const entries = permutations(statements).map((ordered) => {
    const { entries } = synthMesh((mesh) => {
      const target = mesh.addService("api", api);
      mesh.addService("web", { ...web, transparentProxy: {} });
      for (const check of ["wildcard-allow", "conflicting-intention", "permission-order"]) {
        silence(mesh, check, "It is a test.");
      }
      for (const [source, options] of ordered) target.allowFrom(source, options);
    });
    return entries["service-intentions/api"] as consul.ServiceIntentionsConfigEntry;
  });
  for (const entry of entries) expect(entry).toEqual(entries[0]);
  return entries[0];
}

const denied = (pathPrefix: string): IntentionOptions => ({ permissions: [HttpPermission.deny({ pathPrefix })] });
const allowed = (...paths: string[]): IntentionOptions => ({
  permissions: paths.map((path) => HttpPermission.get(path)),
});

test("any source comes last, at the rank that Consul gives it, whatever was stated first", () => {
  expect(entryOf([["*"], ["web"]]).Sources).toMatchObject([
    { Name: "web", Precedence: 9 },
    { Name: "*", Precedence: 8 },
  ]);
});

describe("what one statement denies is denied, whatever the order of the statements", () => {
  test("next to permissions that allow more", () => {
    const entry = entryOf([
      ["web", allowed("/v1")],
      ["web", denied("/v1/private")],
      ["web", allowed("/v2")],
    ]);
    const paths = ["/v1/a", "/v1/private/a", "/v2", "/v3"];
    expect(paths.map((path) => decide(entry, "web", path))).toEqual([true, false, true, false]);
  });

  test("next to everything", () => {
    const entry = entryOf([["web"], ["web", denied("/admin")]]);
    expect(["/", "/a", "/admin"].map((path) => decide(entry, "web", path, "POST"))).toEqual([true, true, false]);
  });

  test("where it was stated about any source, which otherwise counts for those alone about which nothing is stated", () => {
    const entry = entryOf([
      ["*", allowed("/v1")],
      ["*", denied("/v1/private")],
      ["web", allowed("/v2", "/v1/private")],
    ]);
    expect(["/v1", "/v1/private", "/v2"].map((path) => decide(entry, "other", path))).toEqual([true, false, false]);
    expect(["/v1", "/v1/private", "/v2"].map((path) => decide(entry, "web", path))).toEqual([false, false, true]);
  });

  test("but for no source of another cluster, which a statement about any source does not mean", () => {
    const { Sources } = entryOf([
      ["*", denied("/v1")],
      ["web", { peer: "east" }],
      ["*", { ...denied("/v2"), peer: "west" }],
    ]);
    expect(Sources?.find(({ Peer }) => Peer === "east")).toMatchObject({ Name: "web", Action: "allow" });
  });
});

test("a statement of its own keeps its order: an exception before what is denied, also next to others without one", () => {
  const exception = {
    permissions: [HttpPermission.get("/v1/private/doc"), HttpPermission.deny({ pathPrefix: "/v1/private" })],
  };
  const entry = entryOf([
    ["web", exception],
    ["web", allowed("/v1")],
    ["web", denied("/v1/b")],
  ]);
  const paths = ["/v1/a", "/v1/b", "/v1/private", "/v1/private/doc"];
  expect(paths.map((path) => decide(entry, "web", path))).toEqual([true, false, false, true]);
  // Of two with exceptions, neither order holds for both: what is denied is denied.
  const other = { permissions: [HttpPermission.get("/v2/a"), HttpPermission.deny({ pathPrefix: "/v2" })] };
  const both = entryOf([
    ["web", exception],
    ["web", other],
  ]);
  expect(["/v1/private/doc", "/v2/a"].map((path) => decide(both, "web", path))).toEqual([false, false]);
});

test("the same permission twice is in the entry once, and so is a method, which Consul refuses twice", () => {
  const twice = { permissions: [HttpPermission.allow({ methods: ["get", "GET", "PUT"] })] };
  expect(entryOf([["web", twice]]).Sources).toMatchObject([{ Permissions: [{ HTTP: { Methods: ["GET", "PUT"] } }] }]);
  expect(
    entryOf([
      ["web", allowed("/v1/")],
      ["web", allowed("/v1/")],
    ]).Sources?.[0]?.Permissions,
  ).toHaveLength(1);
});

describe("what a virtual service allows", () => {
  /** What comes of what is stated about `web` at a virtual service that leads to `api`, and at `api` itself. */
  const withVirtual = (options: IntentionOptions, source: "web" | "*", direct?: IntentionOptions) => {
    const { entries } = synthMesh((mesh) => {
      const target = mesh.addService("api", api);
      const former = mesh.addVirtualService("former", { protocol: Protocol.HTTP, redirect: Redirect.to(target) });
      mesh.addService("web", web).connectTo(former, options);
      target.allowFrom(source, direct);
      silence(target, "wildcard-allow", "It is a test.");
    });
    return entries["service-intentions/api"] as consul.ServiceIntentionsConfigEntry;
  };

  test("widens no narrower permission of the service itself, be it of any source", () => {
    expect(decide(withVirtual({}, "web", allowed("/v1")), "web", "/v2")).toBe(false);
    const ofAny = withVirtual({}, "*", allowed("/v1"));
    expect(["/v1", "/v2"].map((path) => decide(ofAny, "web", path))).toEqual([true, false]);
    expect(decide(ofAny, "other", "/v1")).toBe(true);
  });

  test("does not narrow what the service itself allows, but what it denies is denied", () => {
    expect(decide(withVirtual(allowed("/v1"), "*"), "web", "/v2")).toBe(true);
    const options = { permissions: [HttpPermission.deny({ pathPrefix: "/admin" }), HttpPermission.get("/")] };
    for (const source of ["web", "*"] as const) {
      const entry = withVirtual(options, source);
      expect(["/v2", "/admin"].map((path) => decide(entry, "web", path))).toEqual([true, false]);
    }
  });
});

test("in another datacenter, a failover to it widens no narrower permission there, be it of any source from that peer", () => {
  const app = testApp();
  const [east, west] = ["dc1", "dc2"].map((datacenter) => {
    const mesh = new ServiceMesh(new TestStack(app, datacenter), "mesh", { datacenter });
    mesh.addMeshGateway("mesh-gateway");
    return mesh;
  });
  const here = east.addService("api", api);
  const there = west.addService("api", api);
  here.resolve({ failover: Failover.to(there) });
  for (const source of ["web", "shop"]) {
    east.addService(source, { ...web, publish: undefined }).connectTo(here);
  }
  there.allowFrom("*", { peer: "dc1", ...allowed("/v1") });
  there.allowFrom("shop", { peer: "dc1", ...allowed("/shop") });
  silence(west, "wildcard-allow", "It is a test.");
  silence(east, "unreachable-service", "It is a test.");
  const entry = synthStack(west.node.scope as TestStack).entries["service-intentions/api"];
  const asked = (source: string, path: string) =>
    decide(entry as consul.ServiceIntentionsConfigEntry, source, path, "GET", "dc1");
  expect(["/v1", "/v2", "/shop"].map((path) => asked("web", path))).toEqual([true, false, false]);
  expect(["/v1", "/v2", "/shop"].map((path) => asked("shop", path))).toEqual([false, false, true]);
});

test("conditions on headers contain text, whatever its case", () => {
  const { entries } = synthMesh((mesh) => {
    const [web, api] = ["web", "api"].map((name) =>
      mesh.addService(name, { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload }),
    );
    const headers = [{ name: "x-team", contains: "shop", ignoreCase: true }];
    web.connectTo(api, { permissions: [HttpPermission.allow({ headers })] });
  });
  expect(entries["service-intentions/api"]).toMatchObject({
    Sources: [{ Permissions: [{ HTTP: { Header: [{ Name: "x-team", Contains: "shop", IgnoreCase: true }] } }] }],
  });
});
