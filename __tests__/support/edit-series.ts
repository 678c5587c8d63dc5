import { Construct } from "constructs";
import {
  ApiGatewayListener,
  Failover,
  HttpPermission,
  IngressGateway,
  IngressListener,
  LoadBalancer,
  MeshGatewayMode,
  Protocol,
  Redirect,
  ServiceMesh,
  silence,
  Subset,
  SubsetFilter,
  MeshService,
  type MeshServiceProps,
  VirtualService,
} from "../../constructs";
import { TestStack } from "./synth";
import { anyWorkload } from "./workload";
import { App } from "cdktf";

/** One edit: what the app is from then on. */
export interface Edit {
  readonly name: string;
  readonly build: (app: App) => void;
  /** What Consul says to it. A later step then makes the edit in two. @default it is deployed in one step */
  readonly refusal?: RegExp;
}

type BuildMesh = (mesh: ServiceMesh, stack: TestStack) => unknown;
type ServiceOptions = Partial<Omit<MeshServiceProps, "mesh">>;

/** Each edit follows the one before it, on one cluster. */
export const EDITS: readonly Edit[] = [
  // Services, and what they may be asked.
  edit("two services", (mesh) => pair(mesh)),
  edit("a permission", (mesh) => pair(mesh, { permissions: [HttpPermission.get("/")] })),
  edit("another permission", (mesh) =>
    pair(mesh, { permissions: [HttpPermission.get("/"), HttpPermission.post("/a")] }),
  ),
  edit("http to tcp, with its permissions", (mesh) => pair(mesh, { protocol: Protocol.TCP })),
  edit("tcp to http, with permissions", (mesh) => pair(mesh, { permissions: [HttpPermission.get("/")] })),
  edit("http to tcp, and nothing may reach it any more", (mesh) => {
    service(mesh, "api", Protocol.TCP);
    service(mesh, "web", Protocol.TCP);
  }),
  edit("tcp to grpc, with permissions", (mesh) => {
    pair(mesh, { protocol: Protocol.GRPC, permissions: [HttpPermission.post("/shop")] });
  }),
  edit("grpc to http, without permissions", (mesh) => pair(mesh)),
  edit("a service reaches it by its name alone", (mesh) => {
    const { api } = pair(mesh);
    const billing = service(mesh, "billing", Protocol.TCP);
    api.allowFrom(billing);
    billing.addUpstream("api");
  }),
  edit("any service reaches it", (mesh) => {
    const { api } = pair(mesh);
    silence(api, "wildcard-allow", "Part of the series.");
    api.allowFrom("*");
  }),
  edit("a service that is moved into a construct", (mesh, stack) => {
    const api = service(mesh, "api");
    const web = new ServiceIn(new Construct(stack, "team"), mesh, "web").service;
    web.connectTo(api);
  }),
  edit("both moved", (mesh, stack) => {
    const team = new Construct(stack, "other-team");
    const api = new ServiceIn(team, mesh, "api").service;
    new ServiceIn(team, mesh, "web").service.connectTo(api);
  }),
  edit("the mesh renamed, and all moved back", (mesh) => pair(mesh), { mesh: "renamed" }),
  edit("a service renamed", (mesh) => {
    service(mesh, "shop-web", Protocol.TCP).connectTo(service(mesh, "api"));
  }),
  edit("what it reaches renamed, with permissions", (mesh) => {
    service(mesh, "web", Protocol.TCP).connectTo(service(mesh, "api-2"), { permissions: [HttpPermission.get("/")] });
  }),
  edit("renamed back", (mesh) => pair(mesh)),
  // Rules.
  edit("a resolver", (mesh) => {
    pair(mesh).api.resolve({ connectTimeout: "3s", loadBalancer: LoadBalancer.leastRequest() });
  }),
  edit("subsets and a split", (mesh) => splitting(pair(mesh).api, { v1: 90, v2: 10 })),
  edit("other shares", (mesh) => splitting(pair(mesh).api, { v1: 50, v2: 50 })),
  edit("one more subset, with a share", (mesh) => splitting(pair(mesh).api, { v1: 50, v2: 30, v3: 20 })),
  edit("a subset that a share still names is removed", (mesh) => splitting(pair(mesh).api, { v1: 50, v2: 50 }), {
    refusal: /does not have a subset named "v3"/,
  }),
  edit("first without its share", (mesh) => {
    const { api } = pair(mesh);
    subsets(api, ["v1", "v2", "v3"]);
    share(api, { v1: 50, v2: 50 });
  }),
  edit("then without the subset", (mesh) => splitting(pair(mesh).api, { v1: 50, v2: 50 })),
  edit("the split removed together with its subsets", (mesh) => pair(mesh)),
  edit("a route to another service", (mesh) => routed(mesh, Protocol.HTTP)),
  edit("http to grpc of services that a route joins", (mesh) => routed(mesh, Protocol.GRPC)),
  edit("grpc to http2 of services that a route joins", (mesh) => routed(mesh, Protocol.HTTP2)),
  edit("one of them removed with the route", (mesh) => pair(mesh, { protocol: Protocol.HTTP2 })),
  edit("a router, splitter and resolver at once", (mesh) => {
    const { api, other } = routed(mesh, Protocol.HTTP);
    splitting(api, { v1: 60, v2: 40 });
    other.resolve({ connectTimeout: "1s" });
  }),
  edit("http to tcp together with all its rules", (mesh) => {
    service(mesh, "other", Protocol.TCP);
    pair(mesh, { protocol: Protocol.TCP });
  }),
  edit("a failover", (mesh) => failingOver(mesh, Protocol.HTTP)),
  edit(
    "http to grpc of both, where the resolver loses the failover",
    (mesh) => {
      pair(mesh, { protocol: Protocol.GRPC }).api.resolve({ connectTimeout: "3s" });
      service(mesh, "other", Protocol.GRPC);
    },
    { refusal: /inconsistent protocols/ },
  ),
  edit("first as it was", (mesh) => failingOver(mesh, Protocol.HTTP)),
  edit("then http to grpc of services that a failover joins", (mesh) => failingOver(mesh, Protocol.GRPC)),
  edit("the failover removed with where it led", (mesh) => pair(mesh)),
  edit("a virtual service that redirects", (mesh) => redirected(mesh, Protocol.HTTP)),
  edit("http to tcp of both", (mesh) => redirected(mesh, Protocol.TCP)),
  edit("the virtual service removed", (mesh) => pair(mesh)),
  edit("a version with canary traffic", (mesh) => {
    const { api } = pair(mesh);
    api.canary(api.addVersion("v2", { workload: anyWorkload, count: 0 }), { percent: 10, header: "x-canary" });
  }),
  edit("more of it", (mesh) => {
    const { api } = pair(mesh);
    api.canary(api.addVersion("v2", { workload: anyWorkload, count: 0 }), { percent: 50, header: "x-canary" });
  }),
  edit("the version removed", (mesh) => pair(mesh)),
  // Gateways.
  edit("an ingress gateway before two services", (mesh) => behindIngress(mesh, ["api", "other"])),
  edit("a service behind it removed", (mesh) => behindIngress(mesh, ["api"])),
  edit("another one added", (mesh) => behindIngress(mesh, ["api", "third"])),
  edit("protocol and listener together, http to grpc", (mesh) => {
    behindIngress(mesh, ["api", "third"], Protocol.GRPC);
  }),
  edit("protocol and listener together, grpc to tcp", (mesh) => behindIngress(mesh, ["api"], Protocol.TCP)),
  edit("protocol and listener together, tcp to http", (mesh) => behindIngress(mesh, ["api"], Protocol.HTTP)),
  edit("a route next to the gateway", (mesh) => {
    routed(mesh, Protocol.HTTP);
    behindIngress(mesh, ["third"]);
  }),
  edit("the route removed, and the gateway stays", (mesh) => behindIngress(mesh, ["api"], Protocol.HTTP)),
  edit("the ingress gateway removed, and http to tcp", (mesh) => pair(mesh, { protocol: Protocol.TCP })),
  edit("an API gateway", (mesh) => behindApiGateway(mesh, ["api", "other"])),
  edit("a service behind it removed, a permission added", (mesh) => {
    behindApiGateway(mesh, ["api"], [HttpPermission.get("/")]);
  }),
  edit("its listener and the service become tcp", (mesh) => {
    const gateway = mesh.addApiGateway("front", { count: 0, listeners: [ApiGatewayListener.tcp({ port: 8080 })] });
    gateway.connectTo(service(mesh, "api", Protocol.TCP));
  }),
  edit("the API gateway removed", (mesh) => pair(mesh)),
  edit("a terminating gateway to two services outside", (mesh) => outside(mesh, ["db", "mail"])),
  edit("one of them removed", (mesh) => outside(mesh, ["db"])),
  edit("the terminating gateway renamed", (mesh) => outside(mesh, ["db"], "way-out")),
  edit("the terminating gateway removed", (mesh) => pair(mesh)),
  edit("a mesh gateway", (mesh) => {
    pair(mesh);
    mesh.addMeshGateway("mesh-gateway", { count: 0 });
  }),
  // The mesh as a whole.
  edit("other defaults of the mesh", (mesh) => pair(mesh), {
    props: {
      proxyDefaults: { MeshGateway: { Mode: MeshGatewayMode.LOCAL } },
      meshConfig: { peerThroughMeshGateways: true },
    },
  }),
  edit("no defaults of the mesh", (mesh) => pair(mesh), { props: { proxyDefaults: false, meshConfig: false } }),
  edit("a second stack", (mesh) => pair(mesh), { second: "second" }),
  edit("that stack renamed", (mesh) => pair(mesh), { second: "other" }),
  edit("that stack removed", (mesh) => pair(mesh)),
  // Rules in another stack than the service that they lead to.
  edit("a redirect, a failover and an ingress gateway in another stack than where they lead", (mesh, stack) => {
    ledFromElsewhere(mesh, stack, Protocol.HTTP, { connectTimeout: "2s" });
  }),
  edit("those rules changed", (mesh, stack) => {
    ledFromElsewhere(mesh, stack, Protocol.HTTP, { connectTimeout: "4s" });
  }),
  edit(
    "http to grpc of it and of what leads there",
    (mesh, stack) => {
      ledFromElsewhere(mesh, stack, Protocol.GRPC, { connectTimeout: "4s" });
    },
    { refusal: /consul_config_entry.service-defaults_api.*uses inconsistent protocols/s },
  ),
  edit("first without what leads there", (mesh, stack) => {
    ledFromElsewhere(mesh, stack, Protocol.HTTP);
  }),
  edit("then grpc, and the rules again", (mesh, stack) => {
    ledFromElsewhere(mesh, stack, Protocol.GRPC, { connectTimeout: "4s" });
  }),
  edit("that stack removed with its rules", (mesh) => pair(mesh, { protocol: Protocol.GRPC })),
  edit("everything at once, changed once more", (mesh) => {
    const { api, other } = routed(mesh, Protocol.HTTP);
    splitting(api, { v1: 60, v2: 40 });
    silence(other, "wildcard-allow", "Part of the series.");
    other.allowFrom("*", { permissions: [HttpPermission.get("/open")] });
    const ingress = mesh.addIngressGateway("ingress", { count: 0, listeners: [IngressListener.http({ port: 8080 })] });
    ingress.connectTo(api, { permissions: [HttpPermission.get("/")] });
    const egress = mesh.addTerminatingGateway("egress", { count: 0 });
    const db = mesh.addExternalService("db", {
      ...{ address: "192.0.2.1", port: 5432, plaintext: "Only a test." },
    });
    egress.addService(db);
    other.connectTo(db);
  }),
  edit("two services again", (mesh) => pair(mesh)),
  edit("everything at once, as what stays", (mesh) => {
    const { api } = routed(mesh, Protocol.HTTP);
    splitting(api, { v1: 60, v2: 40 });
    behindApiGateway(mesh, ["third"], [HttpPermission.get("/")]);
    outside(mesh, ["db"], "egress", false);
  }),
];

interface StackOptions {
  readonly mesh?: string;
  readonly props?: ConstructorParameters<typeof ServiceMesh>[2];
  /** Name of a second stack. */
  readonly second?: string;
  readonly refusal?: RegExp;
}

function edit(name: string, build: BuildMesh, options: StackOptions = {}): Edit {
  return {
    name,
    refusal: options.refusal,
    build: (app) => {
      const stack = new TestStack(app, "shop");
      build(new ServiceMesh(stack, options.mesh ?? "mesh", options.props), stack);
      if (options.second !== undefined) {
        const second = new TestStack(app, options.second);
        const mesh = new ServiceMesh(second, "mesh", { proxyDefaults: false, meshConfig: false });
        service(mesh, "elsewhere");
      }
    },
  };
}

function service(mesh: ServiceMesh, name: string, protocol = Protocol.HTTP, more: ServiceOptions = {}): MeshService {
  return mesh.addService(name, { count: 0, port: 9001, protocol, workload: anyWorkload, ...more });
}

class ServiceIn extends Construct {
  readonly service: MeshService;

  constructor(scope: Construct, mesh: ServiceMesh, name: string) {
    super(scope, `of-${name}`);
    this.service = new MeshService(this, name, {
      ...{ mesh, count: 0, port: 9001, workload: anyWorkload },
      protocol: name === "web" ? Protocol.TCP : Protocol.HTTP,
    });
  }
}

function pair(
  mesh: ServiceMesh,
  { protocol = Protocol.HTTP, permissions }: { protocol?: Protocol; permissions?: readonly HttpPermission[] } = {},
) {
  const api = service(mesh, "api", protocol);
  const web = service(mesh, "web", Protocol.TCP);
  web.connectTo(api, { permissions });
  return { api, web };
}

function subsets(api: MeshService, names: readonly string[]): ReadonlyMap<string, Subset> {
  return new Map(names.map((name) => [name, api.addSubset(name, SubsetFilter.meta("version", name))]));
}

function share(api: MeshService, shares: Readonly<Record<string, number>>, of?: ReadonlyMap<string, Subset>): void {
  api.split(Object.entries(shares).map(([name, weight]) => ({ to: of?.get(name) ?? Subset.of(api, name), weight })));
}

function splitting(api: MeshService, shares: Readonly<Record<string, number>>): void {
  share(api, shares, subsets(api, Object.keys(shares)));
}

function routed(mesh: ServiceMesh, protocol: Protocol) {
  const { api, web } = pair(mesh, { protocol });
  const other = service(mesh, "other", protocol);
  api.route({ match: { pathPrefix: "/other" }, to: other });
  return { api, other, web };
}

function failingOver(mesh: ServiceMesh, protocol: Protocol): void {
  const { api } = pair(mesh, { protocol });
  api.resolve({ failover: Failover.to(service(mesh, "other", protocol)) });
}

function redirected(mesh: ServiceMesh, protocol: Protocol): void {
  const { api, web } = pair(mesh, { protocol });
  const former = mesh.addVirtualService("former", { protocol, redirect: Redirect.to(api) });
  web.connectTo(former);
}

/** @param rules of the other stack. Default: it has none */
function ledFromElsewhere(
  mesh: ServiceMesh,
  stack: TestStack,
  protocol: typeof Protocol.HTTP | typeof Protocol.GRPC,
  rules?: { readonly connectTimeout: string },
): void {
  const { api } = pair(mesh, { protocol });
  const edge = new TestStack(App.of(stack), "edge");
  const props = { mesh, count: 0, port: 9001, workload: anyWorkload };
  const visitor = new MeshService(edge, "visitor", { ...props, protocol: Protocol.TCP });
  const front = new MeshService(edge, "front", { ...props, protocol });
  visitor.connectTo(front);
  if (rules === undefined) return;
  front.resolve({ ...rules, failover: Failover.to(api) });
  visitor.connectTo(new VirtualService(edge, "former", { mesh, protocol, redirect: Redirect.to(api) }));
  const listener =
    protocol === Protocol.HTTP ? IngressListener.http({ port: 8080 }) : IngressListener.grpc({ port: 8080 });
  new IngressGateway(edge, "door", { mesh, count: 0, listeners: [listener] }).connectTo(api);
}

function behindIngress(mesh: ServiceMesh, names: readonly string[], protocol: Protocol = Protocol.HTTP): void {
  const listeners = {
    [Protocol.HTTP]: IngressListener.http({ port: 8080 }),
    [Protocol.HTTP2]: IngressListener.http2({ port: 8080 }),
    [Protocol.GRPC]: IngressListener.grpc({ port: 8080 }),
    [Protocol.TCP]: IngressListener.tcp({ port: 8080 }),
  };
  const ingress = mesh.addIngressGateway("ingress", { count: 0, listeners: [listeners[protocol]] });
  for (const name of names) ingress.connectTo(service(mesh, name, protocol));
}

function behindApiGateway(mesh: ServiceMesh, names: readonly string[], permissions?: readonly HttpPermission[]): void {
  const gateway = mesh.addApiGateway("front", { count: 0, listeners: [ApiGatewayListener.http({ port: 8080 })] });
  for (const name of names) {
    gateway.connectTo(service(mesh, name), { hosts: [`${name}.example.com`], permissions });
  }
}

function outside(mesh: ServiceMesh, names: readonly string[], gateway = "egress", withPair = true): void {
  const egress = mesh.addTerminatingGateway(gateway, { count: 0 });
  const user = withPair ? pair(mesh).web : service(mesh, "billing", Protocol.TCP);
  for (const name of names) {
    const external = mesh.addExternalService(name, { address: "192.0.2.1", port: 5432, plaintext: "Only a test." });
    egress.addService(external);
    user.connectTo(external);
  }
}
