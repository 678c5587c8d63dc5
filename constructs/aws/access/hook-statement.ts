import type { IConstruct } from "constructs";
import { AwsAccount } from "../account";
import type { IamStatement } from "../platform/secret-store";

/** ARN of an Auto Scaling group by its name; EC2 Auto Scaling puts an id of its own in the middle. */
export function groupArn(scope: IConstruct, groupName: string): string {
  const { partition, region, id } = AwsAccount.of(scope);
  return `arn:${partition}:autoscaling:${region}:${id}:autoScalingGroup:*:autoScalingGroupName/${groupName}`;
}

/** Allows machines to complete the lifecycle hooks of their own group. */
export function completeHooksStatement(scope: IConstruct, groupName: string): IamStatement {
  return {
    Sid: "CompleteOwnHooks",
    Effect: "Allow",
    Action: ["autoscaling:CompleteLifecycleAction"],
    Resource: [groupArn(scope, groupName)],
  };
}
