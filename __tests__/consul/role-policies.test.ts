import {
  ConsulDeployerPolicy,
  RolePolicies,
  WELL_KNOWN_TOKENS,
  type ConsulDeployerPolicyOptions,
  type RolePoliciesOptions,
} from "../../constructs";
import { resourcesIn, rulesIn } from "../support/access";
import { TestStack } from "../support/synth";

function rulesFor(options?: RolePoliciesOptions) {
  const stack = new TestStack();
  new RolePolicies(stack, "roles", options);
  return rulesIn(stack, "consul_acl_policy");
}

describe("the policies of roles", () => {
  test("are attached to the well-known tokens, one to each but the anonymous", () => {
    const stack = new TestStack();
    const roles = new RolePolicies(stack, "roles");
    const { anonymous, ...tokens } = WELL_KNOWN_TOKENS;
    const attached = resourcesIn(stack, "consul_acl_token_policy_attachment").map(({ token_id }) => token_id);
    expect(attached.sort()).toEqual(Object.values(tokens).sort());
    expect(attached).not.toContain(anonymous);
    expect(Object.keys(rulesIn(stack, "consul_acl_policy")).sort()).toEqual(Object.keys(tokens).sort());
    expect(roles.of("operator").resource.nameInput).toBe("operator");
  });

  test("let no role but the operator see or write intentions", () => {
    for (const [role, rules] of Object.entries(rulesFor())) {
      const aboutAll = /service_prefix "" \{[^}]*\}/.exec(rules)?.[0];
      if (aboutAll !== undefined) {
        expect(aboutAll).toContain(`intentions = "${role === "operator" ? "write" : "deny"}"`);
      }
    }
  });

  test("let only Nomad's servers write what concerns the whole mesh, and not where no gateway needs it", () => {
    const writers = (options?: RolePoliciesOptions) =>
      Object.entries(rulesFor(options)).flatMap(([role, rules]) => (rules.includes('mesh = "write"') ? [role] : []));
    expect(writers()).toEqual(["nomad-server"]);
    expect(writers({ gatewaysByNomad: false })).toEqual([]);
  });

  test("let Nomad's servers register under another name", () => {
    expect(rulesFor()["nomad-server"]).toContain('service "nomad" {\n  policy = "write"');
    expect(rulesFor({ nomadServiceName: "scheduler" })["nomad-server"]).toContain('service "scheduler" {');
  });

  test("let operators write the keys that they are given, and read the others", () => {
    expect(rulesFor({ operatorKeyPrefixes: ["flags/"] }).operator).toContain(
      'key_prefix "" {\n  policy = "read"\n}\nkey_prefix "flags/" {\n  policy = "write"\n}',
    );
  });

  test("let a host say whose turn it is to restart agents and which secrets it has, and write no other key", () => {
    for (const [role, rules] of Object.entries(rulesFor())) {
      const keys = [...rules.matchAll(/^key(?:_prefix)? "(.*)" \{\n {2}policy = "write"/gm)].map(([, key]) => key);
      expect([role, keys]).toEqual([role, role === "consul-agent" ? ["meshform/turn", "meshform/hosts/"] : []]);
    }
  });

  test("show nobody the gossip key, and let nobody write access rules", () => {
    for (const rules of Object.values(rulesFor())) expect(rules).not.toMatch(/keyring|acl = "write"/);
  });
});

describe("the deployer's policy", () => {
  const rules = (options: ConsulDeployerPolicyOptions = {}) => {
    const stack = new TestStack();
    new ConsulDeployerPolicy(stack, "deployer", options);
    expect(resourcesIn(stack, "consul_acl_token_policy_attachment")).toEqual([]);
    return rulesIn(stack, "consul_acl_policy")[options.name ?? "mesh-deployer"];
  };

  test("writes all services with their intentions, and the mesh", () => {
    expect(rules()).toBe('mesh = "write"\nservice_prefix "" {\n  policy = "write"\n  intentions = "write"\n}\n');
  });

  test("can be held to some services and to what concerns only them", () => {
    expect(rules({ name: "shop", servicePrefixes: ["shop-"], mesh: false })).toBe(
      'service_prefix "" {\n  policy = "read"\n  intentions = "deny"\n}\n' +
        'service_prefix "shop-" {\n  policy = "write"\n  intentions = "write"\n}\n',
    );
  });

  test("can write nodes and keys", () => {
    expect(rules({ nodePrefixes: ["outside-"], keyPrefixes: ["app/"] })).toContain(
      'key_prefix "app/" {\n  policy = "write"\n}\nnode_prefix "outside-" {\n  policy = "write"\n}\n',
    );
  });
});
