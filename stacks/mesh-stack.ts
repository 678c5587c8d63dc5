import { ConsulProvider } from "@cdktf/provider-consul/lib/provider";
import { NomadProvider, type NomadProviderConfig } from "@cdktf/provider-nomad/lib/provider";
import { TerraformStack } from "cdktf";
import type { Construct } from "constructs";
import { ServiceMesh, Sidecar, type ServiceMeshProps } from "../constructs";
import type { Settings } from "./settings";

/** Props of {@link MeshStack}. */
export interface MeshStackProps extends Settings {
  /** The stack with the access rules, which is applied before. @default none: they are there, or there are none */
  readonly access?: TerraformStack;
  /** What the mesh has beside what the settings say: metrics, tracing and so on. @default nothing */
  readonly mesh?: ServiceMeshProps;
}

/**
 * The workloads: services, their jobs, and who may reach whom. It needs a Consul and a Nomad that are there already, and
 * finds them by their own variables (`CONSUL_HTTP_ADDR`, `NOMAD_ADDR`, …), so that no address or token is in the output.
 */
export class MeshStack extends TerraformStack {
  readonly mesh: ServiceMesh;

  constructor(scope: Construct, id: string, { access, mesh, ...settings }: MeshStackProps) {
    super(scope, id);
    if (access !== undefined) {
      this.addDependency(access);
    }
    new ConsulProvider(this, "consul", { address: settings.consulAddress, datacenter: settings.consulDatacenter });
    // The bindings ask for an address; the provider itself takes it from NOMAD_ADDR when the block has none.
    new NomadProvider(this, "nomad", {
      address: settings.nomadAddress,
      region: settings.nomadRegion,
    } as NomadProviderConfig);
    this.mesh = new ServiceMesh(this, "mesh", {
      datacenter: settings.consulDatacenter,
      namespace: settings.nomadNamespace,
      nodePool: settings.nomadNodePool,
      sidecar: settings.runtime === "exec" ? Sidecar.exec() : Sidecar.docker(),
      ...mesh,
    });
  }
}
