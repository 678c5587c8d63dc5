import { REPLICATION_TOKEN } from "../../constructs/consul/well-known-tokens";
import { AccessStack, type AccessStackProps } from "../../stacks/access-stack";
import { GatewayBindingRulesStack } from "../../stacks/gateway-binding-rules-stack";
import { MeshStack } from "../../stacks/mesh-stack";
import { readSettings } from "../../stacks/settings";
import { resourcesIn, rulesIn } from "../support/access";
import { synthStack } from "../support/synth";
import { testApp } from "../support/test-app";

function build(props?: AccessStackProps): AccessStack {
  return new AccessStack(testApp(), "access", props);
}

describe("the access stack", () => {
  test("makes no token, and holds no secret", () => {
    const { terraform } = synthStack(build());
    const types = Object.keys(terraform.resource ?? {});
    expect(types).toContain("consul_acl_token_policy_attachment");
    expect(types).not.toContain("consul_acl_token");
    expect(terraform.provider).toEqual({ consul: [{}], nomad: [{}] });
  });

  test("asks where Nomad is by variables of these very names", () => {
    const { terraform } = synthStack(build()) as { terraform: { variable?: object } };
    expect(Object.keys(terraform.variable ?? {}).sort()).toEqual(["nomad_ca_certificate", "nomad_jwks_url"]);
  });

  test("tells its providers where the clusters are", () => {
    const settings = {
      consulAddress: "http://c",
      consulDatacenter: "dc2",
      nomadAddress: "http://n",
      nomadRegion: "eu",
    };
    expect(synthStack(build(settings)).terraform.provider).toEqual({
      consul: [{ address: "http://c", datacenter: "dc2" }],
      nomad: [{ address: "http://n", region: "eu" }],
    });
  });

  test("takes all settings as they are read, as a mesh stack does, and so do the rights of its gateways", () => {
    const app = testApp({ context: { runtime: "exec", secure: true, accessRules: true, nomadNodePool: "fast" } });
    const settings = readSettings(app);
    const access = new AccessStack(app, "access", settings);
    expect(() => new MeshStack(app, "mesh", { ...settings, access })).not.toThrow();
    expect(() => new MeshStack(app, "other", settings)).not.toThrow();
    expect(() => new AccessStack(app, "wrong", { ...settings, consulAdress: "http://c" } as object)).toThrow(
      "consulAdress",
    );
  });

  test("is about the namespace of the jobs", () => {
    const stack = build({ nomadNamespace: "shop" });
    expect(resourcesIn(stack, "consul_acl_role")).toMatchObject([{ name: "nomad-tasks-shop" }]);
    expect(Object.keys(rulesIn(stack, "nomad_acl_policy")).sort()).toEqual(["deployer-shop", "operator"]);
  });

  test("can leave the anonymous with less in Consul, or with nothing", () => {
    const anonymousOf = (props: AccessStackProps) => rulesIn(build(props), "consul_acl_policy").anonymous;
    expect(anonymousOf({})).toContain('service_prefix ""');
    expect(anonymousOf({ consulAnonymous: { services: false } })).not.toContain("service_prefix");
    expect(anonymousOf({ consulAnonymous: false })).toBeUndefined();
  });

  test("shows the anonymous nothing of Nomad, unless told to", () => {
    expect(rulesIn(build(), "nomad_acl_policy")).not.toHaveProperty("anonymous");
    const nomadAnonymous = { namespaces: { default: "list" } } as const;
    expect(rulesIn(build({ nomadAnonymous }), "nomad_acl_policy")).toHaveProperty("anonymous");
  });

  test("hands its options on", () => {
    const stack = build({
      roles: { gatewaysByNomad: false },
      tasks: { blog: { keyPrefixes: ["blog/"] } },
      nomadOperator: { exec: true },
      consulDeployer: { mesh: false },
      nomadDeployers: [{ namespace: "blog" }, { name: "ci" }],
    });
    const consul = rulesIn(stack, "consul_acl_policy");
    const nomad = rulesIn(stack, "nomad_acl_policy");
    expect(consul["nomad-server"]).not.toContain("mesh");
    expect(consul["nomad-tasks-blog"]).toContain('key_prefix "blog/"');
    expect(consul["mesh-deployer"]).not.toContain("mesh");
    expect(nomad.operator).toContain("alloc-exec");
    expect(Object.keys(nomad).sort()).toEqual(["ci", "deployer-blog", "operator"]);
  });

  test("comes before a mesh stack that names it", () => {
    const app = testApp();
    const access = new AccessStack(app, "access");
    expect(new MeshStack(app, "mesh", { runtime: "exec", access }).dependencies).toEqual([access]);
    expect(new MeshStack(app, "other", { runtime: "exec" }).dependencies).toEqual([]);
  });
});

describe("the access stacks of a WAN federation", () => {
  const consulPrimaryDatacenter = "dc1";
  const primary = { consulDatacenter: "dc1", consulPrimaryDatacenter };
  const secondary = { consulDatacenter: "dc2", consulPrimaryDatacenter };

  test("the primary lets other datacenters copy what it has, and no cluster without a federation does", () => {
    const rules = rulesIn(build(primary), "consul_acl_policy");
    expect(rules["consul-replication"]).toContain('acl = "write"');
    expect(rules["consul-replication"]).toContain('operator = "write"');
    expect(resourcesIn(build(primary), "consul_acl_token_policy_attachment")).toContainEqual(
      expect.objectContaining({ token_id: REPLICATION_TOKEN }),
    );
    expect(rulesIn(build(), "consul_acl_policy")).not.toHaveProperty("consul-replication");
  });

  test("the others have only the auth method of their own Nomad, whose tasks get the roles of the primary, and Nomad's policies", () => {
    const stack = build(secondary);
    for (const copied of ["consul_acl_policy", "consul_acl_role", "consul_acl_token_policy_attachment"]) {
      expect([copied, resourcesIn(stack, copied)]).toEqual([copied, []]);
    }
    expect(resourcesIn(stack, "consul_acl_auth_method")).toHaveLength(1);
    expect(resourcesIn(stack, "consul_acl_binding_rule").map((it) => it.bind_type)).toEqual(["service", "role"]);
    expect(Object.keys(rulesIn(stack, "nomad_acl_policy"))).toContain("operator");
  });

  test("what the others copy cannot be set, or used, there", () => {
    expect(() => build({ ...secondary, tasks: { blog: {} } })).toThrow(
      "tasks belongs to the primary datacenter of the WAN federation, whose policies and roles the others copy. Use tasks of the AccessStack of dc1.",
    );
    for (const name of ["roles", "consulDeployer"] as const) {
      expect(() => build(secondary)[name]).toThrow(`Use ${name} of the AccessStack of the primary.`);
    }
  });

  test("the policies of gateways are in the access stack of the primary, which is applied first", () => {
    const app = testApp({ context: { runtime: "exec", secure: true, consulPrimaryDatacenter } });
    const settings = readSettings(app);
    const [east, west] = ["dc1", "dc2"].map((it) => new MeshStack(app, it, { ...settings, consulDatacenter: it }));
    for (const { mesh } of [east, west]) mesh.addMeshGateway("mesh-gateway");
    const [eastAccess, westAccess] = app.node.children.filter((it) => it instanceof GatewayBindingRulesStack);
    const names = resourcesIn(eastAccess, "consul_acl_policy").map(({ name }) => name);
    expect(names).toEqual(["mesh-gateway-mesh-gateway-dc1", "mesh-gateway-mesh-gateway-dc2"]);
    expect(resourcesIn(westAccess, "consul_acl_policy")).toEqual([]);
    expect(resourcesIn(westAccess, "consul_acl_binding_rule")).toMatchObject([
      { bind_name: "mesh-gateway-mesh-gateway-dc2", bind_type: "policy" },
    ]);
    expect(westAccess.dependencies).toContain(eastAccess);
  });
});
