import type { Construct } from "constructs";
import { MeshError } from "../../constructs";
import { StateBucket } from "../../constructs/aws";
import { AwsStack } from "./aws-stack";
import type { AwsSettings } from "./settings";

/** The bucket with the state of the other stacks. Its own state is a local file: keep that file. If it is lost, import the bucket. */
export class AwsStateStack extends AwsStack {
  constructor(scope: Construct, id: string, settings: AwsSettings) {
    super(scope, id, { settings, hasRemoteState: false });
    const { stateBucket, deletionProtection } = settings;
    if (stateBucket === undefined) {
      throw new MeshError(
        this,
        "createStateBucket is set, and stateBucket is not.",
        "Set stateBucket to a name that is unique in the world (MESHFORM_AWS_STATE_BUCKET).",
      );
    }
    new StateBucket(this, "state", { bucketName: stateBucket, deletionProtection });
  }
}
