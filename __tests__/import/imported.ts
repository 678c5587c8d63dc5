// Made by `meshform import`. It renders the jobs of these files:
// - __tests__/nomad/job-files/canaries.nomad.hcl
// - __tests__/nomad/job-files/csi-volume.nomad.hcl
// - __tests__/nomad/job-files/exposed-paths.nomad.hcl
// - __tests__/nomad/job-files/mesh-gateway.nomad.hcl
// - __tests__/nomad/job-files/native-system.nomad.hcl
// - __tests__/nomad/job-files/parameterized.nomad.hcl
// - __tests__/nomad/job-files/periodic-client.nomad.hcl
// - __tests__/nomad/job-files/port-label.nomad.hcl
// - __tests__/nomad/job-files/several-groups.nomad.hcl
// - __tests__/nomad/job-files/several-services.nomad.hcl
// - __tests__/nomad/job-files/terminating-gateway.nomad.hcl
// - __tests__/nomad/job-files/transparent-proxy.nomad.hcl
// - __tests__/import/job-files/batch-without-network.nomad.hcl
// - __tests__/import/job-files/dashboard.nomad.hcl
// - __tests__/import/job-files/host-network.nomad.hcl
// - __tests__/import/job-files/ingress.nomad.hcl
// - __tests__/import/job-files/plain-service.nomad.hcl
// - __tests__/import/job-files/task-services.nomad.hcl
// - __tests__/import/job-files/two-sidecars.nomad.hcl
//
// What the job files do not tell:
// - Which services can reach others. The app allows only the upstreams in the files: tour to catalogue; shop-api to
//   shop-store; shop-page and accounts to shop-api; tour to shop-page; tour to accounts; tour to accounts-admin;
//   dashboard and orders to plain-api; none to cart, series, reports, edge, invoice, billing, dashboard, orders and
//   orders-admin. Add connectTo or allowFrom for others, and permissions where not all requests are allowed.
// - The protocol of cart, series, reports, edge, invoice, catalogue, shop-store, shop-api, shop-page, accounts,
//   accounts-admin, billing, plain-api, orders and orders-admin: the app uses tcp. Set `protocol` for http, http2 or
//   grpc.
// - Who owns registry, to which reports connects: it is in none of these files, or in another datacenter. The app
//   adds an upstream but no intention, so its owner must allow it.
// - Who owns ledger, to which invoice and orders connects: it is in none of these files, or in another datacenter.
//   The app adds an upstream but no intention, so its owner must allow it.
// - Which services edge connects to: it is Connect native. Add connectTo for each of them, without localBindPort.
// - Which services billing connects to: it has a transparent proxy. Add connectTo for each of them, without
//   localBindPort.
// - Which services the gateways reach, and which services reach them: crossing, exit and entrance. The graph of the
//   app contains a gateway only if you replace its job with addMeshGateway, addTerminatingGateway, addIngressGateway
//   or addApiGateway.
// - What is in Consul: the app writes service-defaults and service-intentions of each service, and proxy-defaults and
//   mesh of the cluster. Compare them with `consul config list` before you deploy it.
// - The meaning of fields that only `override` can express, in crossing, exit, billing, cleanup, dashboard, agents,
//   entrance, records and orders: the checks of the app know less of them.

import {
  Affinity,
  Constraint,
  HealthCheck,
  JobKind,
  MeshGatewayMode,
  MeshService,
  Port,
  Protocol,
  Sidecar,
  Spread,
  synthesize,
  Template,
  Volume,
  Workload,
} from "meshform";
import { MeshStack, readSettings } from "meshform/stacks";

synthesize((app) => {
  const { mesh } = new MeshStack(app, "mesh", readSettings(app));

  // __tests__/nomad/job-files/canaries.nomad.hcl
  const cart = mesh.addJob("cart", { namespace: "shop", allAtOnce: true });
  const cartGroup = cart.addGroup("cart", {
    count: 4,
    ports: { grpc: Port.dynamic({ to: 7070 }) },
    update: {
      maxParallel: 2,
      minHealthyTime: "30s",
      healthyDeadline: "3m",
      progressDeadline: "15m",
      autoRevert: true,
      canary: 1,
      stagger: "1m",
    },
    reschedule: { delay: "10s", delayFunction: "fibonacci", maxDelay: "10m", unlimited: true },
    scaling: { min: 2, max: 8, policy: { cooldown: "2m" } },
    shutdownDelay: "3s",
    constraints: [Constraint.distinctHosts()],
    affinities: [Affinity.of("${meta.disk}", "=", "ssd", 30)],
    spreads: [Spread.over("${node.datacenter}", { dc1: 75, dc2: 25 }, 80)],
    tasks: {
      cart: Workload.docker({
        image: "example/cart:2",
        config: { ports: ["grpc"] },
        templates: [
          Template.text(`{{ with secret "kv/data/cart" }}
REDIS_PASSWORD={{ .Data.data.password }}
{{ end }}
`, {
            destination: "secrets/redis.env",
            env: true,
          }),
        ],
        vault: { role: "cart", env: false, disableFile: true, changeMode: "signal", changeSignal: "SIGUSR1" },
        identities: { cloud: { audience: ["sts.example.com"], file: true, changeMode: "restart", ttl: "1h" } },
      }),
    },
  });
  cartGroup.addService("cart", {
    port: 7070,
    tags: ["v2", "grpc"],
    canaryTags: ["canary"],
    meta: { version: "2" },
    canaryMeta: { version: "next" },
    taggedAddresses: { wan: "203.0.113.9:7070" },
    enableTagOverride: true,
    weights: { passing: 4, warning: 1 },
    healthCheck: HealthCheck.grpc({
      name: "serving",
      interval: "10s",
      timeout: "2s",
      successBeforePassing: 2,
      failuresBeforeCritical: 3,
      failuresBeforeWarning: 1,
      port: "grpc",
      service: "cart.v1.Cart",
    }),
    sidecar: Sidecar.docker({ shutdownDelay: "5s", tags: ["proxy"] }),
  });

  // __tests__/nomad/job-files/csi-volume.nomad.hcl
  const series = mesh.addJob("series", { nodePool: "storage", priority: 70 });
  const seriesGroup = series.addGroup("series", {
    count: 2,
    ports: { envoy: Port.dynamic({ to: 9102 }) },
    restart: { attempts: 3, interval: "5m", delay: "25s", mode: "delay", renderTemplates: true },
    migrate: { maxParallel: 1, healthCheck: "task_states", minHealthyTime: "30s", healthyDeadline: "10m" },
    disconnect: { lostAfter: "6h", replace: false, reconcile: "keep_original" },
    shutdownDelay: "30s",
    volumes: {
      certificates: Volume.host("certificates", { readOnly: true }),
      data: Volume.csi("series", { perAlloc: true, mountOptions: { fsType: "ext4", mountFlags: ["noatime"] } }),
    },
    tasks: {
      series: Workload.docker({
        image: "example/series:2",
        args: ["--data=/data"],
        resources: { cpuMhz: 500, memoryMib: 512, memoryMaxMib: 1024 },
        volumeMounts: [
          { volume: "data", destination: "/data" },
          { volume: "certificates", destination: "/etc/certificates", readOnly: true, propagationMode: "host-to-task" },
        ],
        user: "65534",
        killTimeout: "2m",
        killSignal: "SIGTERM",
      }),
    },
  });
  seriesGroup.addService("series", {
    port: 9090,
    tags: ["http.enable=true"],
    meta: { envoy_port: "${NOMAD_HOST_PORT_envoy}" },
    healthCheck: HealthCheck.http("/-/healthy", { name: "healthy", interval: "10s", timeout: "2s" }),
    sidecar: Sidecar.docker({
      resources: { cpuMhz: 128, memoryMib: 96 },
      config: { envoy_prometheus_bind_addr: "0.0.0.0:9102" },
    }),
  });

  // __tests__/nomad/job-files/exposed-paths.nomad.hcl
  const reports = mesh.addJob("reports", { nomadDatacenters: ["dc1"] });
  const reportsGroup = reports.addGroup("reports", {
    ports: { alive: Port.dynamic({ to: -1 }), figures: Port.dynamic({ to: -1 }) },
    update: { autoPromote: true, canary: 1 },
    ephemeralDisk: { sizeMib: 500 },
    shutdownDelay: "3s",
    tasks: {
      reports: Workload.docker({
        image: "example/reports:4",
        templates: [
          Template.text("registry {{ env \"NOMAD_UPSTREAM_ADDR_registry\" }}\n", {
            destination: "local/reports.conf",
            changeScript: { command: "/bin/reload", args: ["--quietly"], timeout: "20s", failOnError: true },
            perms: "640",
            errMissingKey: true,
            wait: { min: "2s", max: "10s" },
          }),
        ],
        logs: { maxFiles: 3, maxFileSizeMib: 20 },
      }),
    },
  });
  const reportsService = reportsGroup.addService("reports", {
    port: 8080,
    healthCheck: [
      HealthCheck.http("/alive", {
        name: "alive",
        interval: "10s",
        timeout: "3s",
        checkRestart: { limit: 3, grace: "2m" },
        port: "alive",
      }),
      HealthCheck.http("/figures", {
        name: "figures",
        interval: "20s",
        timeout: "3s",
        onUpdate: "ignore",
        port: "figures",
      }),
    ],
    expose: [{ path: "/alive", portLabel: "alive" }, { path: "/figures", portLabel: "figures", localPort: 8081 }],
    sidecar: Sidecar.docker({ image: "envoyproxy/envoy:v1.34.1", resources: { cpuMhz: 60, memoryMib: 64 } }),
  });

  // __tests__/nomad/job-files/mesh-gateway.nomad.hcl
  const crossing = mesh.addJob("crossing", { kind: JobKind.system() });
  const crossingGroup = crossing.addGroup("crossing", {
    ports: { wan: Port.static(8443, { to: 8443, hostNetwork: "public" }) },
    tasks: {},
  });
  crossingGroup.addCatalogService("crossing", {
    port: "wan",
    taggedAddresses: { wan: "${attr.unique.platform.aws.public-ipv4}:8443" },
    healthCheck: HealthCheck.tcp({ name: "crossing listens", interval: "2s", timeout: "2s", port: "wan" }),
    // The typed options cannot express these fields.
    override: {
      Connect: {
        Gateway: {
          Proxy: {
            ConnectTimeout: 10000000000,
            EnvoyGatewayBindTaggedAddresses: false,
            EnvoyGatewayNoDefaultBind: false,
          },
          Mesh: {},
        },
        SidecarTask: {
          Config: {
            args: [
              "-c",
              "${NOMAD_SECRETS_DIR}/envoy_bootstrap.json",
              "-l",
              "${meta.connect.log_level}",
              "--concurrency",
              "${meta.connect.proxy_concurrency}",
              "--disable-hot-restart",
              "--config-yaml",
              '{"layered_runtime":{"layers":[{"name":"gateway","static_layer":{"outlier_detection.max_ejection_percent":50}}]}}',
            ],
          },
          Resources: { CPU: 250, MemoryMB: 128 },
          LogConfig: { MaxFiles: 2, MaxFileSizeMB: 2 },
          ShutdownDelay: 5000000000,
        },
      },
    },
  });

  // __tests__/nomad/job-files/native-system.nomad.hcl
  const edge = mesh.addJob("edge", {
    kind: JobKind.system(),
    nomadDatacenters: ["dc1", "dc2"],
    priority: 90,
    jobMeta: { owner: "platform" },
    description: "What comes in from **outside**.",
    links: { Dashboard: "https://edge.example.com" },
  });
  const edgeGroup = edge.addGroup("edge", {
    networkMode: "host",
    ports: { http: Port.static(80), https: Port.static(443, { hostNetwork: "public" }) },
    shutdownDelay: "3s",
    constraints: [
      Constraint.of("${node.class}", "=", "edge"),
      Constraint.of("${attr.nomad.version}", "version", ">= 1.8"),
    ],
    tasks: {
      edge: Workload.docker({
        image: "example/edge:3",
        args: ["--http=:${NOMAD_PORT_http}", "--https=${NOMAD_ADDR_https}"],
        config: { network_mode: "host" },
        identities: { default: { env: true, file: true } },
        consulCluster: "default",
        actions: { routes: { command: "/bin/edge", args: ["routes"] } },
      }),
    },
  });
  edgeGroup.addService("edge", {
    port: 8443,
    task: "edge",
    connectNative: true,
    meta: { instance: "${NOMAD_ALLOC_ID}" },
    healthCheck: HealthCheck.tcp({ name: "listens", interval: "5s", timeout: "2s", port: "https" }),
  });

  // __tests__/nomad/job-files/parameterized.nomad.hcl
  const invoice = mesh.addJob("invoice", {
    kind: JobKind.parameterized({ payload: "required", metaRequired: ["order"], metaOptional: ["reason"] }),
    priority: 30,
  });
  const invoiceGroup = invoice.addGroup("invoice", {
    restart: { attempts: 2, interval: "1h", delay: "10s", mode: "fail" },
    shutdownDelay: "3s",
    tasks: {
      invoice: Workload.exec({
        command: "local/invoice",
        args: ["--order=${NOMAD_META_order}"],
        env: { PASSWORD: "${secret.database.password}" },
        artifacts: [
          {
            source: "git::https://git.example.com/invoice.git",
            destination: "local/invoice",
            mode: "dir",
            options: { depth: "1", ref: "v1.4.0" },
          },
        ],
        secrets: { database: { provider: "nomad", path: "secrets/invoice", config: { namespace: "default" } } },
        dispatchPayload: "order.json",
      }),
      report: Workload.docker({ image: "example/report:1", lifecycle: { hook: "poststop" } }),
    },
  });
  const invoiceService = invoiceGroup.addService("invoice", {
    port: 8000,
    sidecar: Sidecar.docker({ shutdownDelay: "5s" }),
  });

  // __tests__/nomad/job-files/periodic-client.nomad.hcl
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
    sidecar: Sidecar.exec({ resources: { cpuMhz: 50, memoryMib: 64 } }),
  });

  // __tests__/nomad/job-files/port-label.nomad.hcl
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
    tags: ["edge.enable=true"],
    healthCheck: HealthCheck.http("/", { name: "answers", interval: "1s", timeout: "1s", port: "http" }),
    sidecar: Sidecar.exec({ resources: { cpuMhz: 50, memoryMib: 64 } }),
  });

  // __tests__/nomad/job-files/several-groups.nomad.hcl
  const shop = mesh.addJob("shop", {
    update: { maxParallel: 1, minHealthyTime: "1s", healthyDeadline: "2m", autoRevert: true },
    constraints: [Constraint.of("${attr.kernel.name}", "=", "linux")],
  });
  const store = shop.addGroup("store", {
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
      }),
    },
  });
  const shopStore = store.addService("shop-store", {
    port: 7001,
    healthCheck: HealthCheck.script("/bin/true", { name: "alive", interval: "2s", timeout: "2s", task: "store" }),
    sidecar: Sidecar.exec({ resources: { cpuMhz: 50, memoryMib: 64 } }),
  });
  const api = shop.addGroup("api", {
    count: 2,
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
      }),
    },
  });
  const shopApi = api.addService("shop-api", {
    port: 7002,
    healthCheck: HealthCheck.http("/health", { name: "healthy", interval: "1s", timeout: "1s" }),
    sidecar: Sidecar.exec({ resources: { cpuMhz: 50, memoryMib: 64 } }),
  });
  const page = shop.addGroup("page", {
    ports: { outside: Port.static(7300, { to: 7003 }) },
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
      }),
    },
  });
  const shopPage = page.addService("shop-page", {
    port: 7003,
    sidecar: Sidecar.exec({ resources: { cpuMhz: 50, memoryMib: 64 } }),
  });
  page.addCatalogService("shop-page-outside", {
    port: "outside",
    tags: ["balancer.enable=true", "balancer.path=/shop"],
    healthCheck: HealthCheck.tcp({ name: "listens", interval: "2s", timeout: "2s" }),
  });

  // __tests__/nomad/job-files/several-services.nomad.hcl
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
    task: "server",
    meta: { figures_path: "/figures" },
    healthCheck: HealthCheck.http("/health", { name: "healthy", interval: "1s", timeout: "1s", successBeforePassing: 1 }),
    sidecar: Sidecar.exec({ resources: { cpuMhz: 50, memoryMib: 64 } }),
  });
  const accountsAdmin = accountsGroup.addService("accounts-admin", {
    port: 7012,
    sidecar: Sidecar.exec({ resources: { cpuMhz: 50, memoryMib: 64 } }),
  });
  accountsGroup.addCatalogService("accounts-figures", {
    port: "figures",
    tags: ["scrape"],
    healthCheck: HealthCheck.http("/", { name: "figures", interval: "5s", timeout: "2s" }),
  });

  // __tests__/nomad/job-files/terminating-gateway.nomad.hcl
  const exit = mesh.addJob("exit");
  const exitGroup = exit.addGroup("exit", { count: 2, tasks: {} });
  exitGroup.addCatalogService("exit", {
    healthCheck: HealthCheck.tcp({ name: "exit listens", interval: "2s", timeout: "2s" }),
    // The typed options cannot express these fields.
    override: {
      Connect: {
        Gateway: {
          Proxy: { EnvoyGatewayBindTaggedAddresses: false, EnvoyGatewayNoDefaultBind: false },
          Terminating: {
            Services: [{ Name: "bank", CAFile: "/etc/bank/ca.pem", SNI: "bank.example.com" }, { Name: "printer" }],
          },
        },
        SidecarTask: {
          Config: {
            args: [
              "-c",
              "${NOMAD_SECRETS_DIR}/envoy_bootstrap.json",
              "-l",
              "${meta.connect.log_level}",
              "--concurrency",
              "${meta.connect.proxy_concurrency}",
              "--disable-hot-restart",
              "--config-yaml",
              '{"layered_runtime":{"layers":[{"name":"gateway","static_layer":{"upstream.healthy_panic_threshold":0,"outlier_detection.max_ejection_percent":50}}]}}',
            ],
          },
          Resources: { CPU: 250, MemoryMB: 128 },
          LogConfig: { MaxFiles: 2, MaxFileSizeMB: 2 },
          ShutdownDelay: 5000000000,
        },
      },
    },
  });

  // __tests__/nomad/job-files/transparent-proxy.nomad.hcl
  const billing = mesh.addJob("billing");
  const billingGroup = billing.addGroup("billing", {
    count: 2,
    ports: { probe: Port.static(9999) },
    dns: { servers: ["10.0.0.2", "10.0.0.3"], searches: ["example.com"], options: ["ndots:2"] },
    hostname: "billing.example.com",
    shutdownDelay: "20s",
    tasks: {
      billing: Workload.driver("java", { jar_path: "local/billing.jar", jvm_options: ["-Xmx200m"] }, {
        resources: { cores: 1, memoryMib: 256 },
        artifacts: [
          {
            source: "https://downloads.example.com/billing.jar",
            destination: "local/billing.jar",
            mode: "file",
            checksum: "sha256:aec070645fe53ee3b3763059376134f058cc337247c978add178b6ccdfb0019f",
            headers: { "User-Agent": "nomad" },
          },
        ],
      }),
      ledger: Workload.docker({
        image: "example/ledger:1",
        resources: {
          devices: { "nvidia/gpu": { count: 1, constraints: [Constraint.of("${device.attr.memory}", ">=", "2 GiB")] } },
        },
        lifecycle: { hook: "prestart", sidecar: true },
        leader: true,
        restart: { attempts: 1, interval: "1h", delay: "5s", mode: "delay" },
      }),
    },
  });
  billingGroup.addService("billing", {
    port: 8000,
    onUpdate: "ignore_warnings",
    healthCheck: HealthCheck.script("/bin/ledger", {
      name: "ledger",
      interval: "30s",
      timeout: "10s",
      task: "ledger",
      checkRestart: { limit: 2, grace: "1m30s", ignoreWarnings: true },
      args: ["check"],
    }),
    transparentProxy: {
      uid: "101",
      outboundPort: 15001,
      excludeInboundPorts: ["probe", "9998"],
      excludeOutboundPorts: [123],
      excludeOutboundCidrs: ["10.9.0.0/16"],
      excludeUids: ["1000"],
      noDns: true,
    },
    sidecar: Sidecar.docker({ shutdownDelay: "5s", disableDefaultTcpCheck: true }),
    // The typed options cannot express these fields.
    override: { Connect: { SidecarTask: { Meta: null } } },
  });

  // __tests__/import/job-files/batch-without-network.nomad.hcl
  const cleanup = mesh.addJob("cleanup", {
    kind: JobKind.periodic({ crons: ["15 2 * * *"], prohibitOverlap: true }),
    region: "global",
    priority: 20,
    // The typed options cannot express these fields.
    override: { Reschedule: { Attempts: 2, Interval: 3600000000000, Unlimited: false } },
  });
  cleanup.addGroup("cleanup", {
    // The typed options cannot express these fields.
    override: { Networks: null },
    tasks: {
      cleanup: Workload.exec({
        command: "/bin/sh",
        args: ["-c", "rm -rf /srv/cache/*"],
        logs: { maxFiles: 1 },
        killTimeout: "0s",
      }),
    },
  });

  // __tests__/import/job-files/dashboard.nomad.hcl
  const dashboard = mesh.addJob("dashboard", { nomadDatacenters: ["dc1"], jobMeta: { owner: "team-a" } });
  const dashboardGroup = dashboard.addGroup("dashboard", {
    ports: { http: Port.static(9002, { to: 9002 }) },
    restart: { attempts: 3, interval: "30m", delay: "15s", mode: "fail" },
    shutdownDelay: "0s",
    tasks: {
      dashboard: Workload.docker({
        image: "example/dashboard:2",
        config: {
          auth_soft_fail: true,
          labels: [{ team: "a" }],
          mount: [{ source: "local", target: "/etc/dashboard", type: "bind" }],
        },
        env: {
          COUNTING_SERVICE_URL: "http://${NOMAD_UPSTREAM_ADDR_plain_api}",
          GREETING: "It's \"quoted\", `ticked` and costs $5",
        },
        templates: [
          Template.text(`path = C:\\temp
{{ range service "db" }}server {{ .Address }}:{{ .Port }}
{{ end }}\`quoted\` \${NOT_NOMAD}
`, {
            destination: "local/dashboard.conf",
          }),
        ],
      }),
    },
  });
  const dashboardService = dashboardGroup.addService("dashboard", {
    port: "http",
    protocol: Protocol.HTTP,
    healthCheck: HealthCheck.http("/health", { name: 'service: "dashboard" check', interval: "10s", timeout: "2s" }),
    sidecar: Sidecar.docker({
      resources: { cpuMhz: 60, memoryMib: 300 },
      logs: { maxFiles: 10, maxFileSizeMib: 10 },
      shutdownDelay: "0s",
      config: { protocol: "http" },
    }),
    // The typed options cannot express these fields.
    override: { Connect: { SidecarService: { Proxy: { LocalServicePort: null } } } },
  });

  // __tests__/import/job-files/host-network.nomad.hcl
  const agents = mesh.addJob("agents", { kind: JobKind.system() });
  const agent = agents.addGroup("agent", {
    networkMode: "host",
    ports: { api: Port.static(7777) },
    restart: { attempts: 2, interval: "30m", delay: "15s", mode: "fail" },
    // The typed options cannot express these fields.
    override: { Networks: [{ Mode: null }] },
    tasks: {
      agent: Workload.exec({
        driver: "raw_exec",
        command: "agent",
        resources: { cpuMhz: 200, memoryMib: 64, memoryMaxMib: 128 },
        constraints: [Constraint.of("${attr.kernel.name}", "=", "linux")],
      }),
    },
  });
  agent.addCatalogService("agents-agent", {
    port: "api",
    task: "agent",
    tags: ["${attr.unique.hostname}"],
    addressMode: "host",
    healthCheck: HealthCheck.script("/bin/true", {
      name: "alive",
      interval: "30s",
      timeout: "5s",
      checkRestart: { limit: 3 },
      // The typed options cannot express these fields.
      override: { TaskName: null },
    }),
  });

  // __tests__/import/job-files/ingress.nomad.hcl
  const entrance = mesh.addJob("entrance");
  const entranceGroup = entrance.addGroup("entrance", {
    ports: { inbound: Port.static(8088, { to: 8088 }) },
    restart: { attempts: 2, interval: "30m", delay: "15s", mode: "fail" },
    tasks: {},
  });
  entranceGroup.addCatalogService("entrance", {
    port: 8088,
    // The typed options cannot express these fields.
    override: {
      Connect: {
        Gateway: {
          Proxy: {
            ConnectTimeout: 3000000000,
            EnvoyGatewayBindTaggedAddresses: false,
            EnvoyGatewayNoDefaultBind: false,
          },
          Ingress: { Listeners: [{ Port: 8088, Protocol: "tcp", Services: [{ Name: "plain-api" }] }] },
        },
      },
    },
  });

  // __tests__/import/job-files/plain-service.nomad.hcl
  const plain = mesh.addJob("plain");
  const apiGroup = plain.addGroup("api", {
    update: { canary: 0 },
    restart: { attempts: 2, interval: "30m", delay: "15s", mode: "fail" },
    shutdownDelay: "0s",
    tasks: { web: Workload.docker({ image: "example/plain:1" }) },
  });
  const plainApi = apiGroup.addService("plain-api", { port: 9001, sidecar: Sidecar.docker({ shutdownDelay: "5s" }) });

  // __tests__/import/job-files/task-services.nomad.hcl
  const records = mesh.addJob("records");
  const recordsGroup = records.addGroup("records", {
    count: 2,
    networkMode: "host",
    ports: { db: Port.dynamic(), metrics: Port.dynamic({ to: 9187 }) },
    restart: { attempts: 2, interval: "30m", delay: "15s", mode: "fail" },
    ephemeralDisk: { sticky: true, migrate: true },
    // The typed options cannot express these fields.
    override: { Networks: [{ Mode: null }] },
    tasks: {
      database: Workload.docker({
        image: "example/database:15",
        config: { ports: ["db"] },
        user: "postgres",
        leader: true,
        // The typed options cannot express these fields.
        override: {
          Services: [
            {
              Name: "records-db",
              PortLabel: "db",
              Checks: [{ Type: "tcp", Interval: 5000000000, Timeout: 1000000000 }],
              Provider: "nomad",
            },
          ],
        },
      }),
    },
  });
  recordsGroup.addCatalogService("records-records", { port: "metrics", provider: "nomad", tags: ["metrics"] });

  // __tests__/import/job-files/two-sidecars.nomad.hcl
  const orders = mesh.addJob("orders", { update: { maxParallel: 2, autoRevert: true } });
  const ordersGroup = orders.addGroup("orders", {
    count: 3,
    ports: { envoy: Port.dynamic({ to: -1 }) },
    restart: { attempts: 2, interval: "30m", delay: "15s", mode: "fail" },
    scaling: { min: 1, max: 5, enabled: false },
    shutdownDelay: "7s",
    tasks: {
      orders: Workload.driver("podman", { image: "example/orders:3" }, {
        vault: { policies: ["orders"] },
        identities: { vault_default: { audience: ["vault.io"], ttl: "1h" } },
      }),
    },
  });
  const ordersService = ordersGroup.addService("orders", {
    port: 9000,
    healthCheck: HealthCheck.grpc({
      name: 'service: "orders" check',
      interval: "3s",
      timeout: "1s",
      port: "envoy",
      expose: true,
      // The typed options cannot express these fields.
      override: { Path: null, Protocol: null },
    }),
    sidecar: Sidecar.exec({
      command: "/opt/envoy",
      resources: { cpuMhz: 100, memoryMib: 300 },
      logs: { maxFiles: 1, maxFileSizeMib: 5 },
      killSignal: "SIGTERM",
      shutdownDelay: "2s",
      tags: ["proxy"],
    }),
    // The typed options cannot express these fields.
    override: {
      Connect: {
        SidecarService: { Proxy: { LocalServiceAddress: "127.0.0.2" } },
        SidecarTask: {
          Config: { work_dir: null, args: ["-c", "${NOMAD_SECRETS_DIR}/envoy_bootstrap.json"] },
          Name: "envoy",
        },
      },
    },
  });
  ordersGroup.addService("orders-admin", {
    port: 9100,
    sidecar: Sidecar.docker({ shutdownDelay: "5s", disableDefaultTcpCheck: true }),
  });

  const registry = MeshService.fromServiceName(mesh, "registry", "registry");
  const ledger = MeshService.fromServiceName(mesh, "ledger", "ledger");
  reportsService.addUpstream(registry, { localBindPort: 18080 });
  invoiceService.addUpstream(ledger, {
    localBindPort: 5432,
    localBindAddress: "127.0.0.2",
    datacenter: "dc2",
    meshGateway: MeshGatewayMode.LOCAL,
  });
  tourService.connectTo(shopPage, { localBindPort: 7130 });
  tourService.connectTo(accountsService, { localBindPort: 7131 });
  tourService.connectTo(accountsAdmin, { localBindPort: 7132 });
  tourService.connectTo(catalogueService, { localBindPort: 7133 });
  shopApi.connectTo(shopStore, { localBindPort: 7100 });
  shopPage.connectTo(shopApi, { localBindPort: 7101 });
  accountsService.connectTo(shopApi, { localBindPort: 7110 });
  dashboardService.connectTo(plainApi, { localBindPort: 8080 });
  ordersService.connectTo(plainApi, { localBindPort: 7001 });
  ordersService.addUpstream(ledger, {
    localBindPort: 7002,
    localBindAddress: "127.0.0.3",
    datacenter: "dc2",
    meshGateway: MeshGatewayMode.REMOTE,
    config: { connect_timeout_ms: 800 },
  });
});
