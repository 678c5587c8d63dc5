import { Construct } from "constructs";
import { instanceFact } from "../../linux/instance-facts";
import { snapshotStorePolicy, type BucketSnapshotStore } from "../platform/snapshot-store";
import type { IamStatement } from "../platform/secret-store";
import { AwsAccount } from "../account";
import type { LogsBucket } from "./logs-bucket";
import { addPrivateBucket } from "./private-bucket";

/** Options of {@link SnapshotsBucket}. */
export interface SnapshotsBucketOptions {
  readonly name: string;
  readonly keyArn: string;
  readonly isProtected: boolean;
  /** Where S3 logs who used it. */
  readonly logs: LogsBucket;
}

/**
 * The bucket in which the servers of a cluster save snapshots, and from which new servers restore them. The host tool removes old
 * snapshots; S3 keeps them as old versions for 30 more days. Unless the bucket is protected, it is destroyed with its contents.
 */
export class SnapshotsBucket extends Construct {
  /** The store, as hosts know it. */
  readonly store: BucketSnapshotStore;
  private readonly arn: string;

  constructor(scope: Construct, id: string, { name, keyArn, isProtected, logs }: SnapshotsBucketOptions) {
    super(scope, id);
    const account = AwsAccount.of(this);
    const bucketName = `${name}-snapshots-${account.id}-${account.region}`;
    const { bucket } = addPrivateBucket(this, {
      bucketName,
      name: `${name}-snapshots`,
      keyArn,
      forceDestroy: !isProtected,
      isProtected,
      oldVersionDays: 30,
      logs,
    });
    this.arn = bucket.arn;
    this.store = {
      type: "s3",
      bucket: instanceFact("snapshots", bucketName),
      region: instanceFact("region", account.region),
    };
  }

  /** What the role of a server may do there. */
  statements(): readonly IamStatement[] {
    return snapshotStorePolicy(this.store, this.arn);
  }
}
