import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  HealthCheck,
  Protocol,
  secureAgents,
  Template,
  Workload,
  type MeshService,
  type MeshServiceBaseProps,
  type Prometheus,
  type PrometheusBaseProps,
  type ServiceMesh,
} from "meshform";

/** Options of {@link addShop}. */
export interface ShopOptions {
  /** Under Docker, or as programs of nodes that have Node.js and Prometheus. */
  readonly runtime: "docker" | "exec";
  /** Whether the agents of Consul and Nomad ask for TLS and a token. @default false */
  readonly secure?: boolean;
  /** What Prometheus does otherwise than by default. @default nothing */
  readonly prometheus?: PrometheusBaseProps;
  /** What each of the three services has beside. @default nothing */
  readonly service?: Partial<MeshServiceBaseProps>;
}

/** The services of {@link addShop}. */
export interface Shop {
  readonly front: MeshService;
  readonly orders: MeshService;
  readonly stock: MeshService;
  readonly prometheus: Prometheus;
}

/** Three services in a row, two edges, and the Prometheus that watches them. */
export function addShop(mesh: ServiceMesh, options: ShopOptions): Shop {
  const addService = (name: string, port: number, more: Partial<MeshServiceBaseProps> = {}) =>
    mesh.addService(name, {
      port,
      protocol: Protocol.HTTP,
      workload: program(options.runtime, {
        NAME: name,
        PORT: String(port),
        // The one that is published is reached past its Envoy.
        ...(more.publish !== undefined && { BIND_ADDRESS: "0.0.0.0" }),
      }),
      healthCheck: HealthCheck.http("/health"),
      ...more,
      ...options.service,
    });
  // A node has the port once: the next one starts on another node before this one ends.
  const front = addService("front", 8001, { publish: 8001, update: { canary: 1, autoPromote: true } });
  const orders = addService("orders", 8002);
  const stock = addService("stock", 8003);
  front.connectTo(orders, { env: "NEXT_URL" });
  orders.connectTo(stock, { env: "NEXT_URL" });
  const prometheus = mesh.addPrometheus("prometheus", {
    publish: 9090,
    ...(options.runtime === "exec" && {
      workload: (task) => Workload.exec({ ...task, driver: "raw_exec", command: "prometheus" }),
    }),
    ...(options.secure && secureAgents()),
    ...options.prometheus,
  });
  return { front, orders, stock, prometheus };
}

/** This folder's program. Its text travels in the job, so that a node needs nothing but Node.js. */
function program(runtime: ShopOptions["runtime"], env: Readonly<Record<string, string>>): Workload {
  const task = {
    command: "node",
    args: ["${NOMAD_TASK_DIR}/shop.mjs"],
    templates: [
      Template.text(readFileSync(join(__dirname, "shop.mjs"), "utf8"), {
        destination: "local/shop.mjs",
        leftDelimiter: "[[",
        rightDelimiter: "]]",
      }),
    ],
    env,
    resources: { cpuMhz: 100, memoryMib: 128 },
  };
  return runtime === "docker"
    ? Workload.docker({ ...task, image: "node:22-alpine" })
    : Workload.exec({ ...task, driver: "raw_exec" });
}
