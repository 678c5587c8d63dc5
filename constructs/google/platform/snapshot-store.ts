import type { CloudStoreKind } from "../../linux/platform";
import type { IamGrant } from "./grant";

/**
 * A bucket of Cloud Storage, reached with the identity of the machine's service account. Snapshots hold secrets: keep it private,
 * and for servers only.
 */
export type GoogleSnapshotStore = Readonly<{
  /** Tells it from a directory. */
  type: "google-cloud-storage";
  /** Name of the bucket. */
  bucket: string;
  /** What the names of this cluster's snapshots begin with, e.g. `prod/`. @default "" */
  prefix?: string;
}>;

/** The host tool has a module for it. */
export const snapshotBucket: CloudStoreKind = {
  settings: { bucket: "name", prefix: "optional" },
  needs: ["ca-certificates"],
};

/**
 * The role that the service account of servers needs: to list, save, fetch and remove snapshots in the bucket.
 *
 * @see https://cloud.google.com/storage/docs/access-control/iam-roles
 */
export function snapshotStoreGrants({ bucket }: GoogleSnapshotStore): IamGrant[] {
  return [{ role: "roles/storage.objectUser", bucket }];
}
