import { AwsProvider } from "@cdktf/provider-aws/lib/provider";
import { TerraformStack } from "cdktf";
import type { Construct } from "constructs";
import { requireTerraform } from "../require-terraform";
import type { AwsSettings } from "./settings";
import { keepState } from "./state";

/** A stack with resources on AWS: provider, state and the versions of Terraform that can apply it. */
export class AwsStack extends TerraformStack {
  constructor(scope: Construct, id: string, { settings, hasRemoteState }: AwsStackOptions) {
    super(scope, id);
    new AwsProvider(this, "aws", { region: settings.region });
    requireTerraform(this);
    if (hasRemoteState) keepState(this, settings);
  }
}

/** Options of {@link AwsStack}. */
export interface AwsStackOptions {
  /** Region, and where the state is. */
  readonly settings: AwsSettings;
  /** Whether its state is in the bucket of the settings, if there is one. */
  readonly hasRemoteState: boolean;
}
