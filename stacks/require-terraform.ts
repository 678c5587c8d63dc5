import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TerraformStack } from "cdktf";

/** The oldest version that has `terraform_data`. */
const OLDEST = ">= 1.4";

/**
 * Has a stack refuse older versions of Terraform, in a file next to its JSON: checkov ignores all of a JSON file that has
 * `required_version`. The last call for a stack counts.
 *
 * @see https://developer.hashicorp.com/terraform/language/terraform#terraform-required_version
 */
export function requireTerraform(stack: TerraformStack, versions = OLDEST): void {
  const { synthesizer } = stack;
  stack.synthesizer = {
    synthesize: (session) => {
      synthesizer.synthesize(session);
      const { workingDirectory } = session.manifest.forStack(stack);
      const text = `terraform {\n  required_version = ${JSON.stringify(versions)}\n}\n`;
      writeFileSync(join(session.outdir, workingDirectory, "versions.tf"), text);
    },
  };
}
