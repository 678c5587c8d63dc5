import type { CloudStoreKind } from "../../linux/platform";
import type { IamStatement } from "./secret-store";

/** A log group of CloudWatch, reached with the credentials of the host's own role. It must exist: Terraform creates it. */
export type CloudWatchLogStore = Readonly<{
  /** Tells it from other stores. */
  type: "cloudwatch-logs";
  /** Name of the log group, e.g. `/meshform/prod/hosts`. Each host has its own stream in it. */
  group: string;
  /** e.g. `eu-central-1` */
  region: string;
  /** URL of the service, for a VPC endpoint or a test. @default the region's own */
  endpoint?: string;
}>;

/** The host tool has a module for it. */
export const cloudWatchLogs: CloudStoreKind = {
  settings: { group: "name", region: "name", endpoint: "optional" },
  needs: ["python3-boto3"],
};

/**
 * The permissions that the IAM role of a host needs: to write into streams of this log group. It can neither read logs nor create groups.
 *
 * @param groupArn the ARN of the log group, as Terraform knows it
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/permissions-reference-cwl.html
 */
export function logStorePolicy(groupArn: string): IamStatement[] {
  return [
    {
      Sid: "SendLogs",
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
      Resource: [`${groupArn}:*`],
    },
  ];
}
