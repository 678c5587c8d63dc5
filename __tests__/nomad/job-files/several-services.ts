import {
  HealthCheck,
  MeshService,
  Port,
  Protocol,
  Sidecar,
  Workload,
  type IMeshService,
  type ServiceMesh,
} from "../../../constructs";

const RESOURCES = { cpuMhz: 50, memoryMib: 64 };

const ACCOUNTS = `const { createServer } = require("http");
const { readFileSync } = require("fs");
createServer(async ({ url }, response) => {
  if (url === "/health") return response.end();
  const answer = await fetch("http://" + process.env.NOMAD_UPSTREAM_ADDR_shop_api);
  response.writeHead(answer.status).end("accounts, " + (await answer.text()));
}).listen(7011, "127.0.0.1");
createServer((_, response) => response.end("admin, " + readFileSync(process.env.PREPARED, "utf8"))).listen(7012, "127.0.0.1");
createServer((_, response) => response.end("figures")).listen(process.env.NOMAD_PORT_figures);
`;

/** The services that others may want to reach. */
export interface Accounts {
  readonly accounts: MeshService;
  readonly admin: MeshService;
}

/** @param api default: one that another app has */
export function addAccounts(mesh: ServiceMesh, api?: IMeshService): Accounts {
  const sidecar = Sidecar.exec({ resources: RESOURCES });
  const group = mesh.addJob("accounts").addGroup("accounts", {
    ports: { figures: Port.dynamic() },
    update: { canary: 1, autoPromote: true, minHealthyTime: "1s" },
    tasks: {
      prepare: Workload.exec({
        driver: "raw_exec",
        command: "sh",
        args: ["-c", "printf prepared > $NOMAD_ALLOC_DIR/data/prepared"],
        lifecycle: { hook: "prestart" },
        resources: RESOURCES,
      }),
      server: Workload.exec({
        driver: "raw_exec",
        command: "node",
        args: ["-e", ACCOUNTS],
        env: { PREPARED: "${NOMAD_ALLOC_DIR}/data/prepared" },
        resources: RESOURCES,
      }),
    },
  });
  const accounts = group.addService("accounts", {
    port: 7011,
    protocol: Protocol.HTTP,
    task: "server",
    sidecar,
    meta: { figures_path: "/figures" },
    healthCheck: HealthCheck.http("/health", {
      name: "healthy",
      interval: "1s",
      timeout: "1s",
      successBeforePassing: 1,
    }),
  });
  accounts.addUpstream(api ?? MeshService.fromServiceName(mesh, "shop-api", "shop-api", { protocol: Protocol.HTTP }), {
    localBindPort: 7110,
  });
  const admin = group.addService("accounts-admin", { port: 7012, protocol: Protocol.HTTP, sidecar });
  group.addCatalogService("accounts-figures", {
    port: "figures",
    tags: ["scrape"],
    healthCheck: HealthCheck.http("/", { name: "figures", interval: "5s" }),
  });
  return { accounts, admin };
}
