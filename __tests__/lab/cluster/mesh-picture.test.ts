import type * as consul from "../../../constructs/consul/generated/config-entries";
import { configEntries } from "../../../constructs/model/config-entries";
import { meshPicture as pictureOf } from "../../../lab/cluster/mesh-picture";
import type { JobStatus, ServiceStatus } from "../../../lab/cluster/job-status";
import { isTestable } from "../../../lab/cluster/verify";

function job(id: string, destinations: readonly string[] = [], ports: readonly number[] = []): JobStatus {
  const upstreams = destinations.map((destination) => ({ source: id, group: id, destination, localPort: 8080 }));
  const state = {
    wanted: 1,
    groups: { [id]: 1 },
    awaitsPromotion: false,
    isReplacing: false,
    isMeshGateway: false,
    unplaced: [],
    instances: [],
  };
  const names = { id, datacenter: "dc1", namespace: "default", kind: "service" as const };
  return { ...names, services: [service(id)], upstreams, ports, failed: [], ...state };
}

function service(name: string, isDestination = true): ServiceStatus {
  return { name, group: name, isDestination };
}

function intentions(
  Name: string,
  ...sources: (readonly [string, "allow" | "deny" | "L7", peer?: string])[]
): consul.ConfigEntry {
  return {
    ...{ Kind: "service-intentions", Name },
    Sources: sources.map(([source, action, Peer]) => ({
      ...{ Name: source, Peer },
      ...(action === "L7" ? { Permissions: [{ Action: "allow" }] } : { Action: action }),
    })),
  };
}

/** The picture of dc1, from the entries of each datacenter. */
function pictureIn(datacenters: Readonly<Record<string, readonly consul.ConfigEntry[]>>, jobs: readonly JobStatus[]) {
  const entries = Object.entries(datacenters).map(([name, of]) => [name, configEntries(of)] as const);
  return pictureOf("dc1", { entries: new Map(entries) }, jobs);
}

function meshPicture(entries: readonly consul.ConfigEntry[], jobs: readonly JobStatus[]) {
  return pictureIn({ dc1: entries }, jobs);
}

const page = job("page", ["api"], [9002]);
const api = job("api");

function permission(...entries: readonly consul.ConfigEntry[]): "all" | "some" | "none" {
  const connection = meshPicture(entries, [page, api]).connections.at(0);
  if (connection === undefined) return "none";
  return connection.partly ? "some" : "all";
}

test("a connection is an upstream that an intention lets in", () => {
  const { connections, remarks } = meshPicture([intentions("api", ["page", "allow"])], [page, api]);
  expect(connections).toMatchObject([{ source: "page", destination: "api", localPort: 8080, partly: false }]);
  expect(remarks).toEqual([]);
});

test("an upstream to a prepared query is let in by the service that it looks up, and one that is not known is named", () => {
  const [upstream] = page.upstreams;
  const asking = { ...page, upstreams: [{ ...upstream, destination: "near-api", isQuery: true }] };
  const picture = (entries: readonly consul.ConfigEntry[], service?: string) =>
    pictureOf(
      "dc1",
      { entries: new Map([["dc1", configEntries(entries)]]) },
      [asking, api],
      new Map(service === undefined ? [] : [["near-api", service]]),
    );
  const [connection] = picture([intentions("api", ["page", "allow"])], "api").connections;
  expect(connection).toMatchObject({ source: "page", destination: "api", query: "near-api", localPort: 8080 });
  expect(isTestable(connection)).toBe(false);
  expect(picture([], "api").refused).toEqual([expect.stringContaining("page has an upstream to api, but no")]);
  expect(picture([intentions("api", ["page", "allow"])])).toEqual({
    connections: [],
    refused: [],
    remarks: [
      "page has an upstream to the prepared query near-api, but Consul does not say which service it looks up.",
    ],
  });
});

test("an upstream on a Unix socket can be tested where tasks and Envoy share it", () => {
  const [upstream] = page.upstreams;
  const isTestableAt = (socketPath: string) => {
    const listening = { ...page, upstreams: [{ ...upstream, localPort: 0, socketPath }] };
    const [connection] = meshPicture([intentions("api", ["page", "allow"])], [listening, api]).connections;
    return isTestable(connection);
  };
  expect(["alloc/tmp/api.sock", "/alloc/api.sock", "local/api.sock", "/tmp/alloc/api.sock"].map(isTestableAt)).toEqual([
    ...[true, true, false, false],
  ]);
});

test("a transparent proxy connects to what names its service in an intention", () => {
  const [page, guest] = ["page", "guest"].map((name) => ({
    ...job(name),
    services: [{ ...service(name), isTransparent: true }],
  }));
  const upstream = job("page", ["api"]);
  const both = { ...upstream, services: page.services };
  const entries = [intentions("api", ["page", "L7"]), intentions("other", ["page", "allow"])];
  const { connections } = meshPicture(entries, [page, guest, api]);
  expect(connections).toMatchObject([{ source: "page", group: "page", destination: "api", partly: true }]);
  expect(connections[0]).not.toHaveProperty("localPort");
  // Not twice where there is an upstream as well.
  expect(meshPicture(entries, [both, api]).connections).toMatchObject([{ destination: "api", localPort: 8080 }]);
  expect(meshPicture([intentions("api", ["page", "deny"])], [page, api]).connections).toEqual([]);
});

test("permissions on requests let in some of them", () => {
  expect(permission(intentions("api", ["page", "L7"]))).toBe("some");
});

test("exact names go before wildcards, the destination's first", () => {
  expect(permission(intentions("*", ["*", "allow"]))).toBe("all");
  expect(permission(intentions("*", ["*", "allow"], ["page", "deny"]))).toBe("none");
  expect(permission(intentions("*", ["page", "allow"]), intentions("api", ["*", "deny"]))).toBe("none");
  expect(permission(intentions("api", ["*", "deny"], ["page", "allow"]))).toBe("all");
});

test("an upstream that nobody lets in is named, and the service that nothing may reach", () => {
  const { refused, remarks } = meshPicture([], [page, api]);
  expect(refused).toEqual(["page has an upstream to api, but no intention allows it: every connection is refused."]);
  expect(remarks).toEqual(["Nothing can reach api: no intention allows it, and the mesh denies by default."]);
});

test("without any upstream the service that nothing can reach is still named, but not a published one", () => {
  expect(meshPicture([], [job("page", [], [9002]), api]).remarks).toEqual([
    "Nothing can reach api: no intention allows it, and the mesh denies by default.",
  ]);
});

test("in a job of several services each keeps its own upstreams", () => {
  const both: JobStatus = { ...page, services: [service("page"), service("admin")] };
  const { connections } = meshPicture([intentions("api", ["*", "allow"])], [both, api]);
  expect(connections.map(({ source }) => source)).toEqual(["page"]);
});

test("a name that leads elsewhere is let in by those to whom it leads, all of them or some", () => {
  const splitter: consul.ConfigEntry = {
    ...{ Kind: "service-splitter", Name: "api" },
    Splits: [
      { Weight: 50, Service: "orders" },
      { Weight: 50, Service: "stock" },
    ],
  };
  const connectionsWith = (...entries: readonly consul.ConfigEntry[]) =>
    meshPicture([splitter, ...entries], [page]).connections;
  const [orders, stock] = ["orders", "stock"].map((name) => intentions(name, ["page", "allow"]));
  expect(connectionsWith(orders, stock)).toMatchObject([{ destination: "api", partly: false }]);
  expect(connectionsWith(orders)).toMatchObject([{ destination: "api", partly: true }]);
  expect(connectionsWith(intentions("api", ["page", "allow"]))).toEqual([]);
});

test("what is odd about the versions of a service is reported once, and that a canary waits", () => {
  const second = { ...job("api-v2"), services: [service("api")], awaitsPromotion: true };
  expect(meshPicture([], [api, second]).remarks).toEqual([
    "Nothing can reach api: no intention allows it, and the mesh denies by default.",
    "Canaries of api-v2 are waiting for promotion. To replace the other instances: nomad job promote api-v2",
  ]);
});

test("what is outside the mesh, or has no port, is no service that somebody should be let in to", () => {
  const clients = { ...job("figures"), services: [service("figures", false)] };
  expect(meshPicture([], [clients]).remarks).toEqual([]);
});

test("a service of another datacenter lets in those that come from this one", () => {
  const [upstream] = page.upstreams;
  const reaching = { ...page, upstreams: [{ ...upstream, peer: "dc2" }] };
  const connectionsWith = (peer: string, datacenter = "dc2") =>
    pictureIn({ dc1: [], [datacenter]: [intentions("api", ["page", "allow", peer]), exported("api")] }, [reaching]);
  expect(connectionsWith("dc1").connections).toMatchObject([{ destination: "api", peer: "dc2", partly: false }]);
  expect(connectionsWith("").refused).toEqual([expect.stringContaining("no intention allows it")]);
  // Nothing is known of other clusters.
  expect(connectionsWith("dc1", "dc3")).toMatchObject({ connections: [], remarks: [] });
});

test("a name that leads to another datacenter is let in by those there", () => {
  const redirect: consul.ConfigEntry = {
    ...{ Kind: "service-resolver", Name: "api" },
    Redirect: { Service: "orders", Peer: "dc2" },
  };
  const remote = [intentions("orders", ["page", "allow", "dc1"]), exported("orders")];
  const { connections } = pictureIn({ dc1: [redirect], dc2: remote }, [page]);
  expect(connections).toMatchObject([{ destination: "api", partly: false }]);
});

/** Makes a service known to dc1. */
function exported(Name: string): consul.ConfigEntry {
  return { Kind: "exported-services", Name: "default", Services: [{ Name, Consumers: [{ Peer: "dc1" }] }] };
}
