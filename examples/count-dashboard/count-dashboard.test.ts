import { Testing } from "cdktf";
import { MeshStack } from "meshform/stacks";
import { intentionsOf, jobOf, meshMatchers, synthesizeForTest } from "meshform/testing";
import { addCountDashboard } from ".";

expect.extend(meshMatchers);

const app = Testing.app();
const stack = new MeshStack(app, "mesh", { runtime: "docker" });
addCountDashboard(stack.mesh, { runtime: "docker" });

test("the app passes all checks", () => {
  expect(synthesizeForTest(app).findings).toEqual([]);
});

test("the dashboard may count, and nobody else", () => {
  expect(app).toAllow("count-dashboard", "count-api", { method: "GET", path: "/" });
  expect(app).not.toAllow("count-api", "count-dashboard");
  expect(intentionsOf(app, "count-api")).toEqual([{ Name: "count-dashboard", Action: "allow" }]);
});

test("the dashboard is published at port 9002", () => {
  expect(jobOf(stack, "count-dashboard").TaskGroups?.[0].Networks?.[0].ReservedPorts).toMatchObject([{ Value: 9002 }]);
});
