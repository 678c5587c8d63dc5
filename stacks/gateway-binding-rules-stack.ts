import { ConsulProvider } from "@cdktf/provider-consul/lib/provider";
import { TerraformStack } from "cdktf";
import type { Construct } from "constructs";
import { WorkloadIdentityAuthMethod, type WorkloadAuthMethod } from "../constructs";
import * as is from "../constructs/core/shape";
import { ANY_SETTINGS_SHAPE, type Settings } from "./settings";

/** Props of {@link GatewayBindingRulesStack}. */
export type GatewayBindingRulesStackProps = Pick<Settings, "consulAddress" | "consulDatacenter">;

/**
 * What the gateways of a mesh may do in Consul, where the access rules of the cluster are there already. Like those it is
 * applied with a management token, and makes none itself; the mesh is applied after it, with less.
 */
export class GatewayBindingRulesStack extends TerraformStack {
  /** The tokens of workloads: gateways are allowed here. */
  readonly workloads: WorkloadAuthMethod;

  constructor(scope: Construct, id: string, props: GatewayBindingRulesStackProps = {}) {
    super(scope, id);
    is.refuseWrongValues(this, props, ANY_SETTINGS_SHAPE);
    new ConsulProvider(this, "consul", { address: props.consulAddress, datacenter: props.consulDatacenter });
    this.workloads = WorkloadIdentityAuthMethod.fromName(this, "workloads");
  }
}
