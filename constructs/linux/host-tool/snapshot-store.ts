import type { IamStatement } from "./secret-store";

/**
 * A directory that only root may enter. Where all servers share it, new servers find in it what lost ones have saved; otherwise each has the
 * snapshots that it has saved itself.
 */
export interface DirectorySnapshotStore {
  /** Tells it from {@link BucketSnapshotStore}. */
  readonly type: "directory";
  /** Absolute path on each server. It is made where it is missing. */
  readonly path: string;
}

/** A bucket of S3, reached with the credentials of the host's own role. Snapshots hold secrets: keep it private and encrypted. */
export interface BucketSnapshotStore {
  /** Tells it from {@link DirectorySnapshotStore}. */
  readonly type: "s3";
  /** Name of the bucket. */
  readonly bucket: string;
  /** What the keys of this cluster's snapshots begin with, e.g. `prod/`. @default "" */
  readonly prefix?: string;
  /** e.g. `eu-central-1` */
  readonly region: string;
  /** URL of the service, for a VPC endpoint or a test. @default the region's own */
  readonly endpoint?: string;
}

/** Where servers keep snapshots of their state. */
export type SnapshotStore = DirectorySnapshotStore | BucketSnapshotStore;

/** How servers save what they know. */
export interface SnapshotOptions {
  /** @default the directory /var/lib/meshform/snapshots of each server */
  readonly store?: SnapshotStore;
  /** Seconds between two snapshots. @default 3600 */
  readonly everySeconds?: number;
  /** How many of each engine are kept. @default 48 */
  readonly retain?: number;
}

/** @internal */
export const DEFAULT_SNAPSHOT_STORE: SnapshotStore = { type: "directory", path: "/var/lib/meshform/snapshots" };

/**
 * What the IAM role of servers must allow on a bucket of snapshots: to list, save, fetch and remove those of the cluster.
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
