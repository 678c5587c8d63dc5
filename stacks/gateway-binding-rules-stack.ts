import { ConsulProvider } from "@cdktf/provider-consul/lib/provider";
import { TerraformStack } from "cdktf";
import type { Construct } from "constructs";
import { WorkloadIdentityAuthMethod, type WorkloadAuthMethod } from "../constructs";
import * as is from "../constructs/core/shape";
import { requireTerraform } from "./require-terraform";
import { ANY_SETTINGS_SHAPE, type Settings } from "./settings";

/** Props of {@link GatewayBindingRulesStack}. */
export type GatewayBindingRulesStackProps = Pick<Settings, "consulAddress" | "consulDatacenter">;

/**
 * The permissions of a mesh's gateways in Consul, for a cluster that already has access rules. Apply it with a management token,
 * before the mesh, which needs fewer permissions. It creates no tokens.
 */
export class GatewayBindingRulesStack extends TerraformStack {
  /** The tokens of workloads: gateways are allowed here. */
  readonly workloads: WorkloadAuthMethod;

  constructor(scope: Construct, id: string, props: GatewayBindingRulesStackProps = {}) {
    super(scope, id);
    is.refuseWrongValues(this, props, ANY_SETTINGS_SHAPE);
    requireTerraform(this);
    new ConsulProvider(this, "consul", { address: props.consulAddress, datacenter: props.consulDatacenter });
    this.workloads = WorkloadIdentityAuthMethod.fromName(this, "workloads");
  }
}
