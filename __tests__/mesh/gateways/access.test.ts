import {
  ApiGatewayListener,
  IngressListener,
  Protocol,
  ServiceMesh,
  WorkloadIdentityAuthMethod,
  type ServiceMeshProps,
} from "../../../constructs";
import { synthStack, TestStack } from "../../support/synth";
import { anyWorkload } from "../../support/workload";

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

test("an API gateway and an ingress gateway log in by their companions", () => {
  const { rules } = rulesOf((mesh, workloads) => {
    const api = mesh.addService("api", { port: 1, protocol: Protocol.HTTP, workload: anyWorkload });
    const gateway = mesh.addApiGateway("gateway", { listeners: [ApiGatewayListener.http({ port: 8080 })] });
    const ingress = mesh.addIngressGateway("ingress", {
      listeners: [IngressListener.http({ port: 8081 })],
      namespace: "edge",
    });
    gateway.connectTo(api);
    ingress.connectTo(api);
    gateway.allowIn(workloads);
    ingress.allowIn(workloads);
  });
  expect(rules).toContainEqual(
    expect.objectContaining({
      bind_type: "templated-policy",
      bind_name: "builtin/api-gateway",
      bind_vars: { name: "gateway" },
      selector: whose("gateway-envoy", "gateway"),
    }),
  );
  expect(rules).toContainEqual(
    expect.objectContaining({ bind_vars: { name: "ingress" }, selector: whose("ingress-envoy", "ingress", "edge") }),
  );
});

test("a terminating gateway speaks for the services to which it leads", () => {
  const { rules, policies } = rulesOf(
    (mesh, workloads) => {
      const egress = mesh.addTerminatingGateway("egress");
      egress.addService(mesh.addExternalService("one", plain));
      egress.addService(mesh.addExternalService("two", plain));
      egress.allowIn(workloads);
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

test("fails if a terminating gateway leads on after it was let in", () => {
  expect(() =>
    rulesOf((mesh, workloads) => {
      const egress = mesh.addTerminatingGateway("egress");
      egress.allowIn(workloads);
      egress.addService(mesh.addExternalService("db", plain));
    }),
  ).toThrow(
    "stack/mesh/egress: It was let in to Consul before it led to db, so that it could not speak for that service. Say allowIn after all of its addService.",
  );
});

test("a mesh gateway speaks for its datacenter", () => {
  const { rules, policies } = rulesOf((mesh, workloads) => {
    mesh.addMeshGateway("mesh-gateway").allowIn(workloads);
  });
  expect(rules).toContainEqual(expect.objectContaining({ selector: whose("mesh-gateway", "mesh-gateway") }));
  expect(policies).toContainEqual(
    expect.objectContaining({ name: "mesh-gateway-mesh-gateway", rules: 'mesh = "write"\npeering = "read"\n' }),
  );
});
