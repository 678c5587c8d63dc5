import { Protocol, type consul, type MeshService, type ServiceMesh } from "../../../constructs";
import { synthMesh } from "../../support/synth";
import { anyWorkload } from "../../support/workload";

const http = { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload };

function synthesized(say: (api: MeshService, mesh: ServiceMesh) => void) {
  return synthMesh((mesh) => {
    say(mesh.addService("api", http), mesh);
  });
}

test("splits among subsets and services, with changes of headers", () => {
  const { entries } = synthesized((api, mesh) => {
    api.split([
      { to: api.addSubset("v1", "a == 1"), weight: 90.01 },
      { to: "other", weight: 9.99, requestHeaders: { add: { a: "1" }, set: { b: "2" }, remove: ["c"] } },
      { to: api, weight: 0, responseHeaders: { set: { d: "4" } } },
    ]);
    mesh.addService("other", http);
  });
  expect(entries["service-splitter/api"]).toEqual({
    Kind: "service-splitter",
    Name: "api",
    Splits: [
      { Weight: 90.01, ServiceSubset: "v1" },
      {
        Weight: 9.99,
        Service: "other",
        RequestHeaders: { Add: { a: "1" }, Set: { b: "2" }, Remove: ["c"] },
      },
      { Weight: 0, ResponseHeaders: { Set: { d: "4" } } },
    ],
  } satisfies consul.ServiceSplitterConfigEntry);
});

test("waits for the protocol, the subsets and the jobs that it sends requests to", () => {
  const { terraform } = synthesized((api, mesh) => {
    api.split([
      { to: api.addSubset("v1", "a == 1"), weight: 90 },
      { to: mesh.addService("other", http), weight: 10 },
    ]);
  });
  const splitter = Object.values(terraform.resource?.consul_config_entry ?? {}).find(
    ({ kind }) => kind === "service-splitter",
  );
  expect(splitter?.depends_on).toEqual([
    "consul_config_entry.service-defaults_api",
    "consul_config_entry.proxy-defaults_global",
    "consul_config_entry.service-resolver_api",
    "nomad_job.api",
    "consul_config_entry.service-defaults_other",
    "nomad_job.other",
  ]);
});

test("fails if requests are split twice", () => {
  expect(() =>
    synthesized((api) => {
      api.split([{ to: api, weight: 100 }]);
      api.split([{ to: api, weight: 100 }]);
    }),
  ).toThrow(
    "stack/mesh/api: Its requests are already split. Set all weights in one call of split, canary or blueGreen.",
  );
});
