import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HealthCheck, Protocol, Template, Workload, type ServiceMesh } from "meshform";

/** The services of the mesh, and which of them connect. */
export function addServices(mesh: ServiceMesh): void {
  mesh.addService("hello", {
    port: 8080,
    publish: 8080,
    protocol: Protocol.HTTP,
    // On a cluster with Docker: Workload.docker({ image: "…" }), and "runtime": "docker" in cdktf.json for its Envoy.
    workload: Workload.exec({
      driver: "raw_exec",
      command: "node",
      args: ["${NOMAD_TASK_DIR}/hello.mjs"],
      templates: [
        Template.text(readFileSync(join(__dirname, "hello.mjs"), "utf8"), { destination: "local/hello.mjs" }),
      ],
    }),
    healthCheck: HealthCheck.http("/health"),
    update: { canary: 1, autoPromote: true },
  });
  // A second service connects to it by: other.connectTo(hello, { env: "HELLO_URL" });
}
