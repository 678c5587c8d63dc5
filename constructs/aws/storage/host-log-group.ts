import { CloudwatchLogGroup } from "@cdktf/provider-aws/lib/cloudwatch-log-group";
import { Construct } from "constructs";
import { instanceFact } from "../../linux/instance-facts";
import { AwsAccount } from "../account";
import { awsName } from "../names";
import { logStorePolicy, type CloudWatchLogStore } from "../platform/log-store";
import type { IamStatement } from "../platform/secret-store";
import { tagsOf } from "../tags";

/** Options of {@link HostLogGroup}. */
export interface HostLogGroupOptions {
  /** Name of the cluster. */
  readonly name: string;
  readonly keyArn: string;
  readonly retentionDays: number;
}

/** Name of the log group of a cluster's machines, which the policy of its key contains. */
export function hostLogGroupName(name: string): string {
  return `/meshform/${name}/hosts`;
}

/**
 * The log group to which the machines of a cluster send their journals. They cannot create it, so that it does not come back when the
 * cluster is destroyed.
 */
export class HostLogGroup extends Construct {
  /** The store, as hosts know it. */
  readonly store: CloudWatchLogStore;
  private readonly arn: string;

  constructor(scope: Construct, id: string, { name, keyArn, retentionDays }: HostLogGroupOptions) {
    super(scope, id);
    const group = awsName(this, "log group", hostLogGroupName(name));
    const { arn } = new CloudwatchLogGroup(this, "group", {
      name: group,
      retentionInDays: retentionDays,
      kmsKeyId: keyArn,
      tags: tagsOf(this, group),
    });
    this.arn = arn;
    this.store = { type: "cloudwatch-logs", group, region: instanceFact("region", AwsAccount.of(this).region) };
  }

  /** What the role of a machine may do there. */
  statements(): readonly IamStatement[] {
    return logStorePolicy(this.arn);
  }
}
