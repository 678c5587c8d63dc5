import type { consul } from "../../constructs";
import { addFailover } from "../../examples/failover";
import type { MeshGraph } from "../../graph/model";
import { readMeshGraph } from "../../graph/read";
import { sentenceOf } from "../../graph/words";
import { MeshStack } from "../../stacks/mesh-stack";
import { allow, edgeOf, handWritten, nodeOf, serviceJob, synthesized } from "../support/mesh-graph";
import { testApp } from "../support/test-app";

type Sources = NonNullable<consul.ServiceIntentionsConfigEntry["Sources"]>;
type Written = Parameters<typeof handWritten>[0];

/** Two datacenters: dc1 knows the other one as its peer. */
function graphOf(east: Written, west: Written): MeshGraph {
  return readMeshGraph([
    handWritten({ datacenter: "dc1", ...east }, "east"),
    handWritten({ datacenter: "dc2", ...west }, "west"),
  ]);
}

const intentions = (destination: string, sources: Sources) => ({
  Kind: "service-intentions" as const,
  Name: destination,
  Sources: sources,
});

const page = serviceJob("page", [{ DestinationName: "api", DestinationPeer: "dc2", LocalBindPort: 1 }]);
const meshGateway = {
  ID: "mesh-gateway",
  TaskGroups: [{ Services: [{ Name: "mesh-gateway", Connect: { Gateway: { Mesh: {} } } }] }],
};

test("the example failover is two datacenters, with all that goes from one to the other", () => {
  const app = testApp();
  const [east, west] = ["dc1", "dc2"].map(
    (consulDatacenter) => new MeshStack(app, consulDatacenter, { runtime: "exec", consulDatacenter }),
  );
  addFailover(east.mesh, west.mesh, { runtime: "exec" });
  const graph = readMeshGraph([east, west].map(synthesized));
  const through = "through the mesh gateways of dc1 and dc2";
  expect(graph.groups.map(({ id }) => id)).toEqual(["dc1", "dc2"]);
  expect(graph.nodes.map(({ id }) => id)).toEqual([
    "dc1/greeting-api",
    "dc1/greeting-page",
    "dc1/mesh-gateway",
    "dc1/outside callers",
    "dc2/greeting-api",
    "dc2/mesh-gateway",
  ]);
  expect(graph.edges).toHaveLength(4);
  expect(edgeOf(graph, "dc1/greeting-page", "dc1/greeting-api").permission).toEqual({ allowed: "all" });
  expect(edgeOf(graph, "dc1/greeting-api", "dc2/greeting-api")).toMatchObject({
    ...{ kind: "failover", choice: 1, remarks: [through] },
  });
  expect(edgeOf(graph, "dc1/greeting-page", "dc2/greeting-api")).toMatchObject({
    permission: { allowed: "all" },
    remarks: ["by way of greeting-api, if no instance is healthy", through],
  });
  expect(nodeOf(graph, "dc2/greeting-api").exportedTo).toEqual(["datacenter dc1"]);
});

describe("a peer that bears the name of a datacenter of the app", () => {
  test("is that datacenter for upstreams, failovers and redirects", () => {
    const graph = graphOf(
      {
        jobs: [page, serviceJob("api")],
        entries: [
          { Kind: "service-resolver", Name: "api", Failover: { "*": { Targets: [{ Peer: "dc2" }] } } },
          { Kind: "service-resolver", Name: "far-api", Redirect: { Service: "api", Peer: "dc2" } },
        ],
      },
      { jobs: [serviceJob("api")] },
    );
    expect(graph.groups.map(({ id }) => id)).toEqual(["dc1", "dc2"]);
    expect(edgeOf(graph, "dc1/page", "dc2/api").ways).toEqual(["127.0.0.1:1"]);
    expect(edgeOf(graph, "dc1/api", "dc2/api").kind).toBe("failover");
    expect(edgeOf(graph, "dc1/far-api", "dc2/api").kind).toBe("redirect");
  });

  test("is not that datacenter to the datacenter itself: its peer of that name is another cluster", () => {
    const upstream = { DestinationName: "api", DestinationPeer: "dc1", LocalBindPort: 1 };
    const graph = graphOf({ jobs: [serviceJob("page", [upstream])] }, {});
    expect(edgeOf(graph, "dc1/page", "peer dc1/api").permission).toEqual({ allowed: "unknown" });
  });

  test("shares no entries: a name that leads there is not the service of that name there", () => {
    const graph = graphOf(
      {
        jobs: [serviceJob("page", [{ DestinationName: "api", LocalBindPort: 1 }])],
        entries: [{ Kind: "service-resolver", Name: "api", Redirect: { Peer: "dc2" } }],
      },
      { jobs: [serviceJob("api")], entries: [intentions("api", [{ Name: "page", Peer: "dc1", Action: "allow" }])] },
    );
    expect(nodeOf(graph, "dc1/api").kind).toBe("virtual");
    expect(edgeOf(graph, "dc1/api", "dc2/api").kind).toBe("redirect");
    expect(edgeOf(graph, "dc1/page", "dc1/api").permission).toEqual({ allowed: "all" });
  });
});

describe("which service can reach which in another datacenter", () => {
  const permission = (east: Written, west: Written) =>
    edgeOf(graphOf({ jobs: [page], ...east }, { jobs: [serviceJob("api")], ...west }), "dc1/page", "dc2/api")
      .permission;

  test("is shown there, of a source at the peer", () => {
    const entries = [intentions("api", [{ Name: "page", Peer: "dc1", Action: "allow" }])];
    expect(permission({}, { entries })).toEqual({ allowed: "all" });
    expect(permission({}, {})).toEqual({ allowed: "no" });
    expect(permission({ entries }, {})).toEqual({ allowed: "no" });
  });

  test("is not said by an intention for a source of the same name there, nor by its wildcards", () => {
    expect(permission({}, { entries: [allow("api", "page")] })).toEqual({ allowed: "no" });
    expect(permission({}, { entries: [allow("*", "*")] })).toEqual({ allowed: "no" });
    expect(permission({}, { entries: [intentions("*", [{ Name: "*", Peer: "dc1", Action: "allow" }])] })).toEqual({
      allowed: "all",
      wildcard: true,
    });
  });

  test("says nothing of a service of the same name there", () => {
    const local = serviceJob("page", [{ DestinationName: "api", LocalBindPort: 1 }]);
    const entries = [intentions("api", [{ Name: "page", Peer: "dc1", Action: "allow" }])];
    const graph = graphOf({ jobs: [page] }, { jobs: [local, serviceJob("api")], entries });
    expect(edgeOf(graph, "dc2/page", "dc2/api").permission).toEqual({ allowed: "no" });
    expect(edgeOf(graph, "dc1/page", "dc2/api").permission).toEqual({ allowed: "all" });
  });

  test("is not said by the intentions of a peer's own services", () => {
    const local = serviceJob("page", [{ DestinationName: "api", LocalBindPort: 1 }]);
    const graph = graphOf({ jobs: [page] }, { jobs: [local, serviceJob("api")], entries: [allow("api", "page")] });
    expect(edgeOf(graph, "dc2/page", "dc2/api").permission).toEqual({ allowed: "all" });
    const other = graphOf(
      { jobs: [page, local, serviceJob("api")] },
      { jobs: [serviceJob("api")], entries: [allow("api", "page")] },
    );
    expect(edgeOf(other, "dc1/page", "dc1/api").permission).toEqual({ allowed: "no" });
  });

  test("is for the peer to say if it is outside of the app", () => {
    const upstream = { DestinationName: "api", DestinationPeer: "north", LocalBindPort: 1 };
    const graph = graphOf({ jobs: [serviceJob("page", [upstream])], entries: [allow("api", "page")] }, {});
    expect(edgeOf(graph, "dc1/page", "peer north/api").permission).toEqual({ allowed: "unknown" });
  });

  test("is shared by federated datacenters, for sources of any of them", () => {
    const upstream = { DestinationName: "api", Datacenter: "dc2", LocalBindPort: 1 };
    const graph = graphOf(
      { jobs: [serviceJob("page", [upstream])], entries: [allow("api", "page")] },
      { jobs: [serviceJob("api")] },
    );
    expect(edgeOf(graph, "dc1/page", "dc2/api")).toMatchObject({ permission: { allowed: "all" } });
    expect(graph.nodes.map(({ id }) => id)).toEqual(["dc1/page", "dc2/api"]);
  });
});

describe("an arrow to another datacenter", () => {
  const remarks = (east: Written, west: Written) =>
    edgeOf(graphOf({ jobs: [page], ...east }, { jobs: [serviceJob("api")], ...west }), "dc1/page", "dc2/api").remarks;
  const mode = (Mode: string): Written["entries"] => [
    { Kind: "proxy-defaults", Name: "global", MeshGateway: { Mode } },
  ];
  const [east, west] = [{ jobs: [page, meshGateway] }, { jobs: [serviceJob("api"), meshGateway] }];

  test("says through which mesh gateways it goes, as far as they are there", () => {
    expect(remarks({ ...east, entries: mode("local") }, west)).toEqual(["through the mesh gateways of dc1 and dc2"]);
    expect(remarks({ ...east, entries: mode("remote") }, west)).toEqual(["through the mesh gateway of dc2"]);
    expect(remarks(east, west)).toEqual(["through the mesh gateway of dc2"]);
    expect(remarks({ entries: mode("local") }, west)).toBeUndefined();
    expect(remarks({ ...east, entries: mode("local") }, {})).toBeUndefined();
  });

  test("says in its sentence where both ends are, since they often have one name", () => {
    const Failover = { "*": { Targets: [{ Peer: "dc2" }] } };
    const graph = graphOf(
      { jobs: [serviceJob("api")], entries: [{ Kind: "service-resolver", Name: "api", Failover }] },
      { jobs: [serviceJob("api")] },
    );
    const [here, there] = ["dc1/api", "dc2/api"].map((id) => nodeOf(graph, id));
    expect(sentenceOf(edgeOf(graph, here.id, there.id), here, there)).toBe("api (dc1) falls back to api (dc2)");
  });
});
