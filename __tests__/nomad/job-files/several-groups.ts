import {
  Constraint,
  HealthCheck,
  Port,
  Protocol,
  Sidecar,
  Workload,
  type MeshService,
  type ServiceMesh,
} from "../../../constructs";

const RESOURCES = { cpuMhz: 50, memoryMib: 64 };

const STORE = `require("net").createServer((socket) => socket.end("stored")).listen(7001, "127.0.0.1");
`;

const API = `const { connect } = require("net");
require("http").createServer(({ url }, response) => {
  if (url === "/health") return response.end();
  connect(7100, "127.0.0.1").on("error", ({ code }) => response.writeHead(502).end(code)).pipe(response);
}).listen(7002, "127.0.0.1");
`;

const PAGE = `require("http").createServer(async (_, response) => {
  const answer = await fetch(process.env.API);
  response.writeHead(answer.status).end("page of " + (await answer.text()));
}).listen(7003);
`;

function node(program: string, env?: Record<string, string>): Workload {
  return Workload.exec({ driver: "raw_exec", command: "node", args: ["-e", program], env, resources: RESOURCES });
}

/** The services that others may want to reach. */
export interface Shop {
  readonly store: MeshService;
  readonly api: MeshService;
  readonly page: MeshService;
}

export function addShop(mesh: ServiceMesh): Shop {
  const sidecar = Sidecar.exec({ resources: RESOURCES });
  const job = mesh.addJob("shop", {
    constraints: [Constraint.equals("${attr.kernel.name}", "linux")],
    update: { maxParallel: 1, minHealthyTime: "1s", healthyDeadline: "2m", autoRevert: true },
  });

  const store = job
    .addGroup("store", {
      ephemeralDisk: { sizeMib: 200, sticky: true, migrate: true },
      tasks: { store: node(STORE) },
    })
    .addService("shop-store", {
      port: 7001,
      sidecar,
      healthCheck: HealthCheck.script("/bin/true", { name: "alive", task: "store", interval: "2s" }),
    });

  const api = job.addGroup("api", { count: 2, tasks: { api: node(API) } }).addService("shop-api", {
    port: 7002,
    protocol: Protocol.HTTP,
    sidecar,
    healthCheck: HealthCheck.http("/health", { name: "healthy", interval: "1s", timeout: "1s" }),
  });
  api.connectTo(store, { localBindPort: 7100 });

  const outside = job.addGroup("page", {
    ports: { outside: Port.static(7300, { to: 7003 }) },
    tasks: { page: node(PAGE) },
  });
  const page = outside.addService("shop-page", { port: 7003, protocol: Protocol.HTTP, sidecar });
  page.connectTo(api, { localBindPort: 7101, env: "API" });
  outside.addCatalogService("shop-page-outside", {
    port: "outside",
    tags: ["balancer.enable=true", "balancer.path=/shop"],
    healthCheck: HealthCheck.tcp({ name: "listens" }),
  });
  return { store, api, page };
}
