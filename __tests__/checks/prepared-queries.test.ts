import type { ConnectOptions, PreparedQueryBaseProps } from "../../constructs";
import { findingsOf, synthMesh } from "../support/synth";
import { anyWorkload } from "../support/workload";

function findingsWith(
  options: ConnectOptions,
  query: Partial<PreparedQueryBaseProps>,
  template?: Partial<PreparedQueryBaseProps>,
) {
  return findingsOf(() =>
    synthMesh((mesh) => {
      const [web, api] = ["web", "api"].map((name) => mesh.addService(name, { port: 80, workload: anyWorkload }));
      mesh.addPreparedQuery("near-api", { service: api, ...query });
      mesh.addPreparedQuery("near-", {
        ...{ service: "${match(1)}", template: { regexp: "^near-(.+)$" }, ...template },
      });
      web.connectTo(api, options);
    }),
  );
}

describe("query-of-another-service", () => {
  const finding = (asked: string, found: string) =>
    `stack/mesh/web: Its upstream api uses the prepared query ${asked}, which looks up ${found}. Connect to ${found}, or use a query for api. (query-of-another-service)`;

  test("fails if requests would go to a service without the intention", () => {
    expect(findingsWith({ preparedQuery: "near-api" }, { service: "web" })).toEqual([finding("near-api", "web")]);
    expect(findingsWith({ preparedQuery: "near-web" }, {})).toEqual([finding("near-web", "web")]);
  });

  test("follows templates, and a query of the same name before them", () => {
    expect(findingsWith({ preparedQuery: "near-api" }, {}, { service: "web", template: { regexp: ".*" } })).toEqual([]);
    const suffix = { service: "${name.suffix}", template: { regexp: ".*" } };
    expect(findingsWith({ preparedQuery: "near-api" }, { queryName: "other" }, suffix)).toEqual([]);
    const prefix = { queryName: "near-a", service: "a${ name.suffix }", template: { regexp: ".*" } };
    expect(findingsWith({ preparedQuery: "near-api" }, prefix, { service: "web" })).toEqual([]);
  });

  test("lets queries pass that are not known, or whose service depends on more than the name", () => {
    expect(findingsWith({ preparedQuery: "unknown" }, {})).toEqual([]);
    expect(findingsWith({ preparedQuery: "near-web", datacenter: "dc2" }, {})).toEqual([]);
    expect(findingsWith({ preparedQuery: "near-x" }, {}, { service: "${agent.segment}" })).toEqual([]);
    expect(findingsWith({ preparedQuery: "near-x" }, {}, { template: { regexp: "(?i)^near-(.+)$" } })).toEqual([]);
  });
});

test("query-failover-to-peer fails if an upstream would be led to instances that its Envoy refuses", () => {
  const targets = [{ datacenter: "dc2" }, { peer: "west" }];
  expect(findingsWith({ preparedQuery: "near-api" }, { failover: { targets } })).toEqual([
    "stack/mesh/web: Its upstream api uses the prepared query near-api, which fails over to the cluster peer west: Envoy refuses the instances there. Use an upstream without preparedQuery, and the failover of api: resolve({ failover: … }). (query-failover-to-peer)",
  ]);
  expect(findingsWith({}, { failover: { targets } })).toEqual([]);
  expect(findingsWith({ preparedQuery: "near-api" }, { failover: { nearest: 1 } })).toEqual([]);
});
