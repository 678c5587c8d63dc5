import { flowsBetween, parseCounters } from "../../../lab/cluster/traffic";

/** Of flows inside one datacenter. */
const near = { sourceDatacenter: "dc1", datacenter: "dc1", peer: "" };

const asked = (destination: string) =>
  `consul_upstream_service="${destination}",consul_upstream_datacenter="dc1",consul_source_service="web",consul_source_datacenter="dc1",local_cluster="web",envoy_http_conn_manager_prefix="upstream"`;
const sent = (destination: string, subset = "") =>
  `local_cluster="web",consul_source_service="web",consul_source_datacenter="dc1",consul_destination_service_subset="${subset}",consul_destination_service="${destination}",consul_destination_datacenter="dc1"`;

/** What an Envoy says, as 1.38 does. */
function stats(requests: number, errors: number, connections: number): string {
  return `# TYPE envoy_http_downstream_rq_completed counter
envoy_http_downstream_rq_completed{${asked("api")}} ${requests}
# TYPE envoy_http_downstream_rq_xx counter
envoy_http_downstream_rq_xx{envoy_response_code_class="2",${asked("api")}} ${requests - errors}
envoy_http_downstream_rq_xx{envoy_response_code_class="5",${asked("api")}} ${errors}
envoy_http_downstream_rq_completed{local_cluster="web",envoy_http_conn_manager_prefix="public_listener"} 99
envoy_cluster_upstream_rq_completed{${sent("api", "v1")}} ${requests}
envoy_cluster_upstream_rq_completed{local_cluster="web",consul_source_service="web",consul_source_datacenter="dc1",envoy_cluster_name="local_app"} 99
envoy_cluster_upstream_cx_total{${sent("store")}} ${connections}
`;
}

const sample = (at: number, text: string) => ({ address: "127.0.0.2:19001", at, counters: parseCounters(text) });

test("rates are what was counted between the looks, by the second, for each pair of source and destination", () => {
  const flows = flowsBetween(
    new Map([["envoy", sample(1_000, stats(10, 0, 1))]]),
    new Map([["envoy", sample(3_000, stats(30, 4, 2))]]),
  );
  const nothing = { requests: 0, clientErrors: 0, serverErrors: 0, connections: 0, failedConnections: 0 };
  expect(flows).toHaveLength(3);
  expect(flows).toContainEqual({
    ...{ source: "web", destination: "api", ...near, subset: "", seen: "asked" },
    ...{ ...nothing, requests: 10, serverErrors: 2 },
  });
  expect(flows).toContainEqual({
    ...{ source: "web", destination: "api", ...near, subset: "v1", seen: "sent" },
    ...{ ...nothing, requests: 10 },
  });
  expect(flows).toContainEqual({
    ...{ source: "web", destination: "store", ...near, subset: "", seen: "sent" },
    ...{ ...nothing, connections: 0.5 },
  });
});

test("instances of one service count together", () => {
  const before = new Map(["a", "b"].map((envoy) => [envoy, sample(0, stats(0, 0, 0))]));
  const after = new Map(["a", "b"].map((envoy) => [envoy, sample(1_000, stats(5, 0, 0))]));
  expect(flowsBetween(before, after).find(({ seen }) => seen === "asked")?.requests).toBe(10);
});

test("an Envoy that has restarted between the looks does not count backwards", () => {
  const flows = flowsBetween(
    new Map([["envoy", sample(0, stats(100, 0, 0))]]),
    new Map([["envoy", sample(1_000, stats(1, 0, 0))]]),
  );
  expect(flows.map(({ requests }) => requests)).toEqual([0, 0, 0]);
});

test("what is sent to a peer says so, and what is sent by failover says to which choice", () => {
  const common = `consul_source_service="web",consul_source_datacenter="dc1",consul_destination_service="api"`;
  const choice = (number: number) =>
    `{${common},consul_destination_custom_hash="failover-target~${number}",consul_destination_datacenter="dc1"}`;
  const text = (count: number) => `
envoy_http_downstream_rq_completed{consul_upstream_service="api",consul_upstream_peer="dc2",consul_source_service="web",consul_source_datacenter="dc1",envoy_http_conn_manager_prefix="upstream_peered"} ${count}
envoy_cluster_upstream_rq_completed{${common},consul_destination_custom_hash="",consul_destination_peer="dc2"} ${2 * count}
envoy_cluster_upstream_rq_total{${common},consul_destination_custom_hash="",consul_destination_peer="dc2"} ${3 * count}
envoy_cluster_upstream_rq_total${choice(0)} ${4 * count}
envoy_cluster_upstream_rq_total${choice(1)} ${5 * count}
envoy_cluster_upstream_rq_completed${choice(1)} ${6 * count}
`;
  const flows = flowsBetween(new Map([["envoy", sample(0, text(0))]]), new Map([["envoy", sample(1_000, text(1))]]));
  const far = { destination: "api", datacenter: "", peer: "dc2" };
  expect(flows.filter(({ requests }) => requests > 0)).toEqual(
    [
      { ...far, seen: "asked", requests: 1 },
      { ...far, seen: "sent", requests: 2 },
      { destination: "api", datacenter: "dc1", peer: "", seen: "sent", choice: 0, requests: 4 },
      { destination: "api", datacenter: "dc1", peer: "", seen: "sent", choice: 1, requests: 5 },
    ].map((flow) => expect.objectContaining({ source: "web", sourceDatacenter: "dc1", ...flow }) as unknown),
  );
});

test("how long requests took is the difference of Envoy's histograms, and that of all of an Envoy's history is not", () => {
  const histogram = (name: string, labels: string, counts: readonly number[], sum: string) => `# TYPE ${name} histogram
${["0.5", "5", "+Inf"].map((le, index) => `${name}_bucket{${labels},le="${le}"} ${counts[index]}`).join("\n")}
${name}_sum{${labels}} ${sum}
${name}_count{${labels}} ${counts[2]}
`;
  const text = (counts: readonly number[], sum: string) =>
    histogram("envoy_http_downstream_rq_time", asked("api"), counts, sum) +
    histogram("envoy_cluster_upstream_rq_time", sent("api", "v1"), counts, sum) +
    histogram("envoy_cluster_external_upstream_rq_time", sent("api", "v1"), counts, sum);
  const flows = flowsBetween(
    new Map([["envoy", sample(0, text([5, 100, 100], "1e+03"))]]),
    new Map([["envoy", sample(1_000, text([5, 103, 104], "1030.50000000000042632564145606"))]]),
  );
  const atMost = new Map([
    [0.5, 0],
    [5, 3],
  ]);
  expect(flows.map(({ seen, durations }) => [seen, durations])).toEqual([
    ["asked", { count: 4, sumMs: expect.closeTo(30.5) as number, atMost }],
    ["sent", { count: 4, sumMs: expect.closeTo(30.5) as number, atMost }],
  ]);
});

test("of connections, those that failed are counted by the second, and those that are open as they are now", () => {
  const text = (failed: number, none: number, open: number) => `
envoy_cluster_upstream_cx_connect_fail{${sent("store")}} ${failed}
envoy_cluster_upstream_cx_none_healthy{${sent("store")}} ${none}
envoy_cluster_upstream_cx_active{${sent("store")}} ${open}
`;
  const flows = flowsBetween(
    new Map([["envoy", sample(0, text(1, 1, 9))]]),
    new Map([["envoy", sample(2_000, text(3, 5, 4))]]),
  );
  expect(flows).toMatchObject([{ destination: "store", failedConnections: 3, openConnections: 4 }]);
});

test("what comes to the listeners of a gateway is counted as such, and what comes to a sidecar is not", () => {
  const line = (prefix: string, count: number) =>
    `envoy_http_downstream_rq_completed{consul_source_service="door-envoy",consul_source_datacenter="dc1",envoy_http_conn_manager_prefix="${prefix}"} ${count}\n`;
  const text = (count: number) =>
    line("ingress_upstream_8085", count) + line("public_listener", count) + line("admin", count);
  const flows = flowsBetween(new Map([["envoy", sample(0, text(0))]]), new Map([["envoy", sample(1_000, text(3))]]));
  expect(flows).toMatchObject([{ source: "door-envoy", destination: "door-envoy", seen: "entered", requests: 3 }]);
});

test("a mesh gateway sends to the services of a peer, not to one that is named like their namespace", () => {
  const labels =
    'consul_source_service="gateway",consul_source_datacenter="dc1",consul_destination_custom_hash="",consul_destination_service_subset="store",consul_destination_service="default",consul_destination_namespace="default",consul_destination_routing_type="external",consul_destination_full_target="store.default.default.dc2.external.f3a9"';
  const text = (count: number) => `envoy_cluster_upstream_cx_total{${labels}} ${count}\n`;
  const flows = flowsBetween(new Map([["envoy", sample(0, text(0))]]), new Map([["envoy", sample(1_000, text(1))]]));
  expect(flows).toMatchObject([{ source: "gateway", destination: "store", peer: "dc2", subset: "", connections: 1 }]);
});

test("what is sent to the instances that a prepared query finds is told apart from a service of the same name", () => {
  const labels =
    'consul_source_service="web",consul_source_datacenter="dc1",consul_destination_custom_hash="",consul_destination_service_subset="",consul_destination_service="near-api",consul_destination_routing_type="query",consul_destination_full_target="near-api.default.dc1.query.f3a9"';
  const text = (count: number) => `envoy_cluster_upstream_rq_completed{${labels}} ${count}\n`;
  const flows = flowsBetween(new Map([["envoy", sample(0, text(0))]]), new Map([["envoy", sample(1_000, text(4))]]));
  expect(flows).toMatchObject([
    { source: "web", destination: "near-api", isQuery: true, datacenter: "dc1", seen: "sent", requests: 4 },
  ]);
});
