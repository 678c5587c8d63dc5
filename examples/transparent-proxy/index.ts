import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HealthCheck, Protocol, Template, Workload, type MeshService, type ServiceMesh } from "meshform";

/** Options of {@link addPair}. */
export interface PairOptions {
  /** Under Docker, or as programs of nodes that have Node.js. */
  readonly runtime: "docker" | "exec";
}

/**
 * A dashboard that asks an API by its name, `http://api.virtual.consul`, through no upstream and no local port, and a visitor that asks it in
 * the same way, but that nobody allows.
 */
export function addPair(mesh: ServiceMesh, { runtime }: PairOptions): void {
  const addService = (name: string, file: string, port: number, publish?: number): MeshService =>
    mesh.addService(name, {
      port,
      // A node has a port once: the next instance starts on another node before this one ends.
      ...(publish !== undefined && { publish, update: { canary: 1, autoPromote: true } }),
      protocol: Protocol.HTTP,
      healthCheck: HealthCheck.http("/health"),
      workload: program(runtime, file, { PORT: String(port) }),
      transparentProxy: {},
    });
  const api = addService("api", "api.mjs", 9001);
  addService("dashboard", "caller.mjs", 9002, 9002).connectTo(api, { env: "API_URL" });
  addService("visitor", "caller.mjs", 9003, 9003);
}

/**
 * A program of this folder. Its text travels in the job, so that a node needs nothing but Node.js. The driver is `exec` and not `raw_exec`: Nomad
 * gives a task of `raw_exec` no name server, and runs it as root, the user of an Envoy without Docker, whose traffic is not redirected.
 */
function program(runtime: PairOptions["runtime"], file: string, env: Readonly<Record<string, string>>): Workload {
  const task = {
    command: "node",
    args: [`\${NOMAD_TASK_DIR}/${file}`],
    templates: [Template.text(readFileSync(join(__dirname, file), "utf8"), { destination: `local/${file}` })],
    env,
    resources: { cpuMhz: 50, memoryMib: 64 },
  };
  return runtime === "docker"
    ? Workload.docker({ ...task, image: "node:22-alpine" })
    : Workload.exec({ ...task, driver: "exec" });
}
