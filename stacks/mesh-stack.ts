import { ConsulProvider } from "@cdktf/provider-consul/lib/provider";
import { NomadProvider, type NomadProviderConfig } from "@cdktf/provider-nomad/lib/provider";
import { TerraformStack } from "cdktf";
import type { Construct } from "constructs";
import { ServiceMesh, Sidecar, type WorkloadAuthMethod, type ServiceMeshProps } from "../constructs";
import { GatewayBindingRulesStack } from "./gateway-binding-rules-stack";
import * as is from "../constructs/core/shape";
import { requireTerraform } from "./require-terraform";
import { SETTINGS_SHAPE, type Settings } from "./settings";

/** Props of {@link MeshStack}. */
export interface MeshStackProps extends Settings {
  /**
   * The stack with the access rules, which is applied before. Where it has `workloads`, the gateways of the mesh are allowed
   * there.
   *
   * @default in a secure cluster one that just allows the gateways, named after the mesh's; else none
   */
  readonly access?: TerraformStack & {
    /** Where the gateways of the mesh get their rights. @default nowhere: they have none */
    readonly workloads?: WorkloadAuthMethod;
  };
  /** Additional props of the mesh, such as metrics and tracing. @default none */
  readonly mesh?: ServiceMeshProps;
}

const MESH_STACK_SHAPE: is.Shape<MeshStackProps> = {
  ...SETTINGS_SHAPE,
  access: is.like("a stack with access rules", "dependencies"),
  mesh: is.fields,
};

/**
 * The workloads: services, their jobs, and which service can reach which. It needs existing Consul and Nomad clusters. Their
 * addresses and tokens come from `CONSUL_HTTP_ADDR`, `NOMAD_ADDR` and so on, so that none is in the output.
 */
export class MeshStack extends TerraformStack {
  /** The mesh of the stack: add services, gateways and jobs here. */
  readonly mesh: ServiceMesh;

  constructor(scope: Construct, id: string, props: MeshStackProps) {
    super(scope, id);
    is.refuseWrongValues(this, props, MESH_STACK_SHAPE);
    requireTerraform(this);
    const { mesh, secure = false, ...settings } = props;
    const { consulAddress, consulDatacenter } = settings;
    const access =
      props.access ??
      (secure ? new GatewayBindingRulesStack(scope, `${id}-access`, { consulAddress, consulDatacenter }) : undefined);
    if (access !== undefined) {
      this.addDependency(access);
    }
    new ConsulProvider(this, "consul", { address: consulAddress, datacenter: consulDatacenter });
    // The bindings ask for an address; the provider itself takes it from NOMAD_ADDR when the block has none.
    new NomadProvider(this, "nomad", {
      address: settings.nomadAddress,
      region: settings.nomadRegion,
    } as NomadProviderConfig);
    this.mesh = new ServiceMesh(this, "mesh", {
      datacenter: consulDatacenter,
      primaryDatacenter: settings.consulPrimaryDatacenter,
      namespace: settings.nomadNamespace,
      nodePool: settings.nomadNodePool,
      sidecar: settings.runtime === "exec" ? Sidecar.exec() : Sidecar.docker(),
      gatewayAuthMethod: access?.workloads,
      ...mesh,
    });
  }
}
