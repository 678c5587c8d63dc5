import type { CloudStoreKind } from "../../linux/platform";
import type { IamStatement } from "./secret-store";

/** Metrics of CloudWatch, reached with the credentials of the host's own role. */
export type CloudWatchMetricStore = Readonly<{
  /** Tells it from other stores. */
  type: "cloudwatch";
  /** What the metrics of this cluster are in, e.g. `Meshform/prod`. */
  namespace: string;
  /** e.g. `eu-central-1` */
  region: string;
  /** URL of the service, for a VPC endpoint or a test. @default the region's own */
  endpoint?: string;
}>;

/** The host tool has a module for it. */
export const cloudWatch: CloudStoreKind = {
  settings: { namespace: "name", region: "name", endpoint: "optional" },
  needs: ["python3-boto3"],
};

/**
 * The permission that the IAM role of servers needs, for metrics of this namespace only. The action does not support resource-level
 * permissions.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/iam-cw-condition-keys-namespace.html
 */
export function metricStorePolicy({ namespace }: CloudWatchMetricStore): IamStatement[] {
  return [
    {
      Sid: "PutHealthMetrics",
      Effect: "Allow",
      Action: ["cloudwatch:PutMetricData"],
      Resource: ["*"],
      Condition: { StringEquals: { "cloudwatch:namespace": namespace } },
    },
  ];
}
