/**
 * A role that the service account of a group of machines needs, on a secret, a bucket or the project. Each is a
 * `google_secret_manager_secret_iam_member`, a `google_storage_bucket_iam_member` or a `google_project_iam_member` of Terraform.
 *
 * @see https://cloud.google.com/iam/docs/roles-overview
 */
export interface IamGrant {
  /** Predefined role, e.g. `roles/secretmanager.secretAccessor`. */
  readonly role: string;
  /** Name of the secret. @default the grant is not on a secret */
  readonly secret?: string;
  /** Name of the bucket. @default the grant is not on a bucket */
  readonly bucket?: string;
  /** Name of the project. @default the grant is not on a project */
  readonly project?: string;
  /**
   * A condition, as CEL.
   * @default none
   * @see https://cloud.google.com/iam/docs/conditions-overview
   */
  readonly condition?: string;
}
