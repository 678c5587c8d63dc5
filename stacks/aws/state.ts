import { S3Backend, type TerraformStack } from "cdktf";
import { requireTerraform } from "../require-terraform";
import type { AwsSettings } from "./settings";

/**
 * Has a stack keep its state in the bucket of the settings, if there is one, with a lock file next to it.
 *
 * @see https://developer.hashicorp.com/terraform/language/backend/s3
 */
export function keepState(
  stack: TerraformStack,
  { stateBucket: bucket, region, stateRegion = region, name }: AwsSettings,
): void {
  if (bucket === undefined) return;
  new S3Backend(stack, { bucket, region: stateRegion, key: `${name}/${stack.node.id}.tfstate`, encrypt: true });
  // The toolkit has no property for it.
  stack.addOverride("terraform.backend.s3.use_lockfile", true);
  requireTerraform(stack, ">= 1.10");
}
