import { DefaultTokenResolver, StringConcat, TerraformResource, Tokenization } from "cdktf";
import type { IConstruct } from "constructs";
import type { CheckedApp } from "../../checks/check";

const resolver = new DefaultTokenResolver(new StringConcat());

/** A resource as Terraform's JSON has it. */
export interface RenderedResource {
  readonly resource: TerraformResource;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** What was rendered in a run of the checks, by type. The graph of a run is its own. */
const RUNS = new WeakMap<object, ReadonlyMap<string, LazyResources>>();

/** The resources of some types in a whole app, whichever construct made them, with what overrides made of them. */
export function resourcesOf({ root, graph }: CheckedApp, ...types: readonly string[]): readonly RenderedResource[] {
  const known = RUNS.get(graph) ?? resourcesByType(root);
  RUNS.set(graph, known);
  return types.flatMap((type) => {
    const resources = known.get(type);
    if (resources === undefined) return [];
    return (resources.rendered ??= resources.found.flatMap(render));
  });
}

interface LazyResources {
  readonly found: TerraformResource[];
  rendered?: readonly RenderedResource[];
}

function resourcesByType(root: IConstruct): ReadonlyMap<string, LazyResources> {
  const byType = new Map<string, LazyResources>();
  for (const node of root.node.findAll()) {
    if (TerraformResource.isTerraformResource(node)) {
      const type = node.terraformResourceType;
      const resources = byType.get(type) ?? { found: [] };
      resources.found.push(node);
      byType.set(type, resources);
    }
  }
  return byType;
}

function render(resource: TerraformResource): readonly RenderedResource[] {
  const rendered = Tokenization.resolve(resource.toTerraform(), { scope: resource, resolver }) as Rendered;
  return Object.values(rendered.resource ?? {})
    .flatMap((resources) => Object.values(resources))
    .map((attributes) => ({ resource, attributes }));
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
