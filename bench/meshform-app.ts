import { ConsulProvider } from "@cdktf/provider-consul/lib/provider";
import { NomadProvider } from "@cdktf/provider-nomad/lib/provider";
import { TerraformStack, type App } from "cdktf";
import { HealthCheck, MeshService, Protocol, ServiceMesh, Workload } from "../constructs";
import { IMAGE, MESH_STACK, NEXT_URL, PORT, type RingService } from "./ring";

/** The ring as a user of Meshform writes it. */
export function buildWithMeshform(app: App, ring: readonly RingService[]): void {
  const mesh = new ServiceMesh(stackWithProviders(app, MESH_STACK), "mesh");
  const teams = new Map<string, TerraformStack>();

  const services = ring.map(({ name, stack }) => {
    const props = {
      port: PORT,
      protocol: Protocol.HTTP,
      workload: Workload.docker({ image: IMAGE }),
      healthCheck: HealthCheck.http("/health"),
    };
    if (stack === MESH_STACK) {
      return mesh.addService(name, props);
    }
    const team = teams.get(stack) ?? stackWithProviders(app, stack);
    teams.set(stack, team);
    return new MeshService(team, name, { mesh, ...props });
  });
  for (const [index, { targets }] of ring.entries()) {
    const [next, ...others] = targets;
    services[index].connectTo(next, { env: NEXT_URL });
    for (const other of others) {
      services[index].connectTo(other);
    }
  }
}

function stackWithProviders(app: App, name: string): TerraformStack {
  const stack = new TerraformStack(app, name);
  new ConsulProvider(stack, "consul");
  new NomadProvider(stack, "nomad", { address: "http://127.0.0.1:4646" });
  return stack;
}
