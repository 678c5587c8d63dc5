import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Aspects, Fn, TerraformVariable, type App } from "cdktf";
import { ConfigEntry } from "@cdktf/provider-consul/lib/config-entry";
import { Job } from "@cdktf/provider-nomad/lib/job";
import { ServiceMesh, Workload } from "../../constructs";
import { synthApp, TestStack } from "../support/synth";
import { testApp } from "../support/test-app";

/** An app with one service in the stack `stack`. */
function appWithService() {
  const app: App = testApp();
  const stack = new TestStack(app);
  const api = new ServiceMesh(stack, "mesh").addService("api", {
    port: 80,
    publish: 8080,
    workload: Workload.docker({ image: "example/api:1" }),
  });
  return { app, stack, api };
}

test("what the author lays over a resource may refer to another stack", () => {
  const { app, api } = appWithService();
  const other = new TestStack(app, "other");
  const variable = new TerraformVariable(other, "lock", { type: "bool" });
  const entry = new ConfigEntry(other, "entry", { kind: "mesh", name: "mesh", configJson: "{}" });
  api.job.addOverride("purge_on_destroy", variable.value);
  api.defaults.resource.addOverride("namespace", Fn.lower(entry.namespace));

  const { terraform } = synthApp(app, "stack");
  const outputs = "data.terraform_remote_state.cross-stack-reference-input-other.outputs";
  expect(terraform.resource?.nomad_job.api.purge_on_destroy).toBe(`\${${outputs}.cross-stack-output-varlock}`);
  expect(terraform.resource?.consul_config_entry["service-defaults_api"].namespace).toBe(
    `\${lower(${outputs}.cross-stack-output-consul_config_entryentrynamespace)}`,
  );
});

test("an aspect changes a resource, and sees it as it becomes", () => {
  const { app, api, stack } = appWithService();
  const seen: unknown[] = [];
  Aspects.of(stack).add({
    visit: (node) => {
      if (node instanceof Job) {
        node.purgeOnDestroy = true;
        seen.push(node.toTerraform());
      }
    },
  });
  const { terraform } = synthApp(app, "stack");
  expect(terraform.resource?.nomad_job.api).toMatchObject({ purge_on_destroy: true, rerun_if_dead: true });
  expect(seen).toMatchObject([{ resource: { nomad_job: { api: { purge_on_destroy: true, json: true } } } }]);
  expect(api.job.toTerraform()).toMatchObject({ resource: { nomad_job: { api: { purge_on_destroy: true } } } });
});

test("what an aspect says of a lifecycle, and what is laid over it, holds next to what the library says", () => {
  const { app, api, stack } = appWithService();
  Aspects.of(stack).add({
    visit: (node) => {
      if (node instanceof ConfigEntry) {
        node.lifecycle = { preventDestroy: true };
      }
    },
  });
  api.defaults.resource.addOverride("lifecycle.ignore_changes", ["name"]);
  const { terraform } = synthApp(app, "stack");
  expect(terraform.resource?.consul_config_entry["service-defaults_api"].lifecycle).toEqual({
    create_before_destroy: true,
    prevent_destroy: true,
    ignore_changes: ["name"],
  });
});

test("resources of the app beside a mesh are moved and imported", () => {
  const app = testApp();
  const stack = new TestStack(app);
  const entry = new ConfigEntry(stack, "entry", { kind: "mesh", name: "mesh", configJson: "{}" });
  entry.importFrom("mesh/mesh");
  const moved = new ConfigEntry(stack, "moved", { kind: "service-defaults", name: "old", configJson: "{}" });
  moved.moveFromId("consul_config_entry.old");
  new ServiceMesh(stack, "mesh").addService("api", {
    port: 80,
    publish: 8080,
    workload: Workload.docker({ image: "example/api:1" }),
  });
  app.synth();
  const written: unknown = JSON.parse(readFileSync(join(app.outdir, "stacks", "stack", "cdk.tf.json"), "utf8"));
  expect(written).toMatchObject({
    "//": {
      metadata: { imports: { consul_config_entry: ["entry"] }, moved: { consul_config_entry: ["moved"] } },
    },
    import: [{ id: "mesh/mesh", to: "consul_config_entry.entry" }],
    moved: [{ from: "consul_config_entry.old", to: "consul_config_entry.moved" }],
  });
});

test("a number that only Terraform knows may be a part of a text", () => {
  const { app, api, stack } = appWithService();
  const variable = new TerraformVariable(stack, "number", { type: "number" });
  api.job.addOverride("region", `region ${variable.numberValue}`);
  expect(synthApp(app, "stack").terraform.resource?.nomad_job.api.region).toBe("region ${var.number}");
});

test("constructs leave the traces of errors as they are", () => {
  const before: unknown = Reflect.get(Error, "captureStackTrace");
  appWithService();
  expect(Reflect.get(Error, "captureStackTrace")).toBe(before);
});
