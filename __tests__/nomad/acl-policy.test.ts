import {
  NomadAclPolicy,
  NomadAnonymousPolicy,
  NomadDeployerPolicy,
  NomadOperatorPolicy,
  type NomadAclRules,
} from "../../constructs";
import { rulesIn } from "../support/access";
import { TestStack } from "../support/synth";

function policies(build: (stack: TestStack) => unknown): Record<string, string> {
  const stack = new TestStack();
  build(stack);
  return rulesIn(stack, "nomad_acl_policy");
}

function rulesOf(rules: NomadAclRules): string {
  return policies((stack) => new NomadAclPolicy(stack, "policy", { name: "policy", rules })).policy;
}

describe("a policy of Nomad", () => {
  test.each(["agent", "node", "operator", "plugin", "quota"] as const)("has the rule %s", (rule) => {
    expect(rulesOf({ [rule]: "read" })).toBe(`${rule} {\n  policy = "read"\n}\n`);
  });

  test.each([
    ["nodePool", "node_pool"],
    ["hostVolume", "host_volume"],
  ] as const)("has the rules %s", (rule, block) => {
    expect(rulesOf({ [rule]: { "*": "read", a: "write" } })).toBe(
      `${block} "*" {\n  policy = "read"\n}\n${block} "a" {\n  policy = "write"\n}\n`,
    );
  });

  test("tells a namespace's policy, capabilities and variables", () => {
    expect(
      rulesOf({
        namespace: {
          shop: { policy: "read", capabilities: ["read-logs"], variables: { "nomad/jobs/*": ["list", "read"] } },
          "*": { policy: "deny" },
        },
      }),
    ).toBe(`namespace "shop" {
  policy = "read"
  capabilities = ["read-logs"]
  variables {
    path "nomad/jobs/*" {
      capabilities = ["list", "read"]
    }
  }
}
namespace "*" {
  policy = "deny"
}
`);
  });

  test.each(["", "a b", "a_b"])("fails if its name is %j", (name) => {
    expect(() => policies((stack) => new NomadAclPolicy(stack, "policy", { name, rules: {} }))).toThrow(
      `stack/policy: "${name}" cannot be the name of a policy. Use letters, digits and dashes, at most 128.`,
    );
  });

  test("fails if it has no rule", () => {
    expect(() => rulesOf({})).toThrow(
      "stack/policy: The policy has no rules, so Nomad refuses it. Add a rule, or omit the policy.",
    );
  });
});

describe("the operator's policy", () => {
  const { operator } = policies((stack) => new NomadOperatorPolicy(stack, "operator"));

  test("submits no job and runs no command in a task", () => {
    expect(operator).toContain('capabilities = ["alloc-lifecycle", "read-fs", "read-logs"]');
    expect(operator).not.toMatch(/exec|submit|variables/);
  });

  test("can run commands in tasks, and have another name", () => {
    const { sre } = policies((stack) => new NomadOperatorPolicy(stack, "operator", { name: "sre", exec: true }));
    expect(sre).toContain('"alloc-exec"');
    expect(sre).not.toContain("alloc-node-exec");
  });
});

describe("the deployer's policy", () => {
  test("submits the jobs of one namespace", () => {
    expect(policies((stack) => new NomadDeployerPolicy(stack, "ci", { namespace: "shop" }))["deployer-shop"]).toBe(
      'namespace "shop" {\n  capabilities = ["list-jobs", "read-job", "submit-job"]\n}\nnode_pool "*" {\n  policy = "read"\n}\n',
    );
  });

  test("can have another name, mount volumes and do more", () => {
    const { ci } = policies(
      (stack) =>
        new NomadDeployerPolicy(stack, "ci", {
          name: "ci",
          hostVolumes: { data: "write" },
          capabilities: ["csi-mount-volume"],
        }),
    );
    expect(ci).toContain('host_volume "data" {\n  policy = "write"\n}');
    expect(ci).toContain(
      'namespace "default" {\n  capabilities = ["list-jobs", "read-job", "submit-job", "csi-mount-volume"]',
    );
  });
});

test("the anonymous policy lists or reads the jobs of the namespaces it is given, and only those", () => {
  const { anonymous } = policies(
    (stack) => new NomadAnonymousPolicy(stack, "anonymous", { namespaces: { shop: "list", blog: "read" } }),
  );
  expect(anonymous).toBe(
    'namespace "shop" {\n  capabilities = ["list-jobs"]\n}\nnamespace "blog" {\n  capabilities = ["list-jobs", "read-job"]\n}\n',
  );
});
