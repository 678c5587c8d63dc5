import { IngressListener } from "../../constructs";
import { AccessStack } from "../../stacks/access-stack";
import { MeshStack, type MeshStackProps } from "../../stacks/mesh-stack";
import { resourcesIn } from "../support/access";
import { synthStack } from "../support/synth";
import { testApp } from "../support/test-app";
import { anyWorkload } from "../support/workload";

function build(props: Partial<MeshStackProps>, app = testApp()): MeshStack {
  const stack = new MeshStack(app, "shop", { runtime: "exec", ...props });
  const web = stack.mesh.addService("web", { port: 80, workload: anyWorkload });
  stack.mesh.addIngressGateway("door", { listeners: [IngressListener.tcp({ port: 8080 })] }).connectTo(web);
  return stack;
}

describe("the mesh stack", () => {
  test("in a secure cluster comes after a stack that lets its gateways in, and makes no more than that", () => {
    const [access] = build({ secure: true, consulAddress: "http://c", consulDatacenter: "dc2" }).dependencies;
    expect(access.node.path).toBe("shop-access");
    const { terraform } = synthStack(access);
    expect(terraform.provider).toEqual({ consul: [{ address: "http://c", datacenter: "dc2" }] });
    expect(Object.keys(terraform.resource ?? {})).toEqual(["consul_acl_binding_rule"]);
    expect(resourcesIn(access, "consul_acl_binding_rule")).toMatchObject([
      { auth_method: "nomad-workloads", bind_type: "service", bind_name: "door" },
    ]);
  });

  test("lets its gateways in by the app's own access rules, where it has some", () => {
    const app = testApp();
    const access = new AccessStack(app, "access");
    expect(build({ secure: true, access }, app).dependencies).toEqual([access]);
    expect(resourcesIn(access, "consul_acl_binding_rule")).toContainEqual(
      expect.objectContaining({ bind_type: "service", bind_name: "door" }),
    );
  });

  test("stands alone in a cluster without access control", () => {
    expect(build({}).dependencies).toEqual([]);
  });
});
