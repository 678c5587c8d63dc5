import { addFront } from "../../examples/gateways";
import { MeshStack } from "../../stacks/mesh-stack";
import { groupOf } from "../support/job";
import { findingsOf, synthStack } from "../support/synth";
import { testApp } from "../support/test-app";

function synth(runtime: "docker" | "exec") {
  const stack = new MeshStack(testApp(), "mesh", { runtime });
  addFront(stack.mesh, { runtime });
  return synthStack(stack);
}

test.each(["docker", "exec"] as const)("the example under %s passes every check", (runtime) => {
  expect(findingsOf(() => synth(runtime))).toEqual([]);
});

test.each([
  ["docker", "docker"],
  ["exec", "raw_exec"],
] as const)("under %s its services and its gateways run in the same way", (runtime, driver) => {
  const tasks = Object.values(synth(runtime).jobs).flatMap((job) => groupOf(job).Tasks ?? []);
  expect(tasks.map(({ Driver }) => Driver)).toEqual([driver, driver, driver, driver, driver]);
});

test("each service lets in just the two gateways, and only those take ports of the nodes", () => {
  const { jobs, entries } = synth("exec");
  for (const name of ["orders", "stock", "clock"]) {
    expect(entries[`service-intentions/${name}`]).toMatchObject({
      Sources: [{ Name: "gateway" }, { Name: "ingress" }],
    });
    expect(groupOf(jobs[name]).Networks).toEqual([{ Mode: "bridge" }]);
  }
  const ports = Object.values(jobs).flatMap((job) => groupOf(job).Networks?.[0].ReservedPorts ?? []);
  expect(ports.map(({ Value }) => Value).sort()).toEqual([8080, 8081, 9000, 9001]);
});
