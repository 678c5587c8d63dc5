import { ConsulProvider } from "@cdktf/provider-consul/lib/provider";
import { NomadProvider, type NomadProviderConfig } from "@cdktf/provider-nomad/lib/provider";
import { TerraformStack } from "cdktf";
import type { Construct } from "constructs";
import { ServiceMesh, Sidecar } from "../constructs";
import type { Settings } from "./settings";

/**
 * The workloads: services, their jobs, and who may reach whom. It needs a Consul and a Nomad that are there already, and
 * finds them by their own variables (`CONSUL_HTTP_ADDR`, `NOMAD_ADDR`, …), so that no address or token is in the output.
 */
export class MeshStack extends TerraformStack {
  readonly mesh: ServiceMesh;

  constructor(scope: Construct, id: string, settings: Settings) {
    super(scope, id);
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
    });
  }
}
