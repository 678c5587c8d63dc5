import { Testing } from "cdktf";
import { MeshStack } from "meshform/stacks";
import { jobOf, meshMatchers, synthesizeForTest } from "meshform/testing";
import { addServices } from "./services";

expect.extend(meshMatchers);

const app = Testing.app();
const stack = new MeshStack(app, "mesh", { runtime: "exec" });
addServices(stack.mesh);

test("the app passes all checks", () => {
  expect(synthesizeForTest(app).findings).toEqual([]);
});

test("no intention allows every service", () => {
  expect(app).not.toHaveFinding("wildcard-allow");
});

test("hello is a job of its own", () => {
  expect(jobOf(stack, "hello").TaskGroups).toHaveLength(1);
});
