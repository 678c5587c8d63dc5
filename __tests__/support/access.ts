import type { TerraformStack } from "cdktf";
import { asTerraformYields, synthStack } from "./synth";

type Resource = Readonly<Record<string, unknown>>;

/** The resources of one type in a synthesized stack. */
export function resourcesIn(stack: TerraformStack, type: string): Resource[] {
  return Object.values(synthStack(stack).terraform.resource?.[type] ?? {});
}

/** The rules of each policy by its name, as the engine gets them. */
export function rulesIn(stack: TerraformStack, type: "consul_acl_policy" | "nomad_acl_policy"): Record<string, string> {
  return Object.fromEntries(
    resourcesIn(stack, type).map(({ name, rules, rules_hcl }) => [
      name as string,
      asTerraformYields((rules ?? rules_hcl) as string),
    ]),
  );
}
