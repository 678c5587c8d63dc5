import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  ApiGatewayListener,
  ExternalHealthCheck,
  Failover,
  GatewayCertificate,
  HttpPermission,
  IngressListener,
  Port,
  Protocol,
  Sidecar,
  silence,
  synthesize,
  SubsetFilter,
  Template,
  Workload,
  type ApiGateway,
  type ExternalServiceBaseProps,
  type IngressGateway,
  type MeshService,
  type TerminatingGateway,
  type ServiceMesh,
} from "../../../constructs";
import { teller } from "../../../examples/gateways";
import { MeshStack } from "../../../stacks/mesh-stack";
import { readSettings } from "../../../stacks/settings";
import { addNative } from "./native";

/** Where `outside.mjs` answers: on a host of the lab, and no part of the mesh. */
const OUTSIDE = "10.200.0.10";

/** The server of certificates in `outside.mjs`. */
const sds = { clusterName: "secrets" };

/** Certificates in entries of the test: two have the same name. */
const twins = ["twin", "other-twin", "single", "named"].map((name) => GatewayCertificate.fromEntryName(name));

/** What everybody may ask of `books`: all orders but the private ones, and not as a guest. */
const permissions = [
  HttpPermission.deny({ pathPrefix: "/v1/orders/private" }),
  HttpPermission.deny({ headers: [{ name: "x-role", exact: "guest" }] }),
  HttpPermission.get("/v1/orders"),
];

/**
 * Every kind of gateway in front of, or behind, small services. By MESHFORM_TEST_VARIANT
 * - `bare`: the services alone;
 * - `connected`: all of it;
 * - `smaller`: without the service `orders`, which both gateways led to, and without what is outside.
 */
synthesize((app) => {
  const variant = process.env.MESHFORM_TEST_VARIANT ?? "connected";
  const settings = readSettings(app);
  // As `connected` without it: what permissions see is what the client sends.
  const meshConfig = { requestNormalization: { insecureDisablePathNormalization: variant === "smaller" || undefined } };
  const { mesh } = new MeshStack(app, "mesh", variant === "smaller" ? { ...settings, mesh: { meshConfig } } : settings);
  const addTeller = (name: string, port: number, protocol: Protocol) =>
    mesh.addService(name, {
      port,
      protocol,
      workload: teller("exec", name, port, protocol),
      update: { minHealthyTime: "1s" },
    });
  const stock = addTeller("stock", 7002, Protocol.HTTP);
  const clock = addTeller("clock", 7003, Protocol.TCP);
  const orders = variant === "smaller" ? undefined : addTeller("orders", 7001, Protocol.HTTP);
  if (variant === "bare") {
    return;
  }
  const ingress = addIngress(mesh, stock, clock, orders);
  const gateway = addApiGateway(mesh, stock, clock, orders);
  if (variant === "connected") {
    const client = addClient(mesh);
    const egress = addEgress(mesh, client);
    addCatalogServices(mesh, egress, client);
    const books = addTeller("books", 7004, Protocol.HTTP);
    ingress.connectTo(books, { listener: 18080, hosts: ["books.example"], permissions });
    gateway.connectTo(books, { listener: 18180, hosts: ["books.example"], permissions });
    client.connectTo(books, { localBindPort: 7110, permissions });
    addTrustingGateways(mesh, stock);
    const speaker = addSpeaker(mesh);
    client.connectTo(speaker, { localBindPort: 7130 });
    ingress.connectTo(speaker, {
      ...{ listener: 18083, hosts: ["speaker.example"] },
      passiveHealthCheck: { maxFailures: 17, interval: "3s" },
    });
    addTwins(gateway, stock, clock);
    addFunctions(mesh, egress, client);
    addNative(mesh, client, clock);
  }
  mesh.addMeshGateway("mesh-gateway", {
    ...{ port: 18443, wanAddress: "203.0.113.7", wanPort: 443 },
    limits: { maxConnections: 7, maxPendingRequests: 8, maxConcurrentRequests: 9 },
  });
});

function addIngress(mesh: ServiceMesh, stock: MeshService, clock: MeshService, orders?: MeshService): IngressGateway {
  const ingress = mesh.addIngressGateway("ingress", {
    listeners: [
      IngressListener.http({ port: 18080 }),
      IngressListener.tcp({ port: 18091 }),
      IngressListener.http({ port: 18081, tls: { minVersion: "TLSv1_2" } }),
      IngressListener.http({ port: 18082 }),
      ...(orders === undefined
        ? []
        : [
            IngressListener.grpc({ port: 18083 }),
            IngressListener.http({ port: 18084, tls: { sds: { ...sds, certResource: "any.ingress.example" } } }),
            IngressListener.http({ port: 18085, tls: {} }),
          ]),
    ],
    sdsServers: {
      [sds.clusterName]: {
        address: `${OUTSIDE}:5234`,
        tls: {
          ...{ caFile: "secrets/ca", sni: "database.example" },
          ...{ certFile: "secrets/certificate", keyFile: "secrets/key" },
        },
      },
    },
    templates: ["ca", "certificate", "key"].map((item) => secret("ingress", item, item)),
    update: { minHealthyTime: "1s" },
  });
  ingress.connectTo(stock, { listener: 18080, hosts: ["stock.example"] });
  ingress.connectTo(stock, { listener: 18081, hosts: ["stock.example"] });
  ingress.connectTo(clock, { listener: 18091 });
  ingress.connectTo("*", { listener: 18082 });
  if (orders !== undefined) {
    ingress.connectTo("*", { listener: 18084 });
    ingress.connectTo(stock, {
      ...{ listener: 18085, hosts: ["foo.example"], sds: { ...sds, certResource: "foo.example" } },
    });
    ingress.connectTo(orders, {
      ...{ listener: 18085, hosts: ["www.example"], sds: { ...sds, certResource: "www.example" } },
    });
    ingress.connectTo(orders, {
      ...{ listener: 18080, hosts: ["orders.example", "*.orders.example"] },
      requestHeaders: { set: { "x-entrance": "ingress" }, remove: ["x-secret"] },
      responseHeaders: { add: { "x-from": "orders" }, remove: ["content-type"] },
    });
  }
  return ingress;
}

function addApiGateway(mesh: ServiceMesh, stock: MeshService, clock: MeshService, orders?: MeshService): ApiGateway {
  const certificates = [GatewayCertificate.files({ certFile: "secrets/site.pem", keyFile: "secrets/site.key" })];
  const gateway = mesh.addApiGateway("gateway", {
    listeners: [
      ApiGatewayListener.http({ port: 18180 }),
      ApiGatewayListener.tcp({ port: 18190 }),
      // Another number on the node than inside.
      ApiGatewayListener.http({ port: 8443, hostPort: 18181, hostname: "*.example", tls: { certificates } }),
      ApiGatewayListener.tcp({ port: 18191, tls: { certificates } }),
      ...(orders === undefined
        ? []
        : [
            ApiGatewayListener.http({ port: 18182, tls: { certificates: twins } }),
            ApiGatewayListener.tcp({ port: 18192, tls: { certificates: twins } }),
          ]),
    ],
    templates: [secret("gateway", "certificate", "site.pem"), secret("gateway", "key", "site.key")],
    update: { minHealthyTime: "1s" },
  });
  gateway.connectTo(stock, {
    listener: 18180,
    match: { pathPrefix: "/stock" },
    permissions: [HttpPermission.get("/stock"), HttpPermission.get("/either")],
  });
  gateway.connectTo(clock, { listener: 18190 });
  gateway.addRoute(stock, {
    listener: 8443,
    name: "secure-stock",
    hosts: ["site.example"],
    match: { pathPrefix: "/stock" },
  });
  gateway.addRoute(clock, { listener: 18191, name: "secure-clock" });
  if (orders !== undefined) {
    gateway.connectTo(orders, {
      listener: 18180,
      hosts: ["orders.example"],
      match: [{ pathExact: "/orders" }, { pathPrefix: "/orders/" }],
      prefixRewrite: "/",
    });
    gateway.addRoute(
      [
        { service: orders, weight: 1 },
        { service: stock, weight: 3 },
      ],
      {
        listener: 18180,
        name: "either",
        match: { pathPrefix: "/either" },
      },
    );
  }
  return gateway;
}

function addTwins(gateway: ApiGateway, stock: MeshService, clock: MeshService): void {
  silence(gateway, "ambiguous-certificate", "It is a test of just that.");
  gateway.addRoute(stock, { listener: 18182, name: "stock-of-twins", match: { pathPrefix: "/stock" } });
  gateway.addRoute(clock, { listener: 18192, name: "clock-of-twins" });
}

/** A service that speaks gRPC. */
function addSpeaker(mesh: ServiceMesh): MeshService {
  return mesh.addService("speaker", {
    ...{ port: 7005, protocol: Protocol.GRPC, update: { minHealthyTime: "1s" } },
    workload: Workload.exec({
      ...{ driver: "raw_exec", command: "node", args: ["${NOMAD_TASK_DIR}/speaker.mjs"] },
      env: { NAME: "speaker", PORT: "7005" },
      templates: [
        Template.text(readFileSync(join(__dirname, "speaker.mjs"), "utf8"), { destination: "local/speaker.mjs" }),
      ],
    }),
  });
}

/** Lambda functions: one gets a description of each request, the other one only its body. */
function addFunctions(mesh: ServiceMesh, egress: TerminatingGateway, client: MeshService): void {
  const arn = (name: string) => `arn:aws:lambda:eu-west-1:123456789012:function:${name}`;
  const echo = mesh.addExternalService("echo", { lambda: { arn: arn("echo") } });
  const plainEcho = mesh.addExternalService("plain-echo", { lambda: { arn: arn("plain"), payloadPassthrough: true } });
  for (const service of [echo, plainEcho]) egress.addService(service);
  client.connectTo(echo, { localBindPort: 7131 });
  client.connectTo(plainEcho, { localBindPort: 7132 });
}

/** Nothing but a place in the mesh. */
function addClient(mesh: ServiceMesh): MeshService {
  return mesh.addService("client", {
    port: 7009,
    workload: Workload.exec({ driver: "raw_exec", command: "sleep", args: ["infinity"] }),
    update: { minHealthyTime: "1s" },
  });
}

function addEgress(mesh: ServiceMesh, client: MeshService): TerminatingGateway {
  const egress = mesh.addTerminatingGateway("egress", {
    sidecar: Sidecar.exec({ env: { AWS_ACCESS_KEY_ID: "of-the-test", AWS_SECRET_ACCESS_KEY: "secret-of-the-test" } }),
    templates: ["ca", "other-ca", "certificate", "key"].map((item) => secret("egress", item.replace("-", "_"), item)),
    update: { minHealthyTime: "1s" },
  });
  const ca = { caFile: "secrets/ca" };
  const own = { certFile: "secrets/certificate", keyFile: "secrets/key" };
  const outside: Readonly<Record<string, ExternalServiceBaseProps>> = {
    db: { port: 5433, tls: { ...ca, ...own, sni: "database.example" } },
    "db-of-other-authority": { port: 5433, tls: { caFile: "secrets/other-ca", ...own, sni: "database.example" } },
    "db-of-other-name": { port: 5433, tls: { ...ca, ...own, sni: "other.example" } },
    "db-for-nobody": { port: 5433, tls: { ...ca, sni: "database.example" } },
    page: { port: 5443, protocol: Protocol.HTTP, tls: { ...ca, sni: "database.example" } },
    "plain-page": { port: 5080, protocol: Protocol.HTTP, plaintext: "It is a test." },
    "page-by-name": {
      ...{ address: "page.outside.example", port: 5443, protocol: Protocol.HTTP },
      tls: { ...ca, sni: "database.example" },
    },
  };
  Object.entries(outside).forEach(([name, props], index) => {
    const service = mesh.addExternalService(name, { address: OUTSIDE, ...props });
    egress.addService(service);
    client.connectTo(service, {
      localBindPort: 7100 + index,
      permissions: name === "plain-page" ? [HttpPermission.get("/a")] : undefined,
    });
  });
  return egress;
}

/**
 * Services outside the mesh: `legacy`, which something else registers, two Nomad jobs without sidecars,
 * with a subset for each; and one with two instances, to which a name without instances fails over.
 */
function addCatalogServices(mesh: ServiceMesh, egress: TerminatingGateway, client: MeshService): void {
  for (const version of ["v1", "v2"]) {
    mesh
      .addJob(`legacy-${version}`)
      .addGroup("web", {
        ports: { http: Port.dynamic({ to: 7200 }) },
        tasks: { web: teller("exec", `legacy-${version}`, 7200, Protocol.HTTP, "0.0.0.0") },
        update: { minHealthyTime: "1s" },
      })
      .addCatalogService("legacy", { port: "http", meta: { version } });
  }
  const plain = { protocol: Protocol.HTTP, plaintext: "It is a test." };
  const legacy = mesh.addExternalService("legacy", { inCatalog: true, ...plain });
  const second = legacy.addSubset("v2", SubsetFilter.meta("version", "v2"));
  const pages = mesh.addExternalService("pages", {
    ...plain,
    instances: [5080, 5081].map((port) => ({ address: OUTSIDE, port })),
    // Nothing in this lab runs it: the test does what Consul ESM would.
    healthCheck: ExternalHealthCheck.http("/health", { headers: { "X-Probe": ["of the test"] } }),
  });
  for (const service of [legacy, pages]) egress.addService(service);
  client.connectTo(legacy, { localBindPort: 7120 });
  client.connectTo(
    mesh.addVirtualService("second-legacy", { protocol: Protocol.HTTP, splits: [{ to: second, weight: 100 }] }),
    {
      localBindPort: 7121,
    },
  );
  client.connectTo(pages, { localBindPort: 7123 });
  // From the mesh to what is outside: no instance of this name is ever healthy.
  client.connectTo(mesh.addVirtualService("absent", { protocol: Protocol.HTTP, failover: Failover.to(pages) }), {
    localBindPort: 7124,
  });
}

/** Both kinds of gateway, as they are behind a proxy that is trusted. */
function addTrustingGateways(mesh: ServiceMesh, stock: MeshService): void {
  const props = {
    ...{ forwardedHeaders: "append" as const, maxRequestHeadersKib: 8, maxInboundConnections: 8 },
    update: { minHealthyTime: "1s" },
  };
  mesh
    .addIngressGateway("inner-ingress", { listeners: [IngressListener.http({ port: 18200 })], ...props })
    .connectTo(stock, { hosts: ["*"] });
  mesh
    .addApiGateway("inner-gateway", { listeners: [ApiGatewayListener.http({ port: 18201 })], ...props })
    .connectTo(stock);
}

/** An item of the job's own Nomad variable, as a file that only its Envoy sees. */
function secret(job: string, item: string, file: string): Template {
  return Template.text(`{{ with nomadVar "nomad/jobs/${job}" }}{{ .${item} }}{{ end }}`, {
    destination: `secrets/${file}`,
  });
}
