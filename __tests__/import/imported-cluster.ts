// Made by `meshform import --from-cluster`. It renders the config entries of the cluster, and these jobs:
// - the job accounts
// - the job catalogue
// - the job shop
// - the job tour
//
// What to know of it:
// - Consul has no intention for accounts-admin and tour. Its default applies: without ACLs, or if the default policy
//   is allow, every service can reach them. Use connectTo instead of addUpstream to allow only some.
// - Consul has no service-defaults for accounts, accounts-admin, catalogue and shop-page. The app adds them, with the
//   protocol that the services have now.
// - The intentions of accounts have their sources in another order than Meshform writes them. The first deployment
//   changes only the order, which has no meaning.
// - Other objects, such as ACL policies, auth methods, namespaces and volumes, are not imported.

import {
  Constraint,
  type consul,
  ConsulConfigEntry,
  HealthCheck,
  HttpPermission,
  JobKind,
  MeshService,
  Port,
  Protocol,
  Sidecar,
  silence,
  synthesize,
  Workload,
} from "meshform";
import { MeshStack, readSettings } from "meshform/stacks";

synthesize((app) => {
  const stack = new MeshStack(app, "mesh", {
    ...readSettings(app),
    mesh: { proxyDefaults: false, meshConfig: false },
  });
  const { mesh } = stack;

  // the job accounts
  const accounts = mesh.addJob("accounts");
  const accountsGroup = accounts.addGroup("accounts", {
    ports: { figures: Port.dynamic() },
    update: { minHealthyTime: "1s", autoPromote: true, canary: 1 },
    shutdownDelay: "3s",
    tasks: {
      prepare: Workload.exec({
        driver: "raw_exec",
        command: "sh",
        args: ["-c", "printf prepared > $NOMAD_ALLOC_DIR/data/prepared"],
        resources: { cpuMhz: 50, memoryMib: 64 },
        lifecycle: { hook: "prestart" },
      }),
      server: Workload.exec({
        driver: "raw_exec",
        command: "node",
        args: [
          "-e",
          `const { createServer } = require("http");
const { readFileSync } = require("fs");
createServer(async ({ url }, response) => {
  if (url === "/health") return response.end();
  const answer = await fetch("http://" + process.env.NOMAD_UPSTREAM_ADDR_shop_api);
  response.writeHead(answer.status).end("accounts, " + (await answer.text()));
}).listen(7011, "127.0.0.1");
createServer((_, response) => response.end("admin, " + readFileSync(process.env.PREPARED, "utf8"))).listen(7012, "127.0.0.1");
createServer((_, response) => response.end("figures")).listen(process.env.NOMAD_PORT_figures);
`,
        ],
        env: { PREPARED: "${NOMAD_ALLOC_DIR}/data/prepared" },
        resources: { cpuMhz: 50, memoryMib: 64 },
      }),
    },
  });
  const accountsService = accountsGroup.addService("accounts", {
    port: 7011,
    protocol: Protocol.HTTP,
    task: "server",
    meta: { figures_path: "/figures" },
    healthCheck: HealthCheck.http("/health", { name: "healthy", interval: "1s", timeout: "1s", successBeforePassing: 1 }),
    sidecar: Sidecar.exec({ resources: { cpuMhz: 50, memoryMib: 64 } }),
  });
  const accountsAdmin = accountsGroup.addService("accounts-admin", {
    port: 7012,
    protocol: Protocol.HTTP,
    sidecar: Sidecar.exec({ resources: { cpuMhz: 50, memoryMib: 64 } }),
  });
  accountsGroup.addCatalogService("accounts-figures", {
    port: "figures",
    tags: ["scrape"],
    healthCheck: HealthCheck.http("/", { name: "figures", interval: "5s", timeout: "2s" }),
  });

  // the job catalogue
  const catalogue = mesh.addJob("catalogue");
  const main = catalogue.addGroup("main", {
    ports: { http: Port.dynamic({ to: 7021 }) },
    update: { minHealthyTime: "1s", autoPromote: true, canary: 1 },
    shutdownDelay: "3s",
    tasks: {
      server: Workload.exec({
        driver: "raw_exec",
        command: "node",
        args: [
          "-e",
          "require('http').createServer((_, response) => response.end('catalogue')).listen(process.env.PORT)",
        ],
        env: { PORT: "${NOMAD_PORT_http}" },
        resources: { cpuMhz: 50, memoryMib: 64 },
      }),
    },
  });
  const catalogueService = main.addService("catalogue", {
    port: "http",
    protocol: Protocol.HTTP,
    tags: ["edge.enable=true"],
    healthCheck: HealthCheck.http("/", { name: "answers", interval: "1s", timeout: "1s", port: "http" }),
    sidecar: Sidecar.exec({ resources: { cpuMhz: 50, memoryMib: 64 } }),
  });

  // the job shop
  const shop = mesh.addJob("shop", { constraints: [Constraint.of("${attr.kernel.name}", "=", "linux")] });
  const store = shop.addGroup("store", {
    update: {
      maxParallel: 1,
      healthCheck: "checks",
      minHealthyTime: "1s",
      healthyDeadline: "2m",
      progressDeadline: "10m",
      autoRevert: true,
      autoPromote: false,
      canary: 0,
      stagger: "30s",
    },
    ephemeralDisk: { sizeMib: 200, sticky: true, migrate: true },
    shutdownDelay: "3s",
    tasks: {
      store: Workload.exec({
        driver: "raw_exec",
        command: "node",
        args: [
          "-e",
          "require(\"net\").createServer((socket) => socket.end(\"stored\")).listen(7001, \"127.0.0.1\");\n",
        ],
        resources: { cpuMhz: 50, memoryMib: 64 },
        restart: { attempts: 10, interval: "30m", delay: "1s", mode: "fail" },
      }),
    },
  });
  const shopStore = store.addService("shop-store", {
    port: 7001,
    healthCheck: HealthCheck.script("/bin/true", { name: "alive", interval: "2s", timeout: "2s", task: "store" }),
    sidecar: Sidecar.exec({ resources: { cpuMhz: 50, memoryMib: 64 }, killTimeout: "5s" }),
    serviceDefaults: { MeshGateway: {}, Expose: {}, Meta: { owner: "team-a" } },
  });
  const api = shop.addGroup("api", {
    count: 2,
    update: {
      maxParallel: 1,
      healthCheck: "checks",
      minHealthyTime: "1s",
      healthyDeadline: "2m",
      progressDeadline: "10m",
      autoRevert: true,
      autoPromote: false,
      canary: 0,
      stagger: "30s",
    },
    shutdownDelay: "3s",
    tasks: {
      api: Workload.exec({
        driver: "raw_exec",
        command: "node",
        args: [
          "-e",
          `const { connect } = require("net");
require("http").createServer(({ url }, response) => {
  if (url === "/health") return response.end();
  connect(7100, "127.0.0.1").on("error", ({ code }) => response.writeHead(502).end(code)).pipe(response);
}).listen(7002, "127.0.0.1");
`,
        ],
        resources: { cpuMhz: 50, memoryMib: 64 },
        restart: { attempts: 10, interval: "30m", delay: "1s", mode: "fail" },
      }),
    },
  });
  const shopApi = api.addService("shop-api", {
    port: 7002,
    protocol: Protocol.HTTP,
    healthCheck: HealthCheck.http("/health", { name: "healthy", interval: "1s", timeout: "1s" }),
    sidecar: Sidecar.exec({ resources: { cpuMhz: 50, memoryMib: 64 }, killTimeout: "5s" }),
    serviceDefaults: { MeshGateway: {}, Expose: {}, MaxInboundConnections: 100 },
  });
  // As in Consul. Without this line, Meshform sets the protocol, and keeps Envoy from ejecting all instances.
  shopApi.defaults.resource.addOverride("config_json", JSON.stringify({
    Protocol: "http",
    TransparentProxy: {},
    MeshGateway: {},
    Expose: {},
    MaxInboundConnections: 100,
  }));
  const page = shop.addGroup("page", {
    ports: { outside: Port.static(7300, { to: 7003 }) },
    update: {
      maxParallel: 1,
      healthCheck: "checks",
      minHealthyTime: "1s",
      healthyDeadline: "2m",
      progressDeadline: "10m",
      autoRevert: true,
      autoPromote: false,
      canary: 0,
      stagger: "30s",
    },
    shutdownDelay: "3s",
    tasks: {
      page: Workload.exec({
        driver: "raw_exec",
        command: "node",
        args: [
          "-e",
          `require("http").createServer(async (_, response) => {
  const answer = await fetch(process.env.API);
  response.writeHead(answer.status).end("page of " + (await answer.text()));
}).listen(7003);
`,
        ],
        env: { API: "http://${NOMAD_UPSTREAM_ADDR_shop_api}" },
        resources: { cpuMhz: 50, memoryMib: 64 },
        restart: { attempts: 10, interval: "30m", delay: "1s", mode: "fail" },
      }),
    },
  });
  const shopPage = page.addService("shop-page", {
    port: 7003,
    protocol: Protocol.HTTP,
    sidecar: Sidecar.exec({ resources: { cpuMhz: 50, memoryMib: 64 }, killTimeout: "5s" }),
  });
  page.addCatalogService("shop-page-outside", {
    port: "outside",
    tags: ["balancer.enable=true", "balancer.path=/shop"],
    healthCheck: HealthCheck.tcp({ name: "listens", interval: "2s", timeout: "2s" }),
  });

  // the job tour
  const tour = mesh.addJob("tour", {
    kind: JobKind.periodic({ crons: ["0 3 1 1 *"], timeZone: "Europe/Berlin", prohibitOverlap: true }),
  });
  const tourGroup = tour.addGroup("tour", {
    restart: { attempts: 0 },
    reschedule: { attempts: 0, unlimited: false },
    shutdownDelay: "3s",
    tasks: {
      tour: Workload.exec({
        driver: "raw_exec",
        command: "node",
        args: [
          "-e",
          `const { env, exit } = process;
const wanted = {
  [env.NOMAD_UPSTREAM_ADDR_shop_page]: "page of stored",
  [env.NOMAD_UPSTREAM_ADDR_accounts]: "accounts, stored",
  [env.NOMAD_UPSTREAM_ADDR_accounts_admin]: "admin, prepared",
  [env.NOMAD_UPSTREAM_ADDR_catalogue]: "catalogue",
};
const ask = async (address) => {
  for (let left = 60; ; left--) {
    const text = await fetch("http://" + address).then((answer) => answer.text(), ({ message }) => message);
    if (text === wanted[address]) return;
    if (left === 0) throw new Error(address + " answers " + text);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
};
Promise.all(Object.keys(wanted).map(ask)).then(() => exit(0), (error) => { console.error(error); exit(1); });
`,
        ],
        resources: { cpuMhz: 50, memoryMib: 64 },
      }),
    },
  });
  const tourService = tourGroup.addService("tour", {
    protocol: Protocol.HTTP,
    sidecar: Sidecar.exec({ resources: { cpuMhz: 50, memoryMib: 64 } }),
    serviceDefaults: {
      MeshGateway: {},
      Expose: {},
      UpstreamConfig: { Defaults: { Peer: "", PassiveHealthCheck: { MaxEjectionPercent: 50 }, MeshGateway: {} } },
    },
  });

  accountsService.addUpstream(shopApi, { localBindPort: 7110 });
  shopApi.connectTo(shopStore, { localBindPort: 7100 });
  shopPage.addUpstream(shopApi, { localBindPort: 7101 });
  tourService.addUpstream(shopPage, { localBindPort: 7130 });
  tourService.connectTo(accountsService, {
    localBindPort: 7131,
    permissions: [HttpPermission.allow({ pathPrefix: "/v1/", methods: ["GET"] })],
  });
  tourService.addUpstream(accountsAdmin, { localBindPort: 7132 });
  tourService.addUpstream(catalogueService, { localBindPort: 7133 });
  const cart = MeshService.fromServiceName(mesh, "cart", "cart");
  accountsService.allowFrom(cart);
  shopPage.allowFrom("*");
  silence(
    accountsService,
    "upstream-without-intention",
    "No intention in Consul names accounts as a source of shop-api.",
  );
  silence(shopPage, "upstream-without-intention", "The config entry service-intentions/shop-api below decides.");
  silence(
    tourService,
    "upstream-without-intention",
    "No intention in Consul names tour as a source of accounts-admin. The config entry service-intentions/catalogue below decides.",
  );
  silence(shopPage, "wildcard-allow", "An intention of Consul allows every service to reach shop-page.");

  // service-resolver/shop-api
  new ConsulConfigEntry<consul.ServiceResolverConfigEntry>(mesh, "service-resolver-shop-api", {
    kind: "service-resolver",
    name: "shop-api",
    entry: () => ({
      ConnectTimeout: "15s",
      DefaultSubset: "stable",
      Subsets: { next: { OnlyPassing: true }, stable: { Filter: 'Service.Meta.version == "1"' } },
      Failover: { "*": { Service: "shop-page" } },
    }),
    dependsOn: [
      { entry: { kind: "service-defaults", name: "shop-api" } },
      { entry: { kind: "service-defaults", name: "shop-page" } },
    ],
  });

  // service-splitter/shop-api
  new ConsulConfigEntry<consul.ServiceSplitterConfigEntry>(mesh, "service-splitter-shop-api", {
    kind: "service-splitter",
    name: "shop-api",
    entry: () => ({ Splits: [{ Weight: 90, ServiceSubset: "stable" }, { Weight: 10, ServiceSubset: "next" }] }),
    dependsOn: [
      { entry: { kind: "service-defaults", name: "shop-api" } },
      { entry: { kind: "service-resolver", name: "shop-api" } },
    ],
  });

  // service-router/shop-api
  new ConsulConfigEntry<consul.ServiceRouterConfigEntry>(mesh, "service-router-shop-api", {
    kind: "service-router",
    name: "shop-api",
    entry: () => ({
      Routes: [
        { Match: { HTTP: { PathPrefix: "/admin" } }, Destination: { RequestTimeout: "5s", Service: "accounts" } },
      ],
    }),
    dependsOn: [
      { entry: { kind: "service-defaults", name: "shop-api" } },
      { entry: { kind: "service-resolver", name: "shop-api" } },
      { entry: { kind: "service-splitter", name: "shop-api" } },
      { entry: { kind: "service-defaults", name: "accounts" } },
    ],
  });

  // service-intentions/catalogue
  new ConsulConfigEntry<consul.ServiceIntentionsConfigEntry>(mesh, "service-intentions-catalogue", {
    kind: "service-intentions",
    name: "catalogue",
    entry: () => ({
      Sources: [
        { Name: "billing", Action: "deny", Precedence: 9, Type: "consul" },
        { Name: "tour", Action: "allow", Precedence: 9, Type: "consul" },
      ],
    }),
  });

  // service-intentions/shop-api
  new ConsulConfigEntry<consul.ServiceIntentionsConfigEntry>(mesh, "service-intentions-shop-api", {
    kind: "service-intentions",
    name: "shop-api",
    entry: () => ({
      Sources: [
        {
          Name: "shop-page",
          Permissions: [
            { Action: "deny", HTTP: { PathExact: "/private", Header: [{ Name: "x-debug", Present: true }] } },
            { Action: "allow", HTTP: { PathPrefix: "/", Methods: ["GET", "HEAD"] } },
          ],
          Precedence: 9,
          Type: "consul",
          Description: "The page only reads.",
        },
        { Name: "edge", Action: "allow", Precedence: 9, Type: "consul" },
        { Name: "partner", Action: "allow", Precedence: 9, Type: "consul", Peer: "dc9" },
      ],
    }),
  });

  // With these blocks, Terraform takes over what runs. Remove them after the first deployment.
  stack.addOverride("import", [
    { to: "nomad_job.accounts", id: "accounts@default" },
    { to: "nomad_job.catalogue", id: "catalogue@default" },
    { to: "nomad_job.shop", id: "shop@default" },
    { to: "nomad_job.tour", id: "tour@default" },
    { to: "consul_config_entry.service-defaults_shop-api", id: "service-defaults/shop-api" },
    { to: "consul_config_entry.service-defaults_shop-store", id: "service-defaults/shop-store" },
    { to: "consul_config_entry.service-defaults_tour", id: "service-defaults/tour" },
    { to: "consul_config_entry.service-resolver_shop-api", id: "service-resolver/shop-api" },
    { to: "consul_config_entry.service-splitter_shop-api", id: "service-splitter/shop-api" },
    { to: "consul_config_entry.service-router_shop-api", id: "service-router/shop-api" },
    { to: "consul_config_entry.service-intentions_accounts", id: "service-intentions/accounts" },
    { to: "consul_config_entry.service-intentions_catalogue", id: "service-intentions/catalogue" },
    { to: "consul_config_entry.service-intentions_shop-api", id: "service-intentions/shop-api" },
    { to: "consul_config_entry.service-intentions_shop-page", id: "service-intentions/shop-page" },
    { to: "consul_config_entry.service-intentions_shop-store", id: "service-intentions/shop-store" },
  ]);
});
