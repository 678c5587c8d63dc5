import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Failover, HealthCheck, Protocol, Template, Workload, type MeshService, type ServiceMesh } from "meshform";

/** Options of {@link addCountDashboard}. */
export interface CountDashboardOptions {
  /** Public images under Docker, or this folder's own programs on nodes that have Node.js. */
  readonly runtime: "docker" | "exec";
  /** The same API in another datacenter, which gets the requests while no instance is left in this one. @default none */
  readonly spare?: MeshService;
}

/** The API that counts. */
export function addCountApi(mesh: ServiceMesh, { runtime }: Pick<CountDashboardOptions, "runtime">): MeshService {
  return mesh.addService("count-api", {
    port: 9001,
    protocol: Protocol.HTTP,
    workload:
      runtime === "docker" ? Workload.docker({ image: "hashicorpdev/counter-api:v3" }) : program("counter-api.mjs"),
    healthCheck: HealthCheck.http("/health"),
  });
}

/** A page that shows a count, and the API that counts: two services, one connection. Returns that of the page. */
export function addCountDashboard(mesh: ServiceMesh, { runtime, spare }: CountDashboardOptions): MeshService {
  const api = addCountApi(mesh, { runtime });
  if (spare !== undefined) api.resolve({ failover: Failover.to(spare) });
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
