import { ConsulProvider } from "@cdktf/provider-consul/lib/provider";
import { NomadProvider } from "@cdktf/provider-nomad/lib/provider";
import { TerraformStack, type App } from "cdktf";
import { HealthCheck, Protocol, ServiceMesh, Workload } from "../constructs";
import { IMAGE, NEXT_URL, PORT, type RingService } from "./ring";

/** The ring as a user of Meshform writes it. */
export function buildWithMeshform(app: App, ring: readonly RingService[]): void {
  const stack = new TerraformStack(app, "mesh");
  new ConsulProvider(stack, "consul");
  new NomadProvider(stack, "nomad", { address: "http://127.0.0.1:4646" });
  const mesh = new ServiceMesh(stack, "mesh");

  const services = ring.map(({ name }) =>
    mesh.addService(name, {
      port: PORT,
      protocol: Protocol.HTTP,
      workload: Workload.docker({ image: IMAGE }),
      healthCheck: HealthCheck.http("/health"),
    }),
  );
  for (const [index, { targets }] of ring.entries()) {
    const [next, far] = targets;
    services[index].connectTo(next, { env: NEXT_URL });
    services[index].connectTo(far);
  }
}
