import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HealthCheck, Protocol, Template, Workload, type MeshService, type ServiceMesh } from "meshform";

/** Options of {@link addCountDashboard}. */
export interface CountDashboardOptions {
  /** Public images under Docker, or this folder's own programs on nodes that have Node.js. */
  readonly runtime: "docker" | "exec";
}

/** A page that shows a count, and the API that counts: two services, one connection. Returns that of the page. */
export function addCountDashboard(mesh: ServiceMesh, { runtime }: CountDashboardOptions): MeshService {
  const api = mesh.addService("count-api", {
    port: 9001,
    protocol: Protocol.HTTP,
    workload:
      runtime === "docker" ? Workload.docker({ image: "hashicorpdev/counter-api:v3" }) : program("counter-api.mjs"),
    healthCheck: HealthCheck.http("/health"),
  });
  const dashboard = mesh.addService("count-dashboard", {
    port: 9002,
    publish: 9002,
    // A node has the port once: the next one starts on another node before this one ends.
    update: { canary: 1, autoPromote: true },
    protocol: Protocol.HTTP,
    workload:
      runtime === "docker"
        ? Workload.docker({ image: "hashicorpdev/counter-dashboard:v3" })
        : program("counter-dashboard.mjs"),
    healthCheck: HealthCheck.http("/health"),
  });
  dashboard.connectTo(api, { localBindPort: 8080, env: "COUNTING_SERVICE_URL" });
  return dashboard;
}

/** A program of this folder. Its text travels in the job, so that a node needs nothing but Node.js. */
export function program(file: string): Workload {
  return Workload.exec({
    driver: "raw_exec",
    command: "node",
    args: [`\${NOMAD_TASK_DIR}/${file}`],
    templates: [
      Template.text(readFileSync(join(__dirname, file), "utf8"), {
        destination: `local/${file}`,
        leftDelimiter: "[[",
        rightDelimiter: "]]",
      }),
    ],
    env: { NODE_NAME: "${node.unique.name}" },
    resources: { cpuMhz: 100, memoryMib: 128 },
  });
}
