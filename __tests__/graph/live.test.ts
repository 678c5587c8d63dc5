import { withLive } from "../../graph/live";
import { renderMermaid } from "../../graph/mermaid";
import type { MeshGraph } from "../../graph/model";
import type { QueryDocument } from "../../lab/apply/documents";
import { readMeshGraph } from "../../graph/read";
import { edgeFacts, labelOf } from "../../graph/words";
import type { JobStatus } from "../../lab/cluster/job-status";
import type { Flow } from "../../lab/cluster/traffic";
import { allow, edgeOf, handWritten, nodeOf, serviceJob } from "../support/mesh-graph";

const graph = readMeshGraph([
  handWritten({
    jobs: [
      serviceJob("web", [
        { DestinationName: "api", LocalBindPort: 1 },
        { DestinationName: "store", LocalBindPort: 2 },
      ]),
      serviceJob("cron", [{ DestinationName: "api", LocalBindPort: 1 }]),
      serviceJob("api"),
      serviceJob("store"),
    ],
    entries: [
      { Kind: "service-defaults", Name: "api", Protocol: "http" },
      allow("api", "web", "cron"),
      allow("store", "web", "*"),
      { Kind: "service-resolver", Name: "api", Subsets: { v1: {}, v2: {} } },
      {
        Kind: "service-splitter",
        Name: "api",
        Splits: [
          { Weight: 90, ServiceSubset: "v1" },
          { Weight: 10, ServiceSubset: "v2" },
        ],
      },
    ],
  }),
]);

function flow(source: string, destination: string, of: Partial<Flow>): Flow {
  const nothing = { requests: 0, clientErrors: 0, serverErrors: 0, connections: 0, failedConnections: 0 };
  const places = { sourceDatacenter: "dc1", datacenter: "dc1", peer: "" };
  return { source, destination, ...places, subset: "", seen: "sent", ...nothing, ...of };
}

function job(id: string, ...problems: readonly (readonly string[])[]): JobStatus {
  const instances = problems.map((reasons, index) => ({
    ...{ allocation: `${id}-${index}`, group: id, node: "client-1", tasks: [] },
    ...{ isRunning: true, healthy: reasons.length === 0, problems: reasons },
  }));
  return {
    ...{
      id,
      datacenter: "dc1",
      namespace: "default",
      kind: "service" as const,
      services: [{ name: id, group: id, isDestination: true }],
      upstreams: [],
      ports: [],
      wanted: 1,
      groups: { [id]: 1 },
      unplaced: [],
    },
    ...{ awaitsPromotion: false, isReplacing: false, isMeshGateway: false, instances, failed: [] },
  };
}

const live = withLive(graph, {
  lab: "trial",
  takenAt: new Date("2026-01-02T03:04:05Z"),
  jobs: [job("web", []), job("api", ["http /health: 500"]), job("store", [])],
  traffic: {
    seconds: 2,
    problems: ["The Envoys of cron could not be asked: no answer."],
    flows: [
      flow("web", "api", { seen: "asked", requests: 20, serverErrors: 1 }),
      flow("web", "api", { subset: "v1", requests: 18 }),
      flow("web", "api", { subset: "v2", requests: 2 }),
      flow("cron", "api", { subset: "v1", requests: 5 }),
      flow("web", "store", { connections: 0.5, requests: 7 }),
    ],
  },
});

test("a service has the health of its job, one that the lab lacks is not healthy, and the reasons are told", () => {
  expect(nodeOf(live, "web").health).toEqual({ healthy: 1, wanted: 1, problems: [] });
  expect(nodeOf(live, "api").health).toEqual({
    healthy: 0,
    wanted: 1,
    problems: ["on client-1: http /health: 500"],
  });
  expect(nodeOf(live, "cron").health).toEqual({ healthy: 0, wanted: 1, problems: [] });
});

test("an arrow has what its source asked for, by requests or by connections as the protocol has it", () => {
  expect(edgeOf(live, "web", "api").traffic).toMatchObject({
    unit: "requests",
    perSecond: 20,
    serverErrorsPerSecond: 1,
  });
  expect(edgeOf(live, "cron", "api").traffic).toMatchObject({ unit: "requests", perSecond: 5 });
  expect(edgeOf(live, "web", "store").traffic).toEqual({ unit: "connections", perSecond: 0.5 });
  expect(edgeOf(live, "any source", "store").traffic).toBeUndefined();
});

test("a split has what all callers of its service sent that way", () => {
  expect(edgeOf(live, "api", "api@v1").traffic?.perSecond).toBe(23);
  expect(edgeOf(live, "api", "api@v2").traffic?.perSecond).toBe(2);
});

test("a gateway has what its proxy service's Envoy counts, and a redirect what was asked of its name", () => {
  const gateway = readMeshGraph([
    handWritten({
      jobs: [
        {
          ID: "door",
          TaskGroups: [
            {
              Services: [
                { Name: "door", Kind: "api-gateway" },
                { Name: "door-envoy", Connect: { SidecarService: {} } },
              ],
            },
          ],
        },
        serviceJob("web", [{ DestinationName: "old-api", LocalBindPort: 1 }]),
        serviceJob("api"),
      ],
      entries: [
        { Kind: "proxy-defaults", Name: "global", Config: { protocol: "http" } },
        {
          Kind: "http-route",
          Name: "r",
          Parents: [{ Kind: "api-gateway", Name: "door" }],
          Rules: [{ Services: [{ Name: "web" }] }],
        },
        allow("web", "door"),
        allow("api", "web"),
        { Kind: "service-resolver", Name: "old-api", Redirect: { Service: "api" } },
      ],
    }),
  ]);
  expect(gateway.nodes.map(({ id }) => id)).toEqual(["api", "door", "old-api", "web"]);
  const { lab, takenAt } = { lab: "trial", takenAt: new Date() };
  const flows = [
    flow("door-envoy", "web", { requests: 3 }),
    flow("web", "old-api", { seen: "asked", requests: 4 }),
    flow("web", "api", { requests: 5 }),
  ];
  const seen = withLive(gateway, { lab, takenAt, jobs: [], traffic: { seconds: 1, problems: [], flows } });
  expect(edgeOf(seen, "door", "web").traffic?.perSecond).toBe(3);
  expect(edgeOf(seen, "web", "old-api").traffic?.perSecond).toBe(4);
  expect(edgeOf(seen, "old-api", "api").traffic?.perSecond).toBe(4);
  expect(edgeOf(seen, "web", "api").traffic?.perSecond).toBe(5);
});

describe("in two datacenters", () => {
  const failover = {
    Kind: "service-resolver" as const,
    Name: "api",
    Failover: { "*": { Targets: [{ Peer: "dc2" }] } },
  };
  const http = { Kind: "service-defaults" as const, Name: "api", Protocol: "http" };
  const upstream = { DestinationName: "api", LocalBindPort: 1 };
  const [local, far] = [serviceJob("web", [upstream]), serviceJob("cron", [{ ...upstream, DestinationPeer: "dc2" }])];
  const fromPeer = ["web", "cron"].map((Name) => ({ Name, Peer: "dc1", Action: "allow" }));
  const deployed = readMeshGraph([
    handWritten(
      { datacenter: "dc1", jobs: [local, far, serviceJob("api")], entries: [http, failover, allow("api", "web")] },
      "east",
    ),
    handWritten(
      {
        datacenter: "dc2",
        jobs: [local, serviceJob("api")],
        entries: [http, { Kind: "service-intentions", Name: "api", Sources: [...fromPeer, { Name: "web" }] }],
      },
      "west",
    ),
  ]);
  const see = (flows: readonly Flow[], jobs: readonly JobStatus[] = []) =>
    withLive(deployed, { lab: "trial", takenAt: new Date(), jobs, traffic: { seconds: 1, problems: [], flows } });
  const rate = (graph: MeshGraph, source: string, destination: string) =>
    edgeOf(graph, source, destination).traffic?.perSecond;

  test("jobs of one name are each in their own", () => {
    const seen = see(
      [],
      [job("api", ["http /health: 500"]), { ...job("api", [], []), datacenter: "dc2", groups: { api: 2 } }],
    );
    expect(nodeOf(seen, "dc1/api").health).toMatchObject({ healthy: 0, wanted: 1 });
    expect(nodeOf(seen, "dc2/api").health).toEqual({ healthy: 2, wanted: 2, problems: [] });
    expect(nodeOf(seen, "dc2/web").health).toMatchObject({ healthy: 0, wanted: 1 });
  });

  test("sources and destinations of one name are each in their own", () => {
    const seen = see([
      flow("web", "api", { seen: "asked", requests: 3 }),
      flow("web", "api", { seen: "asked", sourceDatacenter: "dc2", datacenter: "dc2", requests: 4 }),
      flow("cron", "api", { seen: "asked", datacenter: "", peer: "dc2", requests: 5 }),
    ]);
    expect(rate(seen, "dc1/web", "dc1/api")).toBe(3);
    expect(rate(seen, "dc2/web", "dc2/api")).toBe(4);
    expect(rate(seen, "dc1/cron", "dc2/api")).toBe(5);
  });

  test("a failover has what was sent to its choice, and so has the arrow from who asked", () => {
    const seen = see([
      flow("web", "api", { seen: "asked", requests: 10 }),
      flow("web", "api", { requests: 10 }),
      flow("web", "api", { choice: 0, requests: 4 }),
      flow("web", "api", { choice: 1, requests: 6 }),
    ]);
    expect(rate(seen, "dc1/web", "dc1/api")).toBe(10);
    expect(rate(seen, "dc1/api", "dc2/api")).toBe(6);
    expect(rate(seen, "dc1/web", "dc2/api")).toBe(6);
  });
});

test("each subset's failover has its own, and that of the service has the others'", () => {
  const canary = readMeshGraph([
    handWritten({
      jobs: [serviceJob("web", [{ DestinationName: "api", LocalBindPort: 1 }]), serviceJob("api"), serviceJob("spare")],
      entries: [
        { Kind: "proxy-defaults", Name: "global", Config: { protocol: "http" } },
        allow("api", "web"),
        {
          Kind: "service-resolver",
          Name: "api",
          Subsets: { v1: {}, v2: {} },
          Failover: { v2: { ServiceSubset: "v1" }, "*": { Service: "spare" } },
        },
      ],
    }),
  ]);
  const flows = [
    flow("web", "api", { subset: "v1", choice: 1, requests: 3 }),
    flow("web", "api", { subset: "v2", choice: 1, requests: 5 }),
  ];
  const seen = withLive(canary, {
    ...{ lab: "trial", takenAt: new Date(), jobs: [] },
    traffic: { seconds: 1, problems: [], flows },
  });
  expect(edgeOf(seen, "api@v2", "api@v1").traffic?.perSecond).toBe(5);
  expect(edgeOf(seen, "api", "spare").traffic?.perSecond).toBe(3);
});

/** A hundred requests that took up to so long, in milliseconds. */
const took = (ms: number) => ({ durations: { count: 100, sumMs: 50 * ms, atMost: new Map([[ms, 100]]) } });

test("requests have their duration, as who asks sees it or else over all who are asked, and those that fail are marked", () => {
  const seen = withLive(graph, {
    ...{ lab: "trial", takenAt: new Date(), jobs: [] },
    traffic: {
      ...{ seconds: 2, problems: [] },
      flows: [
        flow("web", "api", { seen: "asked", requests: 20, serverErrors: 5, ...took(100) }),
        flow("web", "api", { subset: "v1", requests: 15, ...took(10) }),
        flow("cron", "api", { subset: "v1", requests: 15, ...took(10) }),
      ],
    },
  });
  expect(edgeOf(seen, "web", "api").traffic).toMatchObject({ meanMs: 50, p95Ms: 95 });
  expect(edgeOf(seen, "api", "api@v1").traffic).toMatchObject({ perSecond: 30, meanMs: 5, p95Ms: 9.5 });
  // No Envoy has told of it.
  expect(edgeOf(seen, "api", "api@v2").traffic).toBeUndefined();
  expect(labelOf(edgeOf(seen, "web", "api"))).toBe("20 req/s, p95 95 ms, 25 % fail");
  expect(edgeFacts(edgeOf(seen, "web", "api"))).toEqual(
    expect.arrayContaining([
      ["duration", "mean 50 ms, p95 95 ms"],
      ["5xx", "5.0/s"],
    ]),
  );
});

test("durations of requests before the time that was watched, of which Envoy tells late, are left out", () => {
  const flows = [flow("web", "api", { seen: "asked", requests: 0, ...took(100) })];
  const traffic = { seconds: 2, problems: [], flows };
  const seen = withLive(graph, { lab: "trial", takenAt: new Date(), jobs: [], traffic });
  expect(edgeFacts(edgeOf(seen, "web", "api")).map(([name]) => name)).not.toContain("duration");
});

test("connections have those that are open and those that fail, without a duration", () => {
  const seen = withLive(graph, {
    ...{ lab: "trial", takenAt: new Date(), jobs: [] },
    traffic: {
      ...{ seconds: 2, problems: [] },
      flows: [
        flow("web", "store", { seen: "asked", connections: 4 }),
        flow("web", "store", { connections: 3, failedConnections: 1, openConnections: 7 }),
      ],
    },
  });
  const edge = edgeOf(seen, "web", "store");
  expect(edge.traffic).toEqual({ unit: "connections", perSecond: 4, failedPerSecond: 1, open: 7 });
  expect(labelOf(edge)).toBe("4.0 conn/s, 25 % fail");
});

test("what comes to a gateway from outside is on the arrow from outside: requests, or connections of tcp", () => {
  const doors = readMeshGraph([
    handWritten({
      jobs: [serviceJob("web"), serviceJob("store")],
      entries: [
        {
          Kind: "ingress-gateway",
          Name: "door",
          Listeners: [{ Port: 80, Protocol: "http", Services: [{ Name: "web" }] }],
        },
        {
          Kind: "ingress-gateway",
          Name: "hatch",
          Listeners: [{ Port: 90, Protocol: "tcp", Services: [{ Name: "store" }] }],
        },
        allow("web", "door"),
        allow("store", "hatch"),
      ],
    }),
  ]);
  const seen = withLive(doors, {
    ...{ lab: "trial", takenAt: new Date(), jobs: [] },
    traffic: {
      ...{ seconds: 2, problems: [] },
      flows: [
        flow("door", "door", { seen: "entered", requests: 9, clientErrors: 2, ...took(20) }),
        flow("hatch", "store", { connections: 3, openConnections: 2 }),
      ],
    },
  });
  const from = (door: string) => edgeOf(seen, "outside callers", door, "enters").traffic;
  expect(from("door")).toMatchObject({ unit: "requests", perSecond: 9, clientErrorsPerSecond: 2, p95Ms: 19 });
  expect(from("hatch")).toMatchObject({ unit: "connections", perSecond: 3, open: 2 });
});

test("what could not be asked is noted, and the picture says the rates", () => {
  expect(live.notes).toContain("The Envoys of cron could not be asked: no answer.");
  expect(renderMermaid(live)).toContain("20 req/s");
  expect(renderMermaid(live)).toContain("0/1 healthy");
});

test("what a prepared query is asked for is the traffic of the service that it looks up", () => {
  const query = { stack: "shop", name: "near-api", service: "api", lookup: {} };
  const flows = [
    flow("cron", "near-api", { isQuery: true, requests: 4, serverErrors: 1 }),
    flow("cron", "unknown", { isQuery: true, requests: 100 }),
  ];
  const trafficWith = (queries: readonly QueryDocument[]) =>
    edgeOf(
      withLive(graph, {
        lab: "trial",
        takenAt: new Date(),
        jobs: [],
        traffic: { seconds: 1, problems: [], flows },
        queries,
      }),
      "cron",
      "api",
    ).traffic;
  expect(trafficWith([query])).toMatchObject({ unit: "requests", perSecond: 4, serverErrorsPerSecond: 1 });
  const template = { ...query, name: "near-", service: "${match(1)}", template: { regexp: "^near-(.+)$" } };
  expect(trafficWith([template])).toMatchObject({ perSecond: 4 });
  expect(trafficWith([{ ...query, name: "near" }])).toBeUndefined();
});
