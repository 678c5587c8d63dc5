import { TerraformVariable } from "cdktf";
import { AnonymousPolicy, ConsulAclPolicy, WELL_KNOWN_TOKENS, type ConsulAclRules } from "../../constructs";
import { resourcesIn, rulesIn } from "../support/access";
import { TestStack } from "../support/synth";

function rulesOf(rules: ConsulAclRules): string {
  const stack = new TestStack();
  new ConsulAclPolicy(stack, "policy", { name: "policy", rules });
  return rulesIn(stack, "consul_acl_policy").policy;
}

describe("a policy of Consul", () => {
  test.each(["acl", "keyring", "mesh", "operator", "peering"] as const)("has the rule %s", (rule) => {
    expect(rulesOf({ [rule]: "read" })).toBe(`${rule} = "read"\n`);
  });

  test.each([
    ["agent", "agent"],
    ["agentPrefix", "agent_prefix"],
    ["event", "event"],
    ["eventPrefix", "event_prefix"],
    ["key", "key"],
    ["keyPrefix", "key_prefix"],
    ["node", "node"],
    ["nodePrefix", "node_prefix"],
    ["query", "query"],
    ["queryPrefix", "query_prefix"],
    ["service", "service"],
    ["servicePrefix", "service_prefix"],
    ["session", "session"],
    ["sessionPrefix", "session_prefix"],
  ] as const)("has the rules %s", (rule, block) => {
    expect(rulesOf({ [rule]: { a: "read", "": "deny" } })).toBe(
      `${block} "a" {\n  policy = "read"\n}\n${block} "" {\n  policy = "deny"\n}\n`,
    );
  });

  test("tells intentions from the service", () => {
    expect(rulesOf({ service: { web: { policy: "read", intentions: "write" } } })).toBe(
      'service "web" {\n  policy = "read"\n  intentions = "write"\n}\n',
    );
  });

  test("says names letter by letter, past Terraform's templates and Consul's", () => {
    expect(rulesOf({ key: { '${a} %{b} "c"': "list" } })).toBe(
      'key "\\u0024{a} %{b} \\"c\\"" {\n  policy = "list"\n}\n',
    );
  });

  test("gives a token two policies one after the other, so that neither write undoes the other", () => {
    const stack = new TestStack();
    const [first, second] = ["first", "second"].map((name) => new ConsulAclPolicy(stack, name, { name, rules: {} }));
    const { operator, prometheus } = WELL_KNOWN_TOKENS;
    first.attachTo("Operator", operator);
    first.attachTo("Prometheus", prometheus);
    second.attachTo("Operator", operator);
    const attachments = resourcesIn(stack, "consul_acl_token_policy_attachment");
    const of = (token: string) => attachments.filter(({ token_id }) => token_id === token);
    expect(of(prometheus)).toEqual([expect.not.objectContaining({ depends_on: expect.anything() as unknown })]);
    expect(of(operator)).toMatchObject([
      { policy: "${consul_acl_policy.first.name}" },
      { depends_on: [`consul_acl_token_policy_attachment.first_${operator}`] },
    ]);
  });

  test.each(["", "a b", "ä", "a".repeat(129)])("fails if its name is %j", (name) => {
    expect(() => new ConsulAclPolicy(new TestStack(), "policy", { name, rules: {} })).toThrow(
      `stack/policy: "${name}" cannot be the name of a policy. Use letters, digits, dashes and underscores, at most 128.`,
    );
  });

  test("takes a name that is known only when the stack is applied", () => {
    const stack = new TestStack();
    const { stringValue: name } = new TerraformVariable(stack, "who", { type: "string" });
    new ConsulAclPolicy(stack, "policy", { name, rules: {} });
    expect(resourcesIn(stack, "consul_acl_policy")).toMatchObject([{ name: "${var.who}" }]);
  });
});

describe("the anonymous policy", () => {
  const rules = (...options: ConstructorParameters<typeof AnonymousPolicy>[2][]) => {
    const stack = new TestStack();
    new AnonymousPolicy(stack, "anonymous", ...options);
    expect(resourcesIn(stack, "consul_acl_token_policy_attachment")).toMatchObject([
      { token_id: "00000000-0000-0000-0000-000000000002" },
    ]);
    return rulesIn(stack, "consul_acl_policy").anonymous;
  };
  const node = (prefix: string) => `node_prefix "${prefix}" {\n  policy = "read"\n}\n`;
  const service = (prefix: string) => `service_prefix "${prefix}" {\n  policy = "read"\n  intentions = "deny"\n}\n`;

  test("shows services and nodes, and not which service can reach which", () => {
    expect(rules()).toBe(node("") + service(""));
  });

  test("can show only some services, or none", () => {
    expect(rules({ services: ["web", "api-"] })).toBe(node("") + service("web") + service("api-"));
    expect(rules({ services: false })).toBe(node(""));
  });

  test("can show only some nodes, or none", () => {
    expect(rules({ nodes: ["edge-"] })).toBe(node("edge-") + service(""));
    expect(rules({ nodes: false })).toBe(service(""));
  });
});
