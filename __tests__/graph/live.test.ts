import { withLive } from "../../graph/live";
import { renderMermaid } from "../../graph/mermaid";
import { readMeshGraph } from "../../graph/read";
import type { JobStatus } from "../../lab/services";
import type { Flow } from "../../lab/traffic";
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
  const nothing = { requests: 0, clientErrors: 0, serverErrors: 0, connections: 0 };
  return { source, destination, datacenter: "dc1", subset: "", seen: "sent", ...nothing, ...of };
}

function job(id: string, ...problems: readonly (readonly string[])[]): JobStatus {
  const instances = problems.map((reasons, index) => ({
    ...{ allocation: `${id}-${index}`, group: id, node: "client-1", tasks: [] },
    ...{ healthy: reasons.length === 0, problems: reasons },
  }));
  return {
    ...{
      id,
      datacenter: "dc1",
      namespace: "default",
      services: [id],
      upstreams: [],
      ports: [],
      wanted: 1,
      unplaced: [],
    },
    ...{ awaitsPromotion: false, instances },
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

test("a gateway has what its companion's Envoy counts, and a redirect what was asked of its name", () => {
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

test("what could not be asked is noted, and the picture says the rates", () => {
  expect(live.notes).toContain("The Envoys of cron could not be asked: no answer.");
  expect(renderMermaid(live)).toContain("20 req/s");
  expect(renderMermaid(live)).toContain("0/1 healthy");
});
