import { ConsulProvider } from "@cdktf/provider-consul/lib/provider";
import { NomadProvider } from "@cdktf/provider-nomad/lib/provider";
import { TerraformStack, type App } from "cdktf";
import {
  Failover,
  HealthCheck,
  HttpPermission,
  Protocol,
  ServiceMesh,
  Workload,
  type MeshService,
} from "../constructs";
import { IMAGE, PORT } from "./ring";
import type { TownService } from "./town";

const PROTOCOLS: Readonly<Record<TownService["role"], Protocol>> = {
  web: Protocol.HTTP,
  api: Protocol.HTTP,
  worker: Protocol.GRPC,
  store: Protocol.TCP,
};

/** The town as a user of Meshform writes it, with a gateway at its gate, versions of some services, and an outside. */
export function buildTown(app: App, town: readonly TownService[]): ServiceMesh {
  const stack = new TerraformStack(app, "town");
  new ConsulProvider(stack, "consul", { datacenter: "dc1" });
  new NomadProvider(stack, "nomad", { address: "http://127.0.0.1:4646" });
  const mesh = new ServiceMesh(stack, "mesh", { datacenter: "dc1", gatewayDatacenters: ["dc2"] });
  const services = new Map<string, MeshService>();
  for (const { name, role } of town) {
    const protocol = PROTOCOLS[role];
    const service = mesh.addService(name, {
      port: PORT,
      protocol,
      count: role === "web" ? 3 : 1,
      workload: Workload.docker({ image: IMAGE }),
      healthCheck: protocol === Protocol.HTTP ? HealthCheck.http("/health") : undefined,
    });
    services.set(name, service);
  }
  for (const [index, { name, targets }] of town.entries()) {
    for (const target of targets) {
      const readsOnly = index % 5 === 0 && services.get(target)?.protocol === Protocol.HTTP;
      services.get(name)?.connectTo(target, readsOnly ? { permissions: [HttpPermission.get("/v1/")] } : {});
    }
  }
  addTraffic(mesh, [...services.values()]);
  return mesh;
}

/** A canary of each district's first API, a datacenter to fall back to, and an outside. */
function addTraffic(mesh: ServiceMesh, services: readonly MeshService[]): void {
  const workload = Workload.docker({ image: IMAGE });
  for (const service of services.filter(({ serviceName }) => serviceName.endsWith("-api-1"))) {
    service.canary(service.addVersion("v2", { workload }), { percent: 10, header: "x-canary" });
  }
  const [first, last] = [services[0], services[services.length - 1]];
  mesh.addMeshGateway("mesh-gateway");
  first.resolve({ failover: Failover.datacenters("dc2") });
  const exit = mesh.addTerminatingGateway("exit");
  const mail = mesh.addExternalService("mail", {
    address: "mail.example.com",
    port: 587,
    tls: { caFile: "/etc/ssl/certs/ca-certificates.crt" },
  });
  exit.addService(mail);
  last.connectTo(mail);
}
