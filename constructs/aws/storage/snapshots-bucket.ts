import { Construct } from "constructs";
import { instanceFact } from "../../linux/instance-facts";
import { snapshotStorePolicy, type BucketSnapshotStore } from "../platform/snapshot-store";
import type { IamStatement } from "../platform/secret-store";
import { AwsAccount } from "../account";
import { addPrivateBucket } from "./private-bucket";

/** What a bucket of snapshots is made from. */
export interface SnapshotsBucketOptions {
  readonly name: string;
  readonly keyArn: string;
  readonly isProtected: boolean;
}

/**
 * The bucket where the servers of a cluster save what they know, and from which new ones restore it. The host tool removes old snapshots; for 30 days
 * more they are there as old versions. Unless it is protected it goes with all that is in it.
 */
export class SnapshotsBucket extends Construct {
  /** The store, as hosts know it. */
  readonly store: BucketSnapshotStore;
  private readonly arn: string;

  constructor(scope: Construct, id: string, { name, keyArn, isProtected }: SnapshotsBucketOptions) {
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
