import { TerraformResource } from "cdktf";
import type { IConstruct } from "constructs";

/**
 * Whether a construct is a resource of a provider's class. It compares the resource type of Terraform instead of the class, since a project
 * can have more than one copy of a provider's bindings.
 */
export function isResource<Resource extends TerraformResource>(
  { tfResourceType }: { new (...parameters: never[]): Resource; readonly tfResourceType: string },
  node: IConstruct,
): node is Resource {
  return TerraformResource.isTerraformResource(node) && node.terraformResourceType === tfResourceType;
}
