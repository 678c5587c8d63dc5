import { ConfigEntry } from "@cdktf/provider-consul/lib/config-entry";
import { TerraformElement, TerraformStack } from "cdktf";
import type { IConstruct } from "constructs";
import type * as consul from "../consul/generated/config-entries";
import { isResource } from "../core/resource-type";
import { fromTerraformJson } from "../core/terraform-json";
import { isToken } from "../core/token";
import type { GivenEntry } from "./given-entries";

/**
 * Returns the config entries of plain resources of the provider, except for those that only Terraform knows.
 *
 * @param own resources that belong to the graph
 */
export function plainEntriesIn(root: IConstruct, own: ReadonlySet<unknown>): readonly GivenEntry[] {
  return root.node.findAll().flatMap((node): GivenEntry[] => {
    if (!TerraformElement.isTerraformElement(node) || own.has(node) || !isResource(ConfigEntry, node)) {
      return [];
    }
    const { kindInput: kind, nameInput: name, partitionInput: partition, namespaceInput: namespace } = node;
    const content = fromTerraformJson(node.configJsonInput);
    if (content === undefined || isToken(kind) || isToken(name)) {
      return [];
    }
    const origin = { path: node.node.path, stack: TerraformStack.of(node).node.path };
    return [
      {
        origin,
        tenancy: { partition, namespace },
        entry: { ...content, Kind: kind, Name: name } as consul.ConfigEntry,
      },
    ];
  });
}

/** Returns the name of an entry. Consul has one entry of the kind `mesh`, with this name. */
export function nameOf(entry: Omit<consul.ConfigEntry, "Kind"> & { readonly Name?: string }): string {
  return entry.Name ?? "mesh";
}
