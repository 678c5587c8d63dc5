import { Protocol, ServiceMesh } from "../../constructs";
import { taskOf } from "../support/job";
import { TestStack } from "../support/synth";
import { anyWorkload } from "../support/workload";

test("a job follows the graph, also when somebody looked at it before its destination was there", () => {
  const mesh = new ServiceMesh(new TestStack(), "mesh");
  const web = mesh.addService("web", { port: 80, workload: anyWorkload });
  web.connectTo("api", { env: "API" });
  expect(taskOf(web.renderJob()).Env).toEqual({ API: "${NOMAD_UPSTREAM_ADDR_api}" });

  mesh.addService("api", { port: 81, protocol: Protocol.HTTP, workload: anyWorkload });
  expect(taskOf(web.renderJob()).Env).toEqual({ API: "http://${NOMAD_UPSTREAM_ADDR_api}" });
});

test("a job of an unchanged graph is rendered once", () => {
  const web = new ServiceMesh(new TestStack(), "mesh").addService("web", { port: 80, workload: anyWorkload });
  expect(web.renderJob()).toBe(web.renderJob());
});
