import {
  MeshGateway,
  MeshService,
  Protocol,
  Sidecar,
  Template,
  Volume,
  type MeshGatewayBaseProps,
} from "../../../constructs";
import { groupOf, only, serviceOf, taskOf } from "../../support/job";
import { synthMesh } from "../../support/synth";
import { anyWorkload } from "../../support/workload";

const SECOND = 1e9;

function synthGateway(props: MeshGatewayBaseProps = {}) {
  return synthMesh((mesh) => mesh.addMeshGateway("mesh-gateway", props));
}

const jobOf = (props?: MeshGatewayBaseProps) => synthGateway(props).jobs["mesh-gateway"];

test("limits what it sends to a service, in defaults of its own that exist before it", () => {
  const { entries } = synthGateway({ limits: { maxConnections: 7, maxConcurrentRequests: 9 } });
  expect(entries["service-defaults/mesh-gateway"]).toMatchObject({
    UpstreamConfig: { Defaults: { Limits: { MaxConnections: 7, MaxConcurrentRequests: 9 } } },
  });
  expect(synthGateway().entries).not.toHaveProperty("service-defaults/mesh-gateway");
});

test("fails if a limit is no whole number", () => {
  expect(() => synthGateway({ limits: { maxConnections: 1.5 } })).toThrow(
    "maxConnections is 1.5. Use a whole number from 0.",
  );
});

test("its job is an Envoy in a network of its own, which Nomad registers as a mesh gateway", () => {
  const job = jobOf();
  expect(job).toMatchObject({ ID: "mesh-gateway", Type: "service", Datacenters: ["*"] });
  expect(groupOf(job)).toMatchObject({
    Count: 1,
    Networks: [{ Mode: "bridge", ReservedPorts: [{ Label: "wan", Value: 8443, To: 8443 }] }],
  });
  expect(serviceOf(job)).toMatchObject({
    Name: "mesh-gateway",
    PortLabel: "wan",
    Provider: "consul",
    Connect: { Gateway: { Mesh: {} } },
    Checks: [{ Type: "tcp", PortLabel: "wan" }],
  });
  expect(only(groupOf(job).Tasks)).toMatchObject({
    Name: "connect-mesh-mesh-gateway",
    Kind: "connect-mesh:mesh-gateway",
    Driver: "docker",
    Config: { image: "${meta.connect.gateway_image}" },
  });
});

test("takes another port, on another network of the node", () => {
  const job = jobOf({ port: 443, hostNetwork: "public" });
  expect(groupOf(job).Networks).toEqual([
    { Mode: "bridge", ReservedPorts: [{ Label: "wan", Value: 443, To: 443, HostNetwork: "public" }] },
  ]);
});

test("tells other datacenters an address and a port of their own", () => {
  expect(serviceOf(jobOf()).TaggedAddresses).toBeUndefined();
  expect(serviceOf(jobOf({ wanAddress: "203.0.113.7" })).TaggedAddresses).toEqual({ wan: "203.0.113.7:8443" });
  expect(serviceOf(jobOf({ wanAddress: "203.0.113.7", wanPort: 443 })).TaggedAddresses).toEqual({
    wan: "203.0.113.7:443",
  });
  expect(serviceOf(jobOf({ wanPort: 443 })).TaggedAddresses).toEqual({
    wan: "${attr.unique.network.ip-address}:443",
  });
});

test("carries what Consul's servers tell each other only where that is asked for", () => {
  expect(synthGateway().entries).not.toHaveProperty("mesh/mesh");
  expect(synthGateway({ peerThroughMeshGateways: true }).entries["mesh/mesh"]).toEqual({
    Kind: "mesh",
    Name: "mesh",
    TransparentProxy: {},
    Peering: { PeerThroughMeshGateways: true },
  });
});

test("goes where it says, else where the mesh says, and runs its Envoy likewise", () => {
  const { jobs } = synthMesh(
    (mesh) => {
      mesh.addMeshGateway("plain");
      mesh.addMeshGateway("own", {
        port: 9443,
        nodePool: "edge",
        sidecar: Sidecar.docker({ image: "example/envoy:1" }),
      });
    },
    { nodePool: "mesh", sidecar: Sidecar.exec() },
  );
  expect(jobs.plain).toMatchObject({ NodePool: "mesh" });
  expect(taskOf(jobs.plain, "connect-mesh-plain")).toMatchObject({
    Driver: "raw_exec",
    Config: { command: "envoy", work_dir: "${NOMAD_ALLOC_DIR}/.." },
  });
  expect(jobs.own).toMatchObject({ NodePool: "edge" });
  expect(taskOf(jobs.own, "connect-mesh-own").Config).toMatchObject({ image: "example/envoy:1" });
});

test("has as many instances as asked, with tags, metadata, files and volumes", () => {
  const job = jobOf({
    count: 2,
    tags: ["edge"],
    meta: { zone: "a" },
    volumes: { certs: Volume.host("certs", { readOnly: true }) },
    volumeMounts: [{ volume: "certs", destination: "/certs", readOnly: true }],
    templates: [Template.text("x", { destination: "secrets/x" })],
    connectTimeout: "2s",
    sidecar: Sidecar.docker({ config: { envoy_prometheus_bind_addr: "0.0.0.0:9102" }, resources: { memoryMib: 64 } }),
  });
  expect(groupOf(job)).toMatchObject({ Count: 2, Volumes: { certs: { Source: "certs" } } });
  expect(serviceOf(job)).toMatchObject({
    Tags: ["edge"],
    Meta: { zone: "a" },
    Connect: {
      Gateway: {
        Proxy: { ConnectTimeout: 2 * SECOND, Config: { envoy_prometheus_bind_addr: "0.0.0.0:9102" } },
      },
    },
  });
  expect(only(groupOf(job).Tasks)).toMatchObject({
    Resources: { MemoryMB: 64 },
    Templates: [{ EmbeddedTmpl: "x", DestPath: "secrets/x" }],
    VolumeMounts: [{ Volume: "certs", Destination: "/certs", ReadOnly: true }],
  });
});

test("the mesh knows its gateways, and each its datacenter", () => {
  let gateways: unknown[] = [];
  synthMesh(
    (mesh) => {
      mesh.addMeshGateway("mesh-gateway");
      gateways = mesh.gateways.map((gateway) => gateway instanceof MeshGateway && gateway.datacenter);
    },
    { datacenter: "dc1" },
  );
  expect(gateways).toEqual(["dc1"]);
});

test("a service that lets in somebody of a peered cluster is exported to that cluster, and no other is", () => {
  const { entries } = synthMesh((mesh, stack) => {
    const api = mesh.addService("api", { port: 8000, workload: anyWorkload, protocol: Protocol.HTTP });
    const db = mesh.addService("db", { port: 8001, workload: anyWorkload });
    api.connectTo(db);
    const web = MeshService.fromServiceName(stack, "web", "web");
    const app = MeshService.fromServiceName(stack, "app", "app");
    api.allowFrom(web, { peer: "east" });
    api.allowFrom(app, { peer: "east" });
    api.allowFrom(app, { peer: "west" });
  });
  expect(entries["exported-services/default"]).toEqual({
    Kind: "exported-services",
    Name: "default",
    Services: [{ Name: "api", Consumers: [{ Peer: "east" }, { Peer: "west" }] }],
  });
});
