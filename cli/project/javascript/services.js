const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { HealthCheck, Protocol, Template, Workload } = require("meshform");

/**
 * The services of the mesh, and which of them connect.
 *
 * @param {import("meshform").ServiceMesh} mesh
 */
function addServices(mesh) {
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

module.exports = { addServices };
