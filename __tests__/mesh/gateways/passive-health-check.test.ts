import { ApiGatewayListener, type ServiceMesh } from "../../../constructs";
import { groupOf, only } from "../../support/job";
import { synthMesh } from "../../support/synth";
import { anyWorkload } from "../../support/workload";

/** What the only task of a gateway lays over Nomad's bootstrap of its Envoy. */
function bootstrapOf(build: (mesh: ServiceMesh) => unknown, job: string): unknown {
  const { jobs } = synthMesh((mesh) => {
    build(mesh);
  });
  const args = only(groupOf(jobs[job]).Tasks).Config?.args as string[];
  const index = args.indexOf("--config-yaml");
  return index < 0 ? {} : JSON.parse(args[index + 1]);
}

const layers = (values: object) => ({ layered_runtime: { layers: [{ name: "gateway", static_layer: values }] } });
const HALF = layers({ "outlier_detection.max_ejection_percent": 50 });

function addApiGateway(mesh: ServiceMesh, options = {}) {
  const api = mesh.addService("api", { port: 9001, workload: anyWorkload });
  mesh.addApiGateway("gate", { listeners: [ApiGatewayListener.tcp({ port: 9000 })], ...options }).connectTo(api);
}

test("a gateway for which Consul has no place for it is told by its bootstrap, so that one of two is ejected", () => {
  expect(bootstrapOf(addApiGateway, "gate")).toMatchObject(HALF);
  expect(bootstrapOf((mesh) => mesh.addMeshGateway("mesh-gateway"), "mesh-gateway")).toEqual(HALF);
});

test("each option is Envoy's own, in its unit", () => {
  const passiveHealthCheck = {
    interval: "2s",
    maxFailures: 3,
    enforcingConsecutive5xx: 0,
    maxEjectionPercent: 60,
    baseEjectionTime: "1.5s",
  };
  expect(bootstrapOf((mesh) => addApiGateway(mesh, { passiveHealthCheck }), "gate")).toMatchObject(
    layers({
      "outlier_detection.interval_ms": 2000,
      "outlier_detection.consecutive_5xx": 3,
      "outlier_detection.enforcing_consecutive_5xx": 0,
      "outlier_detection.max_ejection_percent": 60,
      "outlier_detection.base_ejection_time_ms": 1500,
    }),
  );
});
