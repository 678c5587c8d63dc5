import type { CloudStoreKind } from "../../linux/platform";
import type { IamStatement } from "./secret-store";

/** A bucket of S3, reached with the credentials of the host's own role. Snapshots hold secrets: keep it private and encrypted. */
export type BucketSnapshotStore = Readonly<{
  /** Tells it from a directory. */
  type: "s3";
  /** Name of the bucket. */
  bucket: string;
  /** What the keys of this cluster's snapshots begin with, e.g. `prod/`. @default "" */
  prefix?: string;
  /** e.g. `eu-central-1` */
  region: string;
  /** URL of the service, for a VPC endpoint or a test. @default the region's own */
  endpoint?: string;
}>;

/** The host tool has a module for it. */
export const snapshotBucket: CloudStoreKind = {
  settings: { bucket: "name", prefix: "optional", region: "name", endpoint: "optional" },
  needs: ["python3-boto3"],
};

/**
 * The permissions that the IAM role of servers needs: to list, save, fetch and remove the cluster's snapshots in the bucket.
 *
 * @param bucketArn the bucket's ARN, as Terraform knows it
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/security_iam_service-with-iam.html
 */
export function snapshotStorePolicy({ prefix = "" }: BucketSnapshotStore, bucketArn: string): IamStatement[] {
  return [
    {
      Sid: "ListSnapshots",
      Effect: "Allow",
      Action: ["s3:ListBucket"],
      Resource: [bucketArn],
    },
    {
      Sid: "KeepSnapshots",
      Effect: "Allow",
      Action: ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
      Resource: [`${bucketArn}/${prefix}*`],
    },
  ];
}
