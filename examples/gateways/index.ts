import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  ApiGatewayListener,
  IngressListener,
  Protocol,
  Template,
  Workload,
  type ApiGateway,
  type HttpRouteMatch,
  type IngressGateway,
  type ServiceMesh,
} from "meshform";

/** Options of {@link addFront}. */
export interface FrontOptions {
  /** Under Docker, or as programs of nodes that have Node.js. */
  readonly runtime: "docker" | "exec";
}

/** The gateways of {@link addFront}. */
export interface Front {
  readonly gateway: ApiGateway;
  readonly ingress: IngressGateway;
}

/** A node has a port once: the next gateway starts on another node before this one ends. */
const ON_ANOTHER_NODE = { canary: 1, autoPromote: true };

/** Three services that publish nothing, and two gateways that lead to them: one by what is asked, one by host and port. */
export function addFront(mesh: ServiceMesh, { runtime }: FrontOptions): Front {
  const addService = (name: string, port: number, protocol: Protocol) =>
    mesh.addService(name, { port, protocol, workload: teller(runtime, name, port, protocol) });
  const orders = addService("orders", 7001, Protocol.HTTP);
  const stock = addService("stock", 7002, Protocol.HTTP);
  const clock = addService("clock", 7003, Protocol.TCP);

  const gateway = mesh.addApiGateway("gateway", {
    listeners: [ApiGatewayListener.http({ port: 8080 }), ApiGatewayListener.tcp({ port: 9000 })],
    update: ON_ANOTHER_NODE,
  });
  gateway.connectTo(orders, { listener: 8080, match: below("/orders"), prefixRewrite: "/" });
  gateway.connectTo(stock, { listener: 8080, match: { pathPrefix: "/stock", methods: ["GET"] } });
  gateway.connectTo(clock, { listener: 9000 });

  const ingress = mesh.addIngressGateway("ingress", {
    listeners: [IngressListener.http({ port: 8081 }), IngressListener.tcp({ port: 9001 })],
    update: ON_ANOTHER_NODE,
  });
  ingress.connectTo(orders, { listener: 8081, hosts: ["orders.example"] });
  ingress.connectTo(stock, { listener: 8081, hosts: ["stock.example"] });
  ingress.connectTo(clock, { listener: 9001 });
  return { gateway, ingress };
}

/** A path and all below it. With just the prefix, what is left after its replacement would begin with two slashes. */
function below(path: string): readonly HttpRouteMatch[] {
  return [{ pathExact: path }, { pathPrefix: `${path}/` }];
}

/** This folder's program. Its text travels in the job, so that a node needs nothing but Node.js. */
export function teller(
  runtime: FrontOptions["runtime"],
  name: string,
  port: number,
  protocol: Protocol,
  bindAddress = "127.0.0.1",
): Workload {
  const task = {
    command: "node",
    args: ["${NOMAD_TASK_DIR}/teller.mjs"],
    templates: [
      Template.text(readFileSync(join(__dirname, "teller.mjs"), "utf8"), { destination: "local/teller.mjs" }),
    ],
    env: { NAME: name, PORT: String(port), PROTOCOL: protocol, BIND_ADDRESS: bindAddress },
    resources: { cpuMhz: 50, memoryMib: 64 },
  };
  return runtime === "docker"
    ? Workload.docker({ ...task, image: "node:22-alpine" })
    : Workload.exec({ ...task, driver: "raw_exec" });
}
