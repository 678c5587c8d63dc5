import { Namespace } from "@cdktf/provider-nomad/lib/namespace";
import { NomadProvider } from "@cdktf/provider-nomad/lib/provider";
import { type App, TerraformStack } from "cdktf";
import {
  Constraint,
  HealthCheck,
  HttpPermission,
  JobKind,
  Port,
  Protocol,
  Sidecar,
  silence,
  synthesize,
  Workload,
  type ConnectOptions,
  type MeshService,
  type ServiceMesh,
} from "../../../constructs";
import { program } from "../../../examples/count-dashboard";
import { MeshStack } from "../../../stacks/mesh-stack";
import { readSettings } from "../../../stacks/settings";
import { addTour } from "../../nomad/job-files/periodic-client";
import { addCatalogue } from "../../nomad/job-files/port-label";
import { addShop } from "../../nomad/job-files/several-groups";
import { addAccounts } from "../../nomad/job-files/several-services";

/** Answers `/api` with the status that the API answers with, and anything else with 200. */
const passOn = `
require("http").createServer(async ({ url }, response) => {
  response.statusCode = url === "/api" ? (await fetch(process.env.COUNTING_SERVICE_URL)).status : 200;
  response.end();
}).listen(9003);`;

/**
 * The count, as a test wants it: two instances of the API, and by MESHFORM_TEST_VARIANT
 * - `connected`: as in the example;
 * - `disconnected`: without the connection;
 * - `readers`: the dashboard may only ask for another path than it does;
 * - `guarded`: with a stranger, who looks for the API too, but is not let in;
 * - `alone`: without the dashboard;
 * - `job-files`: with four of the jobs whose files are in `__tests__/nomad/job-files`, and an office in a namespace of its own.
 */
synthesize((app) => {
  const variant = process.env.MESHFORM_TEST_VARIANT ?? "connected";
  const stack = new MeshStack(app, "mesh", readSettings(app));
  const { mesh } = stack;
  stack.addDependency(namespaceStack(app));
  const api = mesh.addService("count-api", {
    port: 9001,
    count: 2,
    protocol: Protocol.HTTP,
    workload: program("counter-api.mjs"),
    healthCheck: HealthCheck.http("/health", { interval: "1s", timeout: "1s" }),
    update: { minHealthyTime: "1s", maxParallel: 2 },
  });
  if (variant === "alone") {
    return;
  }
  const dashboard = mesh.addService("count-dashboard", {
    port: 9002,
    publish: 9002,
    protocol: Protocol.HTTP,
    workload: program("counter-dashboard.mjs"),
    healthCheck: HealthCheck.http("/health", { interval: "1s", timeout: "1s" }),
    update: { minHealthyTime: "1s" },
  });
  const options: ConnectOptions = { localBindPort: 8080, env: "COUNTING_SERVICE_URL" };
  if (variant === "guarded") {
    const stranger = mesh.addService("stranger", {
      port: 9003,
      publish: 9003,
      workload: Workload.exec({ command: "node", args: ["-e", passOn], driver: "raw_exec" }),
    });
    stranger.addUpstream(api, options);
    silence(stranger, "upstream-without-intention", "It shows that nobody gets in without an intention.");
  }
  if (variant === "job-files") {
    const { api: shop, page } = addShop(mesh);
    const { accounts, admin } = addAccounts(mesh, shop);
    const stations = [page, accounts, admin, addCatalogue(mesh)];
    const tour = addTour(mesh, stations);
    shop.allowFrom(accounts);
    stations.forEach((station) => station.allowFrom(tour));
    addOffice(mesh, shop);
  }
  if (variant === "readers") {
    dashboard.connectTo(api, { ...options, permissions: [HttpPermission.get("/elsewhere")] });
  } else if (variant !== "disconnected") {
    dashboard.connectTo(api, options);
  }
});

/** What a platform team has: it is there before the jobs, and stays when they go. */
function namespaceStack(app: App): TerraformStack {
  const stack = new TerraformStack(app, "namespaces");
  new NomadProvider(stack, "nomad", { address: "" });
  new Namespace(stack, "office", { name: "office" });
  return stack;
}

/** Jobs of each other kind, in a namespace: one that ends, one that is dispatched, one on some nodes, one that offers nothing. */
function addOffice(mesh: ServiceMesh, shop: MeshService): void {
  const namespace = "office";
  const resources = { cpuMhz: 30, memoryMib: 64 };
  const sidecar = Sidecar.exec({ resources });
  const node = (script: string) =>
    Workload.exec({ driver: "raw_exec", command: "node", args: ["-e", script], resources });
  const ask = (port: number, then: string) =>
    node(`const ask = () => fetch("http://127.0.0.1:${port}").then((it) => it.ok ? it.text() : Promise.reject()).then(${then},
      () => setTimeout(ask, 300)); ask();`);

  const ledger = mesh
    .addJob("ledger", { namespace })
    .addGroup("ledger", {
      tasks: {
        ledger: node(`require("http").createServer((_, it) => it.end("entries")).listen(7201, "127.0.0.1")`),
        clerk: node(`console.log("the clerk is in"); setInterval(() => {}, 1000)`),
      },
    })
    .addService("ledger", { port: 7201, protocol: Protocol.HTTP, task: "ledger", sidecar });

  mesh
    .addJob("closing", { namespace, kind: JobKind.batch() })
    .addGroup("closing", {
      tasks: { closing: ask(7202, `(text) => { console.log("closed with " + text); process.exit(); }`) },
    })
    .addService("closing", { sidecar })
    .connectTo(ledger, { localBindPort: 7202 });

  mesh
    .addJob("mailing", { namespace, kind: JobKind.parameterized({ metaRequired: ["to"] }) })
    .addGroup("mailing", {
      tasks: {
        mailing: ask(7203, `(text) => { console.log("mailed " + process.env.NOMAD_META_to); process.exit(); }`),
      },
    })
    .addService("mailing", { sidecar })
    .connectTo(ledger, { localBindPort: 7203 });

  const watcher = mesh
    .addJob("watcher", { namespace })
    .addGroup("watcher", { tasks: { watcher: ask(7204, `() => setTimeout(ask, 1000)`) } })
    .addService("watcher", { sidecar });
  watcher.connectTo(ledger, { localBindPort: 7204 });
  watcher.connectTo(shop, { localBindPort: 7205 });

  mesh.addJob("names", { namespace }).addGroup("names", {
    ports: { dns: Port.static(9053, { to: 53 }) },
    tasks: { names: node(`require("dgram").createSocket("udp4").bind(53)`) },
  });

  mesh
    .addJob("lamp", {
      namespace,
      kind: JobKind.system(),
      constraints: [Constraint.equals("${attr.unique.hostname}", "client-1")],
    })
    .addGroup("lamp", {
      ports: { lamp: Port.dynamic() },
      tasks: { lamp: node(`require("net").createServer().listen(process.env.NOMAD_PORT_lamp)`) },
    })
    .addCatalogService("lamp", { port: "lamp", healthCheck: HealthCheck.tcp({ name: "shines", interval: "1s" }) });
}
