import { Metrics } from "../../constructs";
import { addShop } from "../../examples/metrics";
import { MeshStack } from "../../stacks/mesh-stack";
import { taskOf } from "../support/job";
import { findingsOf, synthStack } from "../support/synth";
import { testApp } from "../support/test-app";

function synth(runtime: "docker" | "exec") {
  const stack = new MeshStack(testApp(), "mesh", { runtime, mesh: { metrics: Metrics.prometheus() } });
  addShop(stack.mesh, { runtime });
  return synthStack(stack);
}

test.each(["docker", "exec"] as const)("the example under %s passes every check", (runtime) => {
  expect(findingsOf(() => synth(runtime))).toEqual([]);
});

test.each([
  ["docker", "docker", "docker"],
  ["exec", "raw_exec", "raw_exec"],
] as const)("under %s its services and its Prometheus run in the same way", (runtime, ofService, ofPrometheus) => {
  const { jobs } = synth(runtime);
  expect(Object.values(jobs).map((job) => [job.ID, taskOf(job).Driver])).toEqual([
    ["front", ofService],
    ["orders", ofService],
    ["prometheus", ofPrometheus],
    ["stock", ofService],
  ]);
});

test("services in a row: each asks the next, and only the first is published", () => {
  const { jobs, entries } = synth("exec");
  expect(entries["service-intentions/orders"]).toMatchObject({ Sources: [{ Name: "front" }] });
  expect(entries["service-intentions/stock"]).toMatchObject({ Sources: [{ Name: "orders" }] });
  expect(taskOf(jobs.front).Env).toMatchObject({ BIND_ADDRESS: "0.0.0.0", NEXT_URL: expect.anything() as unknown });
  expect(taskOf(jobs.orders).Env).toMatchObject({ NEXT_URL: expect.anything() as unknown });
  expect(taskOf(jobs.stock).Env).toEqual({ NAME: "stock", PORT: "8003" });
});
