import { AclAuthMethod } from "@cdktf/provider-consul/lib/acl-auth-method";
import { AclToken } from "@cdktf/provider-consul/lib/acl-token";
import { DataConsulAclTokenSecretId } from "@cdktf/provider-consul/lib/data-consul-acl-token-secret-id";
import { ConsulProvider } from "@cdktf/provider-consul/lib/provider";
import { NomadProvider } from "@cdktf/provider-nomad/lib/provider";
import { TerraformLocal, TerraformStack, TerraformVariable, type App } from "cdktf";
import { ConsulAclPolicy, ServiceMesh } from "../../constructs";
import { AccessStack } from "../../stacks/access-stack";
import { MeshStack, type MeshStackProps } from "../../stacks/mesh-stack";
import { findingsOf, synthApp, synthStack, TestStack } from "../support/synth";
import { testApp } from "../support/test-app";
import { anyWorkload } from "../support/workload";

/** What synthesis says of a stack that has checks, and whatever is built in it. */
function findings(build: (stack: TestStack) => void): string[] {
  const stack = new TestStack();
  new ConsulAclPolicy(stack, "policy", { name: "policy", rules: {} });
  build(stack);
  return findingsOf(() => synthStack(stack));
}

describe("provider-token-from-own-stack", () => {
  const finding =
    "stack/late: Its token comes from stack/token, which the same stack creates. Create the token outside Terraform and pass it in the environment, or create it in a stack that is applied first. (provider-token-from-own-stack)";

  test("fails if a provider's token is an attribute of a resource of its stack", () => {
    expect(
      findings((stack) => {
        const token = new AclToken(stack, "token", {});
        new ConsulProvider(stack, "late", { alias: "late", token: token.accessorId });
      }),
    ).toEqual([finding]);
  });

  test("fails if it comes by way of a data source and a local", () => {
    expect(
      findings((stack) => {
        const { accessorId } = new AclToken(stack, "token", {});
        const { secretId } = new DataConsulAclTokenSecretId(stack, "secret", { accessorId });
        const local = new TerraformLocal(stack, "local", `Bearer ${secretId}`);
        new NomadProvider(stack, "late", { alias: "late", address: "http://n", secretId: `x${local.asString}` });
      }),
    ).toEqual([finding]);
  });

  test("fails if it is inside a header", () => {
    expect(
      findings((stack) => {
        const { accessorId } = new AclToken(stack, "token", {});
        new ConsulProvider(stack, "late", { alias: "late", header: [{ name: "X", value: accessorId }] });
      }),
    ).toEqual([finding]);
  });

  test("leaves alone tokens that come from elsewhere, and what is no token", () => {
    const app = testApp();
    const other = new TestStack(app, "other");
    const token = new AclToken(other, "token", {});
    const stack = new TestStack(app);
    new ConsulAclPolicy(stack, "policy", { name: "policy", rules: {} });
    const address = new AclToken(stack, "own", {}).description;
    const variable = new TerraformVariable(stack, "secret", { sensitive: true });
    new ConsulProvider(stack, "late", { alias: "late", token: token.accessorId, address });
    new ConsulProvider(stack, "later", { alias: "later", token: variable.stringValue });
    expect(findingsOf(() => synthApp(app, "stack"))).toEqual([]);
  });
});

describe("max-token-ttl", () => {
  const claims = JSON.stringify({ JWKSURL: "http://n", ClaimMappings: { nomad_service: "nomad_service" } });
  const withTtl = (maxTokenTtl: string | undefined, configJson = claims, type = "jwt") =>
    findings((stack) => new AclAuthMethod(stack, "method", { name: "m", type, configJson, maxTokenTtl }));

  test("fails if the tokens of Nomad's workloads expire", () => {
    expect(withTtl("1h0m0s")).toEqual([
      "stack/method: The tokens of Nomad's workloads expire after 1h0m0s. Omit maxTokenTtl: Nomad removes a token when its workload stops. (max-token-ttl)",
    ]);
    const config = { nomad: "nomad_namespace" };
    expect(
      findings((stack) => new AclAuthMethod(stack, "method", { name: "m", type: "jwt", config, maxTokenTtl: "5s" })),
    ).toHaveLength(1);
  });

  test("leaves alone those that do not expire, and those of people", () => {
    expect(withTtl(undefined)).toEqual([]);
    expect(withTtl("0s")).toEqual([]);
    expect(withTtl("1h", '{"ClaimMappings":{"email":"email"}}')).toEqual([]);
    expect(withTtl("1h", claims, "oidc")).toEqual([]);
  });
});

describe("access-before-mesh", () => {
  const exec = { runtime: "exec" } as const;
  const findingsIn = (build: (app: App) => TerraformStack) => {
    const app = testApp();
    const { node } = build(app);
    return findingsOf(() => synthApp(app, node.id));
  };

  test("fails if a mesh stack may be applied before the access stack of its app", () => {
    expect(
      findingsIn((app) => {
        new AccessStack(app, "access");
        return new MeshStack(app, "mesh", exec);
      }),
    ).toEqual([
      "mesh: Its jobs need the access rules of access, but it can be applied before them. Pass that stack to its MeshStack as access, or call addDependency. (access-before-mesh)",
    ]);
  });

  test("fails for the stack of another team, whose services join the mesh", () => {
    expect(
      findingsIn((app) => {
        const access = new AccessStack(app, "access");
        const { mesh } = new MeshStack(app, "mesh", { ...exec, access });
        const team = new TestStack(app, "team");
        new ServiceMesh(team, "own", { proxyDefaults: false });
        mesh.addService("web", { port: 80, publish: 80, workload: anyWorkload });
        return team;
      }),
    ).toEqual([expect.stringMatching(/^team: .*\(access-before-mesh\)$/)]);
  });

  test("is content with a dependency, also by way of another stack, and where there is no access stack", () => {
    expect(
      findingsIn((app) => {
        const access = new AccessStack(app, "access");
        const first = new MeshStack(app, "first", { ...exec, access });
        const second = new MeshStack(app, "second", { ...exec, mesh: { proxyDefaults: false } });
        second.addDependency(first);
        return second;
      }),
    ).toEqual([]);
    expect(findingsIn((app) => new MeshStack(app, "mesh", exec))).toEqual([]);
  });

  test("tells two environments in one app apart", () => {
    expect(
      findingsIn((app) => {
        const [, prod] = ["dev", "prod"].map((name) => {
          const access = new AccessStack(app, `access-${name}`);
          return new MeshStack(app, `mesh-${name}`, {
            ...exec,
            access,
            consulAddress: `https://consul.${name}.example`,
          });
        });
        return prod;
      }),
    ).toEqual([]);
  });
});

describe("gateway-access", () => {
  const findingsWith = (props: (access: AccessStack) => Partial<MeshStackProps>) => {
    const app = testApp();
    const access = new AccessStack(app, "access");
    const stack = new MeshStack(app, "mesh", { runtime: "exec", ...props(access) });
    stack.addDependency(access);
    stack.mesh.addMeshGateway("mesh-gateway");
    return findingsOf(() => synthApp(app, "mesh"));
  };

  test("fails if the access rules of the app let a gateway in nowhere", () => {
    expect(findingsWith(() => ({}))).toEqual([
      "mesh/mesh/mesh-gateway: The access rules of access allow services, but not this mesh gateway. Pass that stack to its MeshStack as access, set gatewayAuthMethod of its mesh, or call bindTo of the gateway. (gateway-access)",
    ]);
  });

  test("is content if the mesh stack knows the access stack, or the mesh where gateways are let in", () => {
    expect(findingsWith((access) => ({ access }))).toEqual([]);
    expect(findingsWith(({ workloads }) => ({ mesh: { gatewayAuthMethod: workloads } }))).toEqual([]);
  });
});
