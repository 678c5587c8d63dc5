import { CHECKS, MeshService, ServiceMesh } from "../../constructs";
import { findingsOf, synthApp, synthStack, TestStack } from "../support/synth";
import { anyWorkload } from "../support/workload";
import { testApp } from "../support/test-app";

const STACKS = 5;

afterEach(() => {
  jest.restoreAllMocks();
});

test("an app is checked once for all its stacks, and again when it is synthesized again", () => {
  const { app } = appOfStacks();
  const find = jest.spyOn(CHECKS[0], "find");

  synthApp(app, "stack-0");
  expect(find).toHaveBeenCalledTimes(1);

  synthApp(app, "stack-0");
  expect(find).toHaveBeenCalledTimes(2);
});

test("a graph is not changed between two stacks", () => {
  const { stacks, services } = appOfStacks();
  expect(findingsOf(() => synthStack(stacks[0]))).toEqual([]);
  expect(() => services[0].connectTo("service-9")).toThrow(/The graph is closed: synthesis has begun/);
});

test("each stack that is synthesized by itself reports the errors of the whole app", () => {
  const { stacks, services } = appOfStacks();
  services[0].connectTo("service-9");

  for (const stack of stacks) {
    expect(findingsOf(() => synthStack(stack))).toHaveLength(1);
  }
});

/** A service in each stack, one mesh for all. */
function appOfStacks() {
  const app = testApp();
  const stacks = Array.from({ length: STACKS }, (_, index) => new TestStack(app, `stack-${index}`));
  const mesh = new ServiceMesh(stacks[0], "mesh");
  const services = stacks.map(
    (stack, index) =>
      new MeshService(stack, `service-${index}`, { mesh, port: 80, publish: 8000 + index, workload: anyWorkload }),
  );
  return { app, stacks, services };
}
