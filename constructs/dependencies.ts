import { TerraformStack, type TerraformResource } from "cdktf";
import type { ConsulConfigEntry } from "./consul/consul-config-entry";

/** What a resource waits for; an entry that has nothing to say is not waited for. */
export type Needs = readonly (ConsulConfigEntry | TerraformResource | undefined)[];

/**
 * Has Terraform make other resources first. They are asked for at synthesis, when the graph is complete, and count where they
 * are in the same stack: between stacks, the order of the stacks decides.
 */
export function dependAtSynthesis(resource: TerraformResource, needs: () => Needs): void {
  const stack = TerraformStack.of(resource);
  let added = resource.dependsOn ?? [];
  Object.defineProperty(resource, "dependsOn", {
    enumerable: true,
    get: (): string[] | undefined => {
      const addresses = needs()
        .map((need) => (need !== undefined && "emitted" in need ? need.emitted : need))
        .filter((need) => need !== undefined)
        .filter((need) => TerraformStack.of(need) === stack)
        .map(addressOf);
      const all = new Set([...added, ...addresses]);
      return all.size === 0 ? undefined : [...all];
    },
    // What a user adds counts beside them.
    set: (dependencies: string[] | undefined) => {
      added = dependencies ?? [];
    },
  });
}

function addressOf(resource: TerraformResource): string {
  return `${resource.terraformResourceType}.${resource.friendlyUniqueId}`;
}
