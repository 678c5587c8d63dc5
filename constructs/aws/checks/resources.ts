import { DefaultTokenResolver, StringConcat, TerraformResource, Tokenization } from "cdktf";
import type { IConstruct } from "constructs";

const resolver = new DefaultTokenResolver(new StringConcat());

/** A resource as Terraform's JSON has it. */
export interface RenderedResource {
  readonly resource: TerraformResource;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** The resources of some types in a whole app, whichever construct made them, with what overrides made of them. */
export function* resourcesOf(root: IConstruct, ...types: readonly string[]): Generator<RenderedResource> {
  for (const node of root.node.findAll()) {
    if (TerraformResource.isTerraformResource(node) && types.includes(node.terraformResourceType)) {
      const rendered = Tokenization.resolve(node.toTerraform(), { scope: node, resolver }) as Rendered;
      for (const resources of Object.values(rendered.resource ?? {})) {
        for (const attributes of Object.values(resources)) {
          yield { resource: node, attributes };
        }
      }
    }
  }
}

interface Rendered {
  readonly resource?: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>;
}

/** The blocks of an attribute: none, one, or a list of them. */
export function blocksOf(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return [value ?? []].flat() as unknown as readonly Readonly<Record<string, unknown>>[];
}

/** Whether an attribute is true, as a flag or as the text that the provider's types ask for. */
export function isTrue(value: unknown): boolean {
  return value === true || value === "true";
}
