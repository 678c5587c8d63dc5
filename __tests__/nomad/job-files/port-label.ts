import {
  HealthCheck,
  Port,
  Protocol,
  Sidecar,
  Workload,
  type MeshService,
  type ServiceMesh,
} from "../../../constructs";

const RESOURCES = { cpuMhz: 50, memoryMib: 64 };

export function addCatalogue(mesh: ServiceMesh): MeshService {
  return mesh
    .addJob("catalogue")
    .addGroup("main", {
      ports: { http: Port.dynamic({ to: 7021 }) },
      update: { canary: 1, autoPromote: true, minHealthyTime: "1s" },
      tasks: {
        server: Workload.exec({
          driver: "raw_exec",
          command: "node",
          args: [
            "-e",
            "require('http').createServer((_, response) => response.end('catalogue')).listen(process.env.PORT)",
          ],
          env: { PORT: "${NOMAD_PORT_http}" },
          resources: RESOURCES,
        }),
      },
    })
    .addService("catalogue", {
      port: "http",
      protocol: Protocol.HTTP,
      tags: ["edge.enable=true"],
      healthCheck: HealthCheck.http("/", { name: "answers", port: "http", interval: "1s", timeout: "1s" }),
      sidecar: Sidecar.exec({ resources: RESOURCES }),
    });
}
