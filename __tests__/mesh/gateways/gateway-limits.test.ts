import { ApiGatewayListener, IngressListener, Protocol, type ServiceMesh } from "../../../constructs";
import { groupOf, only } from "../../support/job";
import { synthMesh } from "../../support/synth";
import { anyWorkload } from "../../support/workload";

const limits = { maxInboundConnections: 100, maxRequestHeadersKib: 8 };

/** What the Envoy of a gateway lays over the bootstrap that Nomad writes. */
function bootstrapOf(add: (mesh: ServiceMesh) => unknown): object {
  const { jobs } = synthMesh((mesh) => {
    add(mesh);
  });
  const args = only(groupOf(jobs.gate).Tasks).Config?.args as string[];
  const index = args.indexOf("--config-yaml");
  return index < 0 ? {} : (JSON.parse(args[index + 1]) as object);
}

const api = (mesh: ServiceMesh) =>
  mesh.addService("api", { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload });

const addApiGateway = (mesh: ServiceMesh, options: object) => {
  mesh.addApiGateway("gate", { listeners: [ApiGatewayListener.http({ port: 8080 })], ...options }).connectTo(api(mesh));
};
const addIngressGateway = (mesh: ServiceMesh, options: object) => {
  mesh
    .addIngressGateway("gate", { listeners: [IngressListener.http({ port: 8080 })], ...options })
    .connectTo(api(mesh));
};

test.each([
  ["an API gateway", addApiGateway],
  ["an ingress gateway", addIngressGateway],
])("%s limits its connections and the size of headers by its bootstrap", (_, add) => {
  const bootstrap = bootstrapOf((mesh) => {
    add(mesh, limits);
  });
  expect(bootstrap).toMatchObject({
    overload_manager: {
      resource_monitors: [
        {
          name: "envoy.resource_monitors.global_downstream_max_connections",
          typed_config: { max_active_downstream_connections: 100 },
        },
      ],
    },
    layered_runtime: {
      layers: [{ static_layer: { "envoy.reloadable_features.max_request_headers_size_kb": 8 } }],
    },
  });
});

test("a mesh gateway limits its connections too", () => {
  expect(bootstrapOf((mesh) => mesh.addMeshGateway("gate", { maxInboundConnections: 5 }))).toHaveProperty(
    "overload_manager",
  );
});

test("without limits the bootstrap has none", () => {
  const text = JSON.stringify(
    bootstrapOf((mesh) => {
      addApiGateway(mesh, {});
    }),
  );
  expect(text).not.toContain("overload_manager");
  expect(text).not.toContain("max_request_headers");
});

test.each([
  [{ maxInboundConnections: 0 }, "maxInboundConnections is 0; expected a whole number from 1. Use one, or omit it."],
  [
    { maxRequestHeadersKib: 9000 },
    "maxRequestHeadersKib is 9000; expected a whole number from 1 to 8192. Use one, or omit it.",
  ],
])("fails if a limit is no such number: %j", (wrong, message) => {
  expect(() =>
    bootstrapOf((mesh) => {
      addApiGateway(mesh, wrong);
    }),
  ).toThrow(message);
});
