import { TerraformVariable } from "cdktf";
import { Construct } from "constructs";
import {
  ConsulAclPolicy,
  ConsulConfigEntry,
  MeshService,
  Protocol,
  ServiceMesh,
  Workload,
  WorkloadIdentityAuthMethod,
  type consul,
} from "../../constructs";
import { synthStack, TestStack } from "../support/synth";

const workload = Workload.docker({ image: "example/api:1" });

/** The addresses of all that a stack makes. */
function addressesIn(build: (stack: TestStack) => void): string[] {
  const stack = new TestStack();
  build(stack);
  return Object.entries(synthStack(stack).terraform.resource ?? {})
    .flatMap(([type, resources]) => Object.keys(resources).map((id) => `${type}.${id}`))
    .sort();
}

test("an address says what the object is", () => {
  const addresses = addressesIn((stack) => {
    const mesh = new ServiceMesh(stack, "mesh", { namespace: "shop", region: "eu" });
    const api = mesh.addService("api", { port: 8000, protocol: Protocol.HTTP, workload, namespace: "default" });
    mesh.addService("web", { port: 8001, publish: 8001, workload }).connectTo(api);
    const db = mesh.addExternalService("db", { address: "10.0.0.1", port: 5432, plaintext: "a test" });
    mesh.addTerminatingGateway("egress").addService(db);
    const access = new WorkloadIdentityAuthMethod(stack, "workloads", { jwksUrl: "https://nomad.example/jwks.json" });
    mesh.gateways[0].bindTo(access);
  });
  expect(addresses).toEqual([
    "consul_acl_auth_method.nomad-workloads",
    "consul_acl_binding_rule.nomad-workloads_Services",
    "consul_acl_binding_rule.nomad-workloads_Tasks",
    "consul_acl_binding_rule.nomad-workloads_TerminatingGateway-egress",
    "consul_acl_policy.nomad-tasks-default",
    "consul_acl_policy.terminating-gateway-egress",
    "consul_acl_role.nomad-tasks-default",
    "consul_config_entry.proxy-defaults_global",
    "consul_config_entry.service-defaults_api",
    "consul_config_entry.service-defaults_db",
    "consul_config_entry.service-defaults_web",
    "consul_config_entry.service-intentions_api",
    "consul_config_entry.terminating-gateway_egress",
    "consul_node.external-db",
    "consul_service.external-db_db",
    "nomad_job.eu_api",
    "nomad_job.eu_shop_egress",
    "nomad_job.eu_shop_web",
  ]);
});

test("moving, wrapping and renaming constructs changes no address", () => {
  class Shop extends Construct {
    constructor(scope: Construct, id: string, mesh: ServiceMesh) {
      super(scope, id);
      const api = new MeshService(this, "backend", { mesh, serviceName: "api", port: 8000, workload });
      new MeshService(this, "page", { mesh, serviceName: "web", port: 8001, publish: 8001, workload }).connectTo(api);
    }
  }
  const flat = addressesIn((stack) => {
    const mesh = new ServiceMesh(stack, "mesh");
    const api = mesh.addService("api", { port: 8000, workload });
    mesh.addService("web", { port: 8001, publish: 8001, workload }).connectTo(api);
  });
  const moved = addressesIn((stack) => {
    new Shop(stack, "shop", new ServiceMesh(stack, "service-mesh"));
  });
  expect(moved).toEqual(flat);
});

test("names that Terraform takes in no address, or that could be read in two ways, still differ", () => {
  const addresses = addressesIn((stack) => {
    const mesh = new ServiceMesh(stack, "mesh", { proxyDefaults: false });
    mesh.addService("1st", { port: 8000, publish: 8000, workload });
    for (const name of ["a.b", "a/b"]) {
      new ConsulConfigEntry<consul.JWTProviderConfigEntry>(stack, name, {
        ...{ kind: "jwt-provider", name },
        entry: () => ({ Issuer: "https://issuer.example", JSONWebKeySet: { Local: { Filename: "/keys.json" } } }),
      });
    }
  });
  expect(addresses).toEqual([
    expect.stringMatching(/^consul_config_entry\.jwt-provider_a-b_[0-9a-f]{8}$/),
    expect.stringMatching(/^consul_config_entry\.jwt-provider_a-b_[0-9a-f]{8}$/),
    "consul_config_entry.service-defaults_1st",
    "nomad_job._1st",
  ]);
});

test("an object whose name only Terraform knows keeps the address of its construct", () => {
  const addresses = addressesIn((stack) => {
    const name = new TerraformVariable(stack, "name", { type: "string" }).stringValue;
    new ConsulAclPolicy(stack, "policy", { name, rules: { operator: "read" } });
  });
  expect(addresses).toEqual([expect.stringMatching(/^consul_acl_policy\.policy_[0-9A-F]{8}$/)]);
});
