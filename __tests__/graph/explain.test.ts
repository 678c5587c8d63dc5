import { HttpPermission, Protocol, Redirect, ServiceMesh, silence } from "../../constructs";
import { explain, type Question } from "../../graph/explain";
import { readDocuments, type MeshDocuments } from "../../lab/apply/documents";
import { readStacks } from "../../lab/apply/synthesized";
import { TestStack } from "../support/synth";
import { testApp } from "../support/test-app";
import { anyWorkload } from "../support/workload";

let documents: MeshDocuments;

beforeAll(() => {
  const app = testApp();
  const mesh = new ServiceMesh(new TestStack(app, "shop"), "mesh");
  const http = { port: 80, protocol: Protocol.HTTP, workload: anyWorkload };
  const orders = mesh.addService("orders", http);
  const ledger = mesh.addService("ledger", http);
  const web = mesh.addService("web", http);
  const clerk = mesh.addService("clerk", { ...http, transparentProxy: {} });
  web.connectTo(orders, { localBindPort: 5000, permissions: [HttpPermission.get("/v1")] });
  clerk.connectTo(ledger);
  const stock = mesh.addService("stock", http);
  stock.resolve({ redirect: Redirect.to(orders) });
  const { queryName } = mesh.addPreparedQuery("passing-stock", {
    ...{ service: stock, onlyPassing: true, tags: ["v2", "!old"] },
  });
  mesh.addPreparedQuery("near-", {
    ...{ service: "${match(1)}", template: { regexp: "^near-(.+)$" }, failover: { targets: [{ peer: "west" }] } },
  });
  clerk.connectTo(web, { preparedQuery: "near-web" });
  silence(clerk, "query-failover-to-peer", "explain must know what happens");
  web.connectTo(stock, { localBindPort: 5001, preparedQuery: queryName });
  web.connectTo(clerk, { localBindSocketPath: "alloc/tmp/clerk.sock" });
  orders.route({ match: { pathPrefix: "/ledger" }, to: ledger });
  app.synth();
  documents = readDocuments(readStacks(app.outdir));
});

function ask(source: string, destination: string, path?: string, method = "GET") {
  const question: Question = { source, destination, ...(path !== undefined && { request: { method, path } }) };
  return explain(documents, question);
}

test("a request goes the way of the route that fits it, and what decides is the intention where it ends", () => {
  expect(ask("web", "orders", "/v1/7")).toEqual({
    allowed: "all",
    upstreams: ["127.0.0.1:5000"],
    ends: [
      {
        service: "orders",
        isFailover: false,
        by: [],
        allowed: "all",
        reason: "permission 2 of the intention web → orders allows it",
      },
    ],
  });
  expect(ask("web", "orders", "/ledger/7").ends).toMatchObject([{ service: "ledger", by: ["a route of orders"] }]);
});

test("a refusal says what is missing", () => {
  expect(ask("web", "orders", "/v1/7", "POST")).toMatchObject({
    allowed: "no",
    ends: [{ reason: "no permission of the intention web → orders matches the request" }],
  });
  expect(ask("orders", "web")).toMatchObject({ allowed: "no", upstreams: [] });
});

test("without a request it is about any, which ends in several places", () => {
  const { allowed, ends } = ask("web", "orders");
  expect(allowed).toBe("some requests");
  expect(ends.map(({ service }) => service).sort()).toEqual(["ledger", "orders"]);
});

test("a transparent proxy needs no upstream", () => {
  expect(ask("clerk", "ledger")).toMatchObject({ allowed: "all", upstreams: ["ledger.virtual.consul"] });
});

test("a name that the app does not know is an error", () => {
  expect(() => ask("web", "order")).toThrow('Unknown service order. Did you mean "orders"?');
  expect(() => explain(documents, { source: "web", destination: "orders", datacenter: "eu" })).toThrow(
    "The app has no datacenter eu.",
  );
});

test("an upstream to a prepared query: what it looks up decides, and no traffic rule of it", () => {
  expect(ask("web", "stock")).toEqual({
    allowed: "all",
    upstreams: [
      "127.0.0.1:5001 (by the prepared query passing-stock, without its routes, splits, redirects and failovers)",
    ],
    ends: [
      {
        service: "stock",
        isFailover: false,
        by: ["the prepared query passing-stock (instances whose checks pass, with the tag v2, without the tag old)"],
        allowed: "all",
        reason: "the intention web → stock allows it",
      },
    ],
  });
  // By its name, the same service is redirected.
  expect(ask("clerk", "stock").ends).toMatchObject([{ service: "orders", by: ["the redirect of stock"] }]);
});

test("a template answers the name that the upstream asks, and a failover to a cluster peer is refused", () => {
  expect(ask("clerk", "web")).toMatchObject({
    allowed: "some requests",
    ends: [
      { service: "web", by: [], allowed: "all" },
      { service: "web", by: ["the prepared query near-web (instances without a critical check)"], allowed: "all" },
      {
        ...{ service: "web", datacenter: "west", isFailover: true, allowed: "no" },
        reason: "Envoy refuses the certificates of a cluster peer's instances that a prepared query finds",
        fix: "Use an upstream without preparedQuery, and the failover of web: resolve({ failover: … }).",
      },
    ],
  });
});

test("an upstream on a Unix socket has its path", () => {
  expect(ask("web", "clerk").upstreams).toEqual(["alloc/tmp/clerk.sock"]);
});
