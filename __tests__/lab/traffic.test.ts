import { flowsBetween, parseCounters } from "../../lab/traffic";

const asked = (destination: string) =>
  `consul_upstream_service="${destination}",consul_upstream_datacenter="dc1",consul_source_service="web",local_cluster="web",envoy_http_conn_manager_prefix="upstream"`;
const sent = (destination: string, subset = "") =>
  `local_cluster="web",consul_source_service="web",consul_destination_service_subset="${subset}",consul_destination_service="${destination}",consul_destination_datacenter="dc1"`;

/** What an Envoy says, as 1.38 does. */
function stats(requests: number, errors: number, connections: number): string {
  return `# TYPE envoy_http_downstream_rq_completed counter
envoy_http_downstream_rq_completed{${asked("api")}} ${requests}
# TYPE envoy_http_downstream_rq_xx counter
envoy_http_downstream_rq_xx{envoy_response_code_class="2",${asked("api")}} ${requests - errors}
envoy_http_downstream_rq_xx{envoy_response_code_class="5",${asked("api")}} ${errors}
envoy_http_downstream_rq_completed{local_cluster="web",envoy_http_conn_manager_prefix="public_listener"} 99
envoy_cluster_upstream_rq_completed{${sent("api", "v1")}} ${requests}
envoy_cluster_upstream_rq_completed{local_cluster="web",consul_source_service="web",envoy_cluster_name="local_app"} 99
envoy_cluster_upstream_cx_total{${sent("store")}} ${connections}
`;
}

const sample = (at: number, text: string) => ({ address: "127.0.0.2:19001", at, counters: parseCounters(text) });

test("rates are what was counted between the looks, by the second, for whoever asked whom", () => {
  const flows = flowsBetween(
    new Map([["envoy", sample(1_000, stats(10, 0, 1))]]),
    new Map([["envoy", sample(3_000, stats(30, 4, 2))]]),
  );
  const nothing = { requests: 0, clientErrors: 0, serverErrors: 0, connections: 0 };
  expect(flows).toHaveLength(3);
  expect(flows).toContainEqual({
    ...{ source: "web", destination: "api", datacenter: "dc1", subset: "", seen: "asked" },
    ...{ ...nothing, requests: 10, serverErrors: 2 },
  });
  expect(flows).toContainEqual({
    ...{ source: "web", destination: "api", datacenter: "dc1", subset: "v1", seen: "sent" },
    ...{ ...nothing, requests: 10 },
  });
  expect(flows).toContainEqual({
    ...{ source: "web", destination: "store", datacenter: "dc1", subset: "", seen: "sent" },
    ...{ ...nothing, connections: 0.5 },
  });
});

test("instances of one service count together", () => {
  const before = new Map(["a", "b"].map((envoy) => [envoy, sample(0, stats(0, 0, 0))]));
  const after = new Map(["a", "b"].map((envoy) => [envoy, sample(1_000, stats(5, 0, 0))]));
  expect(flowsBetween(before, after).find(({ seen }) => seen === "asked")?.requests).toBe(10);
});

test("an Envoy that has started anew between the looks does not count backwards", () => {
  const flows = flowsBetween(
    new Map([["envoy", sample(0, stats(100, 0, 0))]]),
    new Map([["envoy", sample(1_000, stats(1, 0, 0))]]),
  );
  expect(flows.map(({ requests }) => requests)).toEqual([0, 0, 0]);
});
