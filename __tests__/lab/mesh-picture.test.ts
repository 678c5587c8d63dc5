import { meshPicture as pictureOf, type Intentions } from "../../lab/mesh-picture";
import type { JobStatus } from "../../lab/services";

function job(id: string, destinations: readonly string[] = [], ports: readonly number[] = []): JobStatus {
  const upstreams = destinations.map((destination) => ({ source: id, group: id, destination, localPort: 8080 }));
  const state = {
    wanted: 1,
    awaitsPromotion: false,
    isReplacing: false,
    isMeshGateway: false,
    unplaced: [],
    instances: [],
  };
  return { id, datacenter: "dc1", namespace: "default", services: [id], upstreams, ports, ...state };
}

function intentions(Name: string, ...sources: (readonly [string, "allow" | "deny" | "L7"])[]): Intentions {
  return {
    Name,
    Sources: sources.map(([source, action]) =>
      action === "L7" ? { Name: source, Permissions: [{}] } : { Name: source, Action: action },
    ),
  };
}

function meshPicture(
  entries: readonly Intentions[],
  jobs: readonly JobStatus[],
  ends?: ReadonlyMap<string, readonly { readonly service: string; readonly peer?: string }[]>,
) {
  return pictureOf("dc1", new Map([["dc1", entries]]), jobs, ends);
}

const page = job("page", ["api"], [9002]);
const api = job("api");

function permission(...entries: readonly Intentions[]): "all" | "some" | "none" {
  const connection = meshPicture(entries, [page, api]).connections.at(0);
  if (connection === undefined) return "none";
  return connection.partly ? "some" : "all";
}

test("a connection is an upstream that an intention lets in", () => {
  const { connections, remarks } = meshPicture([intentions("api", ["page", "allow"])], [page, api]);
  expect(connections).toMatchObject([{ source: "page", destination: "api", localPort: 8080, partly: false }]);
  expect(remarks).toEqual([]);
});

test("permissions on requests let in some of them", () => {
  expect(permission(intentions("api", ["page", "L7"]))).toBe("some");
});

test("exact names go before wildcards, the destination's first", () => {
  expect(permission(intentions("*", ["*", "allow"]))).toBe("all");
  expect(permission(intentions("*", ["*", "allow"]), intentions("*", ["page", "deny"]))).toBe("none");
  expect(permission(intentions("*", ["page", "allow"]), intentions("api", ["*", "deny"]))).toBe("none");
  expect(permission(intentions("api", ["*", "deny"], ["page", "allow"]))).toBe("all");
});

test("an upstream that nobody lets in is named, and the service that nothing may reach", () => {
  const { refused, remarks } = meshPicture([], [page, api]);
  expect(refused).toEqual(["page has an upstream to api, but no intention lets it in: every call is refused."]);
  expect(remarks).toEqual(["Nothing may reach api: no intention allows it, and the mesh denies by default."]);
});

test("without any upstream the service that nothing may reach is still named, but not a published one", () => {
  expect(meshPicture([], [job("page", [], [9002]), api]).remarks).toEqual([
    "Nothing may reach api: no intention allows it, and the mesh denies by default.",
  ]);
});

test("in a job of several services each keeps its own upstreams", () => {
  const both: JobStatus = { ...page, services: ["page", "admin"] };
  const { connections } = meshPicture([intentions("api", ["*", "allow"])], [both, api]);
  expect(connections.map(({ source }) => source)).toEqual(["page"]);
});

test("a name that leads elsewhere is let in by those to whom it leads, all of them or some", () => {
  const ends = new Map([["api", [{ service: "orders" }, { service: "stock" }]]]);
  const connectionsWith = (...entries: readonly Intentions[]) => meshPicture(entries, [page], ends).connections;
  const [orders, stock] = ["orders", "stock"].map((name) => intentions(name, ["page", "allow"]));
  expect(connectionsWith(orders, stock)).toMatchObject([{ destination: "api", partly: false }]);
  expect(connectionsWith(orders)).toMatchObject([{ destination: "api", partly: true }]);
  expect(connectionsWith(intentions("api", ["page", "allow"]))).toEqual([]);
});

test("what is odd about the versions of a service is said once, and that a canary waits", () => {
  const second = { ...job("api-v2"), services: ["api"], awaitsPromotion: true };
  expect(meshPicture([], [api, second]).remarks).toEqual([
    "Nothing may reach api: no intention allows it, and the mesh denies by default.",
    "Canaries of api-v2 run beside it. Once they are to replace it: nomad job promote api-v2",
  ]);
});

test("a service of another datacenter lets in those that come from this one", () => {
  const [upstream] = page.upstreams;
  const reaching = { ...page, upstreams: [{ ...upstream, peer: "dc2" }] };
  const connectionsWith = (Peer: string, datacenter = "dc2") =>
    pictureOf("dc1", new Map([[datacenter, [{ Name: "api", Sources: [{ Name: "page", Action: "allow", Peer }] }]]]), [
      reaching,
    ]);
  expect(connectionsWith("dc1").connections).toMatchObject([{ destination: "api", peer: "dc2", partly: false }]);
  expect(connectionsWith("").refused).toEqual([expect.stringContaining("no intention lets it in")]);
  // Nothing is known of other clusters.
  expect(connectionsWith("dc1", "dc3")).toMatchObject({ connections: [], remarks: [] });
});

test("a name that leads to another datacenter is let in by those there", () => {
  const ends = new Map([["api", [{ service: "orders", peer: "dc2" }]]]);
  const remote = { Name: "orders", Sources: [{ Name: "page", Action: "allow", Peer: "dc1" }] };
  const { connections } = pictureOf("dc1", new Map([["dc2", [remote]]]), [page], ends);
  expect(connections).toMatchObject([{ destination: "api", partly: false }]);
});
