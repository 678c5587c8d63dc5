import { planResources } from "../../../lab/apply/offline-plan";
import { readStacks } from "../../../lab/apply/synthesized";
import { Variables, type VariableValues } from "../../../lab/apply/variables";
import { LabError } from "../../../lab/core/errors";
import { type StackJson, SynthesizedApp } from "../../support/synthesized-app";

function plan(stacks: Readonly<Record<string, StackJson>>, values: VariableValues = {}) {
  const app = new SynthesizedApp();
  try {
    app.synthesize(stacks);
    const read = readStacks(app.outDir);
    return planResources(read, new Variables(read, values));
  } finally {
    app.remove();
  }
}

function refusals(stacks: Readonly<Record<string, StackJson>>): string[] {
  try {
    plan(stacks);
  } catch (error) {
    return (error as LabError).problem.split("\n  ").slice(1);
  }
  return [];
}

function defaults(name: string, more: object = {}) {
  return { kind: "service-defaults", name, config_json: '{"Protocol":"http"}', ...more };
}

describe("the plan of an offline apply", () => {
  test("orders resources by what they refer to and wait for, and stacks by their dependencies", () => {
    const planned = plan({
      mesh: {
        dependencies: ["access"],
        resource: {
          consul_acl_role: { a: { name: "a", policies: ["${consul_acl_policy.z.id}"] } },
          consul_acl_policy: { z: { name: "z", rules: "" } },
          consul_config_entry: { b: defaults("b", { depends_on: ["consul_acl_role.a"] }) },
        },
      },
      access: { resource: { nomad_namespace: { n: { name: "n" } } } },
    });
    expect(planned.map(({ address }) => address)).toEqual([
      "access/nomad_namespace.n",
      "mesh/consul_acl_policy.z",
      "mesh/consul_acl_role.a",
      "mesh/consul_config_entry.b",
    ]);
  });

  test("takes the lifecycle that Terraform does, as far as it can follow", () => {
    const entries = (lifecycle: object) => ({
      mesh: {
        resource: { terraform_data: { d: { input: 1 } }, consul_config_entry: { b: defaults("b", { lifecycle }) } },
      },
    });
    const triggered = { replace_triggered_by: ["terraform_data.d"], prevent_destroy: true };
    expect(refusals(entries({ ...triggered, create_before_destroy: true, ignore_changes: ["config_json"] }))).toEqual(
      [],
    );
    const odd = {
      precondition: [],
      ignore_changes: ["name"],
      replace_triggered_by: ["nomad_job.x", "terraform_data.d.id"],
    };
    expect(refusals(entries(odd))).toEqual([
      "mesh/consul_config_entry.b: its lifecycle.precondition is not supported",
      "mesh/consul_config_entry.b: its lifecycle.replace_triggered_by names nomad_job.x, and only a terraform_data is supported there",
      "mesh/consul_config_entry.b: its lifecycle.replace_triggered_by names terraform_data.d.id, and only a terraform_data is supported there",
      "mesh/consul_config_entry.b: its lifecycle.ignore_changes of name is not supported",
    ]);
    expect(refusals({ mesh: { resource: { terraform_data: { d: { triggers_replace: 1 } } } } })).toEqual([
      "mesh/terraform_data.d: its argument triggers_replace is not supported",
    ]);
  });

  test("follows the toolkit's references from stack to stack", () => {
    const [, role] = plan({
      access: {
        resource: { consul_acl_policy: { p: { name: "p", rules: "" } } },
        output: { "policy-id": { value: "${consul_acl_policy.p.id}", sensitive: true } },
      },
      mesh: {
        dependencies: ["access"],
        data: {
          terraform_remote_state: {
            "cross-stack-reference-input-access": { backend: "local", config: { path: "/elsewhere" } },
          },
        },
        resource: {
          consul_acl_role: {
            r: {
              name: "r",
              policies: ["${data.terraform_remote_state.cross-stack-reference-input-access.outputs.policy-id}"],
            },
          },
        },
      },
    });
    expect(role.evaluate((address) => ({ id: `id of ${address}` })).given.policies).toEqual([
      "id of access/consul_acl_policy.p",
    ]);
  });

  describe("of stacks with variables", () => {
    const environment = { ...process.env };

    afterEach(() => {
      process.env = { ...environment };
    });

    const stack = (variable: object) => ({
      stack: {
        variable: { who: variable },
        resource: { consul_acl_policy: { p: { name: "p-${var.who}", rules: "$${x}", datacenters: "${var.who}" } } },
      },
    });
    const valueIn = (variable: object, values?: VariableValues) =>
      plan(stack(variable), values)[0].evaluate(() => ({})).body.Datacenters;

    test("takes what the apply was given, before the environment, before the default", () => {
      const variable = { default: "web", type: "string" };
      expect(plan(stack(variable))[0].evaluate(() => ({})).body).toMatchObject({ Name: "p-web", Rules: "${x}" });
      process.env.TF_VAR_who = "api";
      expect(valueIn(variable)).toBe("api");
      expect(valueIn(variable, { who: "db", nobody: "asks" })).toBe("db");
      expect(valueIn({}, { who: "" })).toBe("");
    });

    test.each([
      ["number", "12", 12],
      ["bool", "true", true],
      ["string", "12", "12"],
    ])("reads a value as a %s", (type, text, value) => {
      expect(valueIn({ type }, { who: text })).toBe(value);
    });

    test("reads lists as JSON", () => {
      const [policy] = plan(
        {
          stack: {
            variable: { dcs: { type: "list(string)" } },
            resource: { consul_acl_policy: { p: { name: "p", rules: "", datacenters: "${var.dcs}" } } },
          },
        },
        { dcs: '["a", "b"]' },
      );
      expect(policy.evaluate(() => ({})).body.Datacenters).toEqual(["a", "b"]);
    });

    test("names each variable that has no value, and how to give it one", () => {
      const two = { one: {}, two: { type: "string" }, three: { default: 3 } };
      expect(() => plan({ first: { variable: two }, second: { variable: { one: {} } } })).toThrow(
        new LabError("The variables one and two must have a value.", "Set them as TF_VAR_one and TF_VAR_two."),
      );
      expect(() => plan(stack({}))).toThrow("The variable who must have a value. Set it as TF_VAR_who.");
    });

    test.each(["number", "bool", "list(string)"])("refuses a value that is no %s, and does not repeat it", (type) => {
      const wrong = () => valueIn({ type, sensitive: true }, { who: "hunter2" });
      expect(wrong).toThrow(`The variable who of the stack stack must be ${type} (write lists and maps as JSON).`);
      expect(wrong).not.toThrow("hunter2");
    });

    test("refuses a variable that no stack declares, and what only Terraform understands of one", () => {
      expect(
        refusals({
          stack: {
            variable: { checked: { default: "x", validation: [{ condition: "${true}", error_message: "no" }] } },
            resource: { nomad_namespace: { n: { name: "${var.missing}" } } },
          },
        }),
      ).toEqual([
        "stack/var.checked: its argument validation is not supported",
        "stack/nomad_namespace.n: the variable missing is not declared",
      ]);
    });
  });

  test("refuses all that it does not support at once, by name", () => {
    expect(
      refusals({
        stack: {
          module: { m: {} },
          locals: { l: 1 },
          provider: { aws: [{}], nomad: [{}, { alias: "other" }] },
          data: { consul_keys: { k: {} }, terraform_remote_state: { foreign: {} } },
          resource: {
            consul_intention: { old: {} },
            nomad_job: {
              counted: { jobspec: '{"ID":"j"}', json: true, count: 2 },
              hcl: { jobspec: 'job "x" {}' },
              anonymous: { jobspec: "{}", json: true },
              broken: { jobspec: "{", json: true },
            },
            nomad_namespace: {
              function: { name: '${file("x")}' },
              lost: { name: "${nomad_namespace.nowhere.name}" },
              wrong: { name: "${nomad_namespace.function.colour}" },
              unset: { name: "${var.empty}" },
              unnamed: { description: "no name" },
            },
            consul_config_entry: {
              provisioned: defaults("p", { provisioner: [{ "local-exec": { command: "true" } }] }),
            },
          },
        },
      }),
    ).toEqual([
      "stack: a block of the kind module is not supported",
      "stack: a block of the kind locals is not supported",
      "stack: the provider aws is not supported",
      "stack: nomad is configured more than once",
      "stack/data.consul_keys.k: data sources are not supported",
      "stack/data.terraform_remote_state.foreign: data sources are not supported",
      "stack/consul_intention.old: the type consul_intention is not supported",
      "stack/nomad_job.counted: its argument count is not supported",
      'stack/nomad_namespace.function: the expression `${file("x")}` is not understood',
      "stack/nomad_namespace.lost: the reference `nomad_namespace.nowhere.name` is not understood",
      "stack/nomad_namespace.wrong: the reference `nomad_namespace.function.colour` is not understood",
      "stack/nomad_namespace.unset: the variable empty is not declared",
      "stack/nomad_namespace.unnamed: its argument name is missing",
      "stack/consul_config_entry.provisioned: its argument provisioner is not supported",
    ]);
  });

  test("refuses arguments that no engine could read, before any engine is asked", () => {
    expect(
      refusals({
        stack: {
          resource: {
            nomad_job: {
              hcl: { jobspec: 'job "x" {}' },
              anonymous: { jobspec: "{}", json: true },
              hasty: { jobspec: '{"ID":"j"}', json: true, detach: false, timeouts: { create: "soon" } },
            },
            consul_config_entry: {
              list: defaults("p", { config_json: "[]" }),
              snake: defaults("p", { config_json: '{"mesh_gateway":{}}' }),
            },
            consul_acl_role: { r: { name: "r", service_identities: [{ service_name: "x", colour: "red" }] } },
          },
        },
      }),
    ).toEqual([
      "stack/nomad_job.hcl: its jobspec must be JSON, with json = true",
      "stack/nomad_job.anonymous: its jobspec has no job ID",
      'stack/nomad_job.hasty: its timeout "soon" is not a duration such as 10m',
      "stack/consul_config_entry.list: its config_json is no JSON object",
      "stack/consul_config_entry.snake: its config_json must write mesh_gateway in CamelCase",
      "stack/consul_acl_role.r: its argument colour is not supported",
    ]);
  });

  test("refuses circles and dependencies that are not there", () => {
    const namespace = (depends: string) => ({ name: "n", depends_on: [`nomad_namespace.${depends}`] });
    expect(
      refusals({
        stack: { resource: { nomad_namespace: { a: namespace("b"), b: namespace("a"), c: namespace("gone") } } },
      }),
    ).toEqual([
      "stack/nomad_namespace.a: it depends on itself through stack/nomad_namespace.b",
      "stack/nomad_namespace.c: it depends on stack/nomad_namespace.gone, which does not exist",
    ]);
  });
});

test("a folder without synthesized stacks is named, with what to do", () => {
  expect(() => readStacks("/nowhere")).toThrow(/\/nowhere\/manifest.json cannot be read: .* Synthesize the app again/);
});
