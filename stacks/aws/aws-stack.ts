import { AwsProvider } from "@cdktf/provider-aws/lib/provider";
import { TerraformStack } from "cdktf";
import type { Construct } from "constructs";
import type { AwsSettings } from "./settings";
import { keepState } from "./state";

/** A stack with resources on AWS: provider and state. It names no `required_version`: checkov cannot read JSON that does. */
export class AwsStack extends TerraformStack {
  constructor(scope: Construct, id: string, { settings, hasRemoteState }: AwsStackOptions) {
    super(scope, id);
    new AwsProvider(this, "aws", { region: settings.region });
    if (hasRemoteState) keepState(this, settings);
  }
}

/** Options of {@link AwsStack}. */
export interface AwsStackOptions {
  readonly settings: AwsSettings;
  readonly hasRemoteState: boolean;
}
