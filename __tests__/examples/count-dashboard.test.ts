import { addCountDashboard } from "../../examples/count-dashboard";
import { MeshStack } from "../../stacks/mesh-stack";
import type { Runtime } from "../../stacks/settings";
import { groupOf, taskOf } from "../support/job";
import { findingsOf, synthStack } from "../support/synth";
import { testApp } from "../support/test-app";

function stackFor(runtime: Runtime): MeshStack {
  const stack = new MeshStack(testApp(), "mesh", { runtime });
  addCountDashboard(stack.mesh, { runtime });
  return stack;
}

test.each(["docker", "exec"] as const)("the example under %s passes every check", (runtime) => {
  expect(findingsOf(() => synthStack(stackFor(runtime)))).toEqual([]);
});

test("the example under docker is this stack", () => {
  const { provider, resource } = synthStack(stackFor("docker")).terraform;
  expect({ provider, resource }).toMatchSnapshot();
});

test("the example as programs carries them in its jobs, so that a node needs nothing but Node.js and Envoy", () => {
  const { jobs } = synthStack(stackFor("exec"));
  for (const [name, job] of Object.entries(jobs)) {
    const task = taskOf(job);
    const program = name.replace("count-", "counter-") + ".mjs";
    expect(task).toMatchObject({
      Driver: "raw_exec",
      Config: { command: "node", args: [`\${NOMAD_TASK_DIR}/${program}`] },
    });
    expect(task.Templates?.[0]).toMatchObject({ DestPath: `local/${program}`, LeftDelim: "[[", RightDelim: "]]" });
    expect(task.Templates?.[0]?.EmbeddedTmpl).toContain("createServer");
    expect(groupOf(job).Services?.[0]?.Connect?.SidecarTask?.Driver).toBe("raw_exec");
  }
});
