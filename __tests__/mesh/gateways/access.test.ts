import {
  ApiGateway,
  ApiGatewayListener,
  IngressListener,
  Protocol,
  ServiceMesh,
  WorkloadIdentityAuthMethod,
  type ServiceMeshProps,
} from "../../../constructs";
import { synthApp, synthStack, TestStack } from "../../support/synth";
import { testApp } from "../../support/test-app";
import { anyWorkload } from "../../support/workload";

const listeners = [ApiGatewayListener.tcp({ port: 8080 })];
const plain = { address: "192.0.2.7", port: 5432, plaintext: "It is a test." };

/** The rules by which workloads get rights, as `[name of the right, variables, whose]`. */
function rulesOf(build: (mesh: ServiceMesh, workloads: WorkloadIdentityAuthMethod) => void, props?: ServiceMeshProps) {
  const stack = new TestStack();
  const workloads = new WorkloadIdentityAuthMethod(stack, "workloads", { jwksUrl: "https://nomad:4646/keys" });
  build(new ServiceMesh(stack, "mesh", props), workloads);
  const { terraform } = synthStack(stack);
  const rules = Object.values(terraform.resource?.consul_acl_binding_rule ?? {});
  const policies = Object.values(terraform.resource?.consul_acl_policy ?? {});
  return { rules, policies };
}

const whose = (service: string, job: string, namespace = "default") =>
  `value.nomad_service == "${service}" and value.nomad_namespace == "${namespace}" and value.nomad_job_id == "${job}"`;

test("an API gateway and an ingress gateway log in by their proxyServices", () => {
  const { rules } = rulesOf((mesh, workloads) => {
    const api = mesh.addService("api", { port: 1, protocol: Protocol.HTTP, workload: anyWorkload });
    const gateway = mesh.addApiGateway("gateway", { listeners: [ApiGatewayListener.http({ port: 8080 })] });
    const ingress = mesh.addIngressGateway("ingress", {
      listeners: [IngressListener.http({ port: 8081 })],
      namespace: "edge",
    });
    gateway.connectTo(api);
    ingress.connectTo(api);
    gateway.bindTo(workloads);
    ingress.bindTo(workloads);
  });
  expect(rules).toContainEqual(
    expect.objectContaining({
      bind_type: "templated-policy",
      bind_name: "builtin/api-gateway",
      bind_vars: { name: "gateway" },
      selector: `(value.nomad_service == "gateway" or ${whose("gateway-envoy", "gateway").replace(" and", ") and")}`,
    }),
  );
  expect(rules).toContainEqual(
    expect.objectContaining({
      bind_type: "service",
      bind_name: "ingress",
      selector: whose("ingress-envoy", "ingress", "edge"),
    }),
  );
});

test("a terminating gateway speaks for the services to which it leads", () => {
  const { rules, policies } = rulesOf(
    (mesh, workloads) => {
      const egress = mesh.addTerminatingGateway("egress");
      egress.addService(mesh.addExternalService("one", plain));
      egress.addService(mesh.addExternalService("two", plain));
      egress.bindTo(workloads);
    },
    { namespace: "shop" },
  );
  expect(rules).toContainEqual(
    expect.objectContaining({ bind_type: "policy", selector: whose("egress", "egress", "shop") }),
  );
  expect(policies).toContainEqual(
    expect.objectContaining({
      name: "terminating-gateway-egress",
      rules: 'service "one" {\n  policy = "write"\n}\nservice "two" {\n  policy = "write"\n}\n',
    }),
  );
});

test("a terminating gateway speaks also for services to which it leads later", () => {
  const { policies } = rulesOf((mesh, workloads) => {
    const egress = mesh.addTerminatingGateway("egress");
    egress.bindTo(workloads);
    egress.addService(mesh.addExternalService("db", plain));
  });
  expect(policies).toContainEqual(expect.objectContaining({ rules: 'service "db" {\n  policy = "write"\n}\n' }));
});

test("a mesh gateway speaks for its datacenter", () => {
  const { rules, policies } = rulesOf((mesh, workloads) => {
    mesh.addMeshGateway("mesh-gateway").bindTo(workloads);
  });
  expect(rules).toContainEqual(expect.objectContaining({ selector: whose("mesh-gateway", "mesh-gateway") }));
  expect(policies).toContainEqual(
    expect.objectContaining({ name: "mesh-gateway-mesh-gateway", rules: 'mesh = "write"\npeering = "read"\n' }),
  );
});

test("in a datacenter with a name, policies bear it: joined datacenters share them", () => {
  const { rules, policies } = rulesOf(
    (mesh, workloads) => {
      mesh.addMeshGateway("mesh-gateway").bindTo(workloads);
    },
    { datacenter: "dc2" },
  );
  expect(policies).toContainEqual(
    expect.objectContaining({
      name: "mesh-gateway-mesh-gateway-dc2",
      description: "The mesh gateway mesh-gateway in dc2",
    }),
  );
  expect(rules).toContainEqual(expect.objectContaining({ selector: whose("mesh-gateway", "mesh-gateway") }));
});

describe("a mesh that knows its gatewayAuthMethod", () => {
  test("lets each gateway in, once", () => {
    const stack = new TestStack();
    const gatewayAuthMethod = WorkloadIdentityAuthMethod.fromName(stack, "workloads", "nomad-of-us");
    const mesh = new ServiceMesh(stack, "mesh", { gatewayAuthMethod });
    const clock = mesh.addService("clock", { port: 1, workload: anyWorkload });
    const gateway = mesh.addApiGateway("gateway", { listeners });
    gateway.connectTo(clock);
    gateway.bindTo(gatewayAuthMethod);
    mesh.addTerminatingGateway("egress").addService(mesh.addExternalService("db", plain));
    const { terraform } = synthStack(stack);
    expect(terraform.resource).not.toHaveProperty("consul_acl_auth_method");
    const rules = Object.values(terraform.resource?.consul_acl_binding_rule ?? {});
    expect(rules.map(({ auth_method, selector }) => [auth_method, selector])).toEqual([
      ["nomad-of-us", expect.stringContaining('or value.nomad_service == "gateway-envoy"')],
      ["nomad-of-us", whose("egress", "egress")],
    ]);
  });

  test("has jobs of gateways wait for their rules in the same stack, and for the stack of the rules from another", () => {
    const app = testApp();
    const access = new TestStack(app, "access");
    const gatewayAuthMethod = WorkloadIdentityAuthMethod.fromName(access, "workloads");
    const mesh = new ServiceMesh(new TestStack(app, "mesh"), "mesh", { gatewayAuthMethod });
    const team = new TestStack(app, "team");
    const gateway = new ApiGateway(team, "gateway", { mesh, listeners });
    const within = new ApiGateway(access, "other", { mesh, listeners: [ApiGatewayListener.tcp({ port: 8081 })] });
    const clock = mesh.addService("clock", { port: 1, workload: anyWorkload });
    gateway.connectTo(clock);
    within.connectTo(clock);
    synthApp(app, "team");
    expect(team.dependencies.map(({ node }) => node.path)).toContain("access");
    expect(gateway.job.dependsOn?.join()).not.toContain("binding_rule");
    expect(within.job.dependsOn).toContainEqual(expect.stringMatching(/^consul_acl_binding_rule\..*ApiGateway-other/));
  });
});
