import { TerraformResource } from "cdktf";
import type { IConstruct } from "constructs";

/**
 * Whether a construct is a resource of a provider's class. By the type in Terraform, not by the class itself: a project may have
 * more than one copy of a provider's bindings.
 */
export function isResource<Resource extends TerraformResource>(
  { tfResourceType }: { new (...parameters: never[]): Resource; readonly tfResourceType: string },
  node: IConstruct,
): node is Resource {
  return TerraformResource.isTerraformResource(node) && node.terraformResourceType === tfResourceType;
}
