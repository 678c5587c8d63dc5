import { TerraformResource } from "cdktf";
import type { IConstruct } from "constructs";

/**
 * Whether a construct is a resource of a type, such as `nomad_job`. Not by its class: a project may have more than one copy of a
 * provider's bindings.
 */
export function isResource<Resource extends TerraformResource>(type: string, node: IConstruct): node is Resource {
  return TerraformResource.isTerraformResource(node) && node.terraformResourceType === type;
}
