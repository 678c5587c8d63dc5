import { addPair } from "../../examples/transparent-proxy";
import { MeshStack } from "../../stacks/mesh-stack";
import { groupOf, serviceOf } from "../support/job";
import { findingsOf, synthStack } from "../support/synth";
import { testApp } from "../support/test-app";

function synth(runtime: "docker" | "exec") {
  const stack = new MeshStack(testApp(), "mesh", { runtime });
  addPair(stack.mesh, { runtime });
  return synthStack(stack);
}

test.each(["docker", "exec"] as const)("the example under %s passes every check", (runtime) => {
  expect(findingsOf(() => synth(runtime))).toEqual([]);
});

test("no service has an upstream, and the API lets in only the dashboard", () => {
  const { jobs, entries } = synth("exec");
  for (const job of Object.values(jobs)) {
    expect(serviceOf(job).Connect?.SidecarService?.Proxy).toMatchObject({ TransparentProxy: { UID: "0" } });
    expect(serviceOf(job).Connect?.SidecarService?.Proxy?.Upstreams).toBeUndefined();
  }
  expect(groupOf(jobs.dashboard).Tasks?.[0].Env).toMatchObject({ API_URL: "http://api.virtual.consul" });
  expect(entries["service-intentions/api"]).toMatchObject({ Sources: [{ Name: "dashboard", Action: "allow" }] });
});
