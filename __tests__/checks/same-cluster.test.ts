import { ConsulProvider } from "@cdktf/provider-consul/lib/provider";
import { NomadProvider } from "@cdktf/provider-nomad/lib/provider";
import { TerraformStack } from "cdktf";
import { ApiGatewayListener, Protocol, ServiceMesh, type ServiceMeshProps } from "../../constructs";
import { findingsOf, TestStack } from "../support/synth";
import { testApp } from "../support/test-app";
import { anyWorkload } from "../support/workload";

const web = { port: 80, publish: 80, workload: anyWorkload };
const api = { port: 9001, publish: 9001, protocol: Protocol.HTTP, workload: anyWorkload };

/** The findings about two meshes, each in a stack of its own. */
function findings(
  build: (left: ServiceMesh, right: ServiceMesh) => void,
  [left, right]: readonly [ServiceMeshProps, ServiceMeshProps] = [{}, { proxyDefaults: false }],
): string[] {
  const app = testApp();
  const meshes = [left, right].map(
    (props, index) => new ServiceMesh(new TestStack(app, `s${index + 1}`), "mesh", props),
  );
  build(meshes[0], meshes[1]);
  return findingsOf(() => {
    app.synth();
  });
}

const orElse =
  "; or, if the stacks are for different clusters, set the datacenter of each mesh or the address of each provider.";

test("fails if two stacks give a name to two services, whatever the Nomad namespaces", () => {
  expect(
    findings(
      (dev, prod) => {
        dev.addService("web", web);
        prod.addService("Web", { ...web, publish: 81, serviceName: "web" });
      },
      [{ namespace: "dev" }, { namespace: "prod", proxyDefaults: false }],
    ),
  ).toEqual([
    `s2/mesh/Web: The service "web" already exists at s1/mesh/web. Change one of the service names${orElse} (duplicate-service)`,
  ]);
});

test("fails if two stacks own the defaults of all proxies", () => {
  expect(findings(() => undefined, [{}, {}])).toEqual([
    expect.stringContaining(
      "The config entry proxy-defaults/global already belongs to s1/mesh/ProxyDefaults/Resource.",
    ),
  ]);
});

test("lets stacks of different datacenters have the same names", () => {
  const both = (left: ServiceMesh, right: ServiceMesh) => {
    left.addService("web", web);
    right.addService("web", web);
  };
  expect(findings(both, [{ datacenter: "dc1" }, { datacenter: "dc2" }])).toEqual([]);
});

test("lets stacks whose providers have different addresses have the same names", () => {
  const app = testApp();
  for (const name of ["staging", "production"]) {
    const stack = new TerraformStack(app, name);
    new ConsulProvider(stack, "consul", { address: `https://consul.${name}.example` });
    new NomadProvider(stack, "nomad", { address: `https://nomad.${name}.example` });
    new ServiceMesh(stack, "mesh").addService("web", web);
  }
  expect(() => {
    app.synth();
  }).not.toThrow();
});

test("fails if a job of one stack has the id of a version's job in another", () => {
  expect(
    findings((left, right) => {
      left.addService("api", api).addVersion("v2", { workload: anyWorkload });
      right.addService("api-v2", { ...web, publish: 81 });
    }),
  ).toEqual([
    `s2/mesh/api-v2: The job "api-v2" already belongs to s1/mesh/api (version v2). Change one of the names${orElse} (duplicate-job)`,
  ]);
});

test("lets a job of another namespace have the same id", () => {
  expect(
    findings((left, right) => {
      left.addService("api", api).addVersion("v2", { workload: anyWorkload, namespace: "next" });
      right.addService("api-v2", { ...web, publish: 81 });
    }),
  ).toEqual([]);
});

test("fails if a service has the name under which an Envoy is registered", () => {
  expect(
    findings((left, right) => {
      left.addService("api", api);
      right.addService("api-sidecar-proxy", { ...web, publish: 81 });
      const gateway = left.addApiGateway("gateway", { listeners: [ApiGatewayListener.http({ port: 8080 })] });
      gateway.connectTo("api");
      right.addService("gateway-envoy", { ...web, publish: 82 });
    }),
  ).toEqual([
    's2/mesh/api-sidecar-proxy: "api-sidecar-proxy" is the name under which the Envoy of s1/mesh/api is registered. Change the serviceName of the service. (duplicate-service)',
    's2/mesh/gateway-envoy: "gateway-envoy" is the name under which the Envoy of s1/mesh/gateway is registered. Change the serviceName of the service. (duplicate-service)',
  ]);
});

test("fails if two services outside are on one node of the catalog", () => {
  expect(
    findings((left, right) => {
      for (const [mesh, name] of [
        [left, "db"],
        [right, "cache"],
      ] as const) {
        const outside = { address: "10.0.0.1", port: 5432, plaintext: "a test", nodeName: "machine" };
        const external = mesh.addExternalService(name, outside);
        mesh.addTerminatingGateway(`egress-${name}`).addService(external);
        mesh.addService(`user-of-${name}`, { ...web, publish: name.length }).connectTo(external);
      }
    }),
  ).toEqual([
    's2/mesh/cache: The catalog node "machine" already belongs to s1/mesh/db. Change one of the node names. (duplicate-node)',
  ]);
});

describe("a port of the nodes", () => {
  const clash = (left: ServiceMeshProps, right: ServiceMeshProps) =>
    findings(
      (one, other) => {
        one.addService("web", web);
        other.addService("shop", web);
      },
      [left, { ...right, proxyDefaults: false }],
    );

  test.each([
    [{}, {}],
    [{ nodePool: "edge" }, { nodePool: "all" }],
    [{ nomadDatacenters: ["eu-1", "eu-2"] }, { nomadDatacenters: ["eu-2"] }],
    [{ nomadDatacenters: ["eu-*"] }, { nomadDatacenters: ["us-1", "eu-2"] }],
  ])("fails if two stacks publish it where nodes may be the same: %j and %j", (left, right) => {
    expect(clash(left, right)).toEqual([
      expect.stringContaining("It publishes port 80, which s1/mesh/web also publishes"),
    ]);
  });

  test.each([
    [{ nodePool: "edge" }, { nodePool: "core" }],
    [{ nomadDatacenters: ["eu-1"] }, { nomadDatacenters: ["eu-2"] }],
    [{ nomadDatacenters: ["eu-*-a"] }, { nomadDatacenters: ["us-1-a", "eu-a"] }],
    [{ region: "eu" }, { region: "us" }],
  ])("lets it pass where no node can be the same: %j and %j", (left, right) => {
    expect(clash(left, right)).toEqual([]);
  });
});
