import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Failover, HealthCheck, Protocol, Template, Workload, type MeshService, type ServiceMesh } from "meshform";

/** What runs the programs of this folder. */
export type Runtime = "docker" | "exec";

/** Options of {@link addCanary}. */
export interface CanaryExampleOptions {
  /** Containers of Node.js, or Node.js on the nodes themselves. */
  readonly runtime: Runtime;
  /** Requests that the canary gets, in percent. */
  readonly percent: number;
}

/** Header of those whose requests all go to the canary. */
export const TESTER_HEADER = "x-canary";

/** A page, the API that it asks, and a second version of that API, which gets some of the requests. */
export function addCanary(mesh: ServiceMesh, { runtime, percent }: CanaryExampleOptions): MeshService {
  const api = addGreetingApi(mesh, "greeting-api", runtime, { VERSION: "v1" });
  const page = addGreetingPage(mesh, "greeting-page", runtime, { publish: 9100, testerHeader: TESTER_HEADER });
  page.connectTo(api, { env: "GREETING_URL" });
  // Said before there is a version, so that Envoy knows these instances by the same name whether there is one or not.
  api.resolve({ defaultSubset: api.stable });

  const next = api.addVersion("v2", { workload: program("greeting-api.mjs", runtime, { VERSION: "v2" }) });
  api.canary(next, { percent, header: TESTER_HEADER });
  // When no canary is left, its part goes to the others.
  api.resolve({ failover: { v2: Failover.to(api.stable) } });
  return api;
}

/** The API that greets. */
export function addGreetingApi(
  mesh: ServiceMesh,
  id: string,
  runtime: Runtime,
  env: Readonly<Record<string, string>>,
): MeshService {
  return mesh.addService(id, {
    port: 9101,
    protocol: Protocol.HTTP,
    workload: program("greeting-api.mjs", runtime, env),
    healthCheck: HealthCheck.http("/health", { interval: "1s", timeout: "1s" }),
    update: { minHealthyTime: "1s" },
  });
}

/** The page that asks it. */
export function addGreetingPage(
  mesh: ServiceMesh,
  id: string,
  runtime: Runtime,
  { publish, testerHeader }: { readonly publish: number; readonly testerHeader: string },
): MeshService {
  return mesh.addService(id, {
    port: 9100,
    publish,
    protocol: Protocol.HTTP,
    workload: program("greeting-page.mjs", runtime, { TESTER_HEADER: testerHeader }),
    healthCheck: HealthCheck.http("/health", { interval: "1s", timeout: "1s" }),
    // A node has the port once: the next one starts on another node before this one ends.
    update: { minHealthyTime: "1s", canary: 1, autoPromote: true },
  });
}

/** A program of this folder. Its text travels in the job, so that a node needs nothing but Node.js, or Docker. */
export function program(file: string, runtime: Runtime, env: Readonly<Record<string, string>>): Workload {
  const task = {
    env,
    templates: [
      Template.text(readFileSync(join(__dirname, file), "utf8"), {
        destination: `local/${file}`,
        leftDelimiter: "[[",
        rightDelimiter: "]]",
      }),
    ],
    resources: { cpuMhz: 100, memoryMib: 128 },
  };
  const args = [`\${NOMAD_TASK_DIR}/${file}`];
  return runtime === "docker"
    ? Workload.docker({ image: "node:22-alpine", command: "node", args, ...task })
    : Workload.exec({ driver: "raw_exec", command: "node", args, ...task });
}
