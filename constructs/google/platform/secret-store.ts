import { SECRET_DOCUMENTS, type SecretDocument, type SecretReader } from "../../linux/host-tool/secret-store";
import type { CloudStoreKind } from "../../linux/platform";
import type { IamGrant } from "./grant";

/**
 * Secret Manager, reached with the identity of the machine's service account. The five secrets that {@link googleSecretNames} lists
 * must exist, without a version: Terraform creates them, so that no host need be allowed to, and the first server to boot writes
 * the values, which Terraform never sees.
 *
 * The bucket has a small object for each secret, with the number of its current version. Hosts need it because Secret Manager adds
 * versions without a condition: of several servers that boot at once, the first must win. It contains no secret.
 *
 * @see https://cloud.google.com/secret-manager/docs/reference/consistency
 * @see https://cloud.google.com/storage/docs/request-preconditions
 */
export type GoogleSecretStore = Readonly<{
  /** Tells it from a directory. */
  type: "google-secret-manager";
  /** The project of the secrets, e.g. `acme-prod`. */
  project: string;
  /** What the names of the cluster's secrets and objects begin with, e.g. `prod-`: letters, digits, dashes and underscores. */
  prefix: string;
  /** Name of the bucket that says which versions are current. Only servers may write to it. */
  bucket: string;
}>;

/** The host tool has a module for it, which needs nothing but Python. */
export const secretManager: CloudStoreKind = {
  settings: {
    project: "name",
    prefix: {
      pattern: /^[\w-]{0,240}$/,
      allowed: "letters, digits, dashes and underscores",
      fix: 'Use a prefix that can begin the name of a secret, e.g. "prod-".',
    },
    bucket: "name",
  },
  needs: ["ca-certificates"],
};

/**
 * The names of the secrets that a cluster needs in Secret Manager, by document. Create each without a version.
 *
 * @see https://github.com/hashicorp/terraform-provider-google/blob/main/website/docs/r/secret_manager_secret.html.markdown
 */
export function googleSecretNames({ prefix }: Pick<GoogleSecretStore, "prefix">): Record<SecretDocument, string> {
  const names = SECRET_DOCUMENTS.map((document) => [document, `${prefix}${document}`]);
  return Object.fromEntries(names) as Record<SecretDocument, string>;
}

/**
 * The name of the secret that the primary datacenter of a WAN federation needs in addition to those of {@link googleSecretNames}. Create it
 * without a version.
 */
export function googleFederationSecretName({ prefix }: Pick<GoogleSecretStore, "prefix">): string {
  return `${prefix}federation`;
}

/**
 * The roles that the service accounts of servers need for the secret {@link googleFederationSecretName} of the primary datacenter, in addition
 * to those of {@link secretStoreGrants}: its own servers write it, and those of the other datacenters read it.
 *
 * @param store of the primary datacenter
 * @param servers of the primary datacenter, or of another one
 */
export function federationSecretGrants(store: GoogleSecretStore, servers: "primary" | "other"): IamGrant[] {
  const secret = googleFederationSecretName(store);
  return servers === "primary" ? writersGrants(secret) : readersGrants(store.bucket, secret);
}

/** Without those for the bucket, which servers have for all of their secrets. */
function writersGrants(secret: string): IamGrant[] {
  return [
    { role: "roles/secretmanager.secretAccessor", secret },
    { role: "roles/secretmanager.secretVersionManager", secret },
  ];
}

function readersGrants(bucket: string, secret: string): IamGrant[] {
  const object = `projects/_/buckets/${bucket}/objects/${secret}`;
  return [
    { role: "roles/secretmanager.secretAccessor", secret },
    { role: "roles/storage.objectViewer", bucket, condition: `resource.name == "${object}"` },
  ];
}

/**
 * The roles that a reader's service account needs: servers read, add and destroy versions of every secret of the store, all others
 * read only their own secret. None can create or delete secrets.
 *
 * @see https://cloud.google.com/secret-manager/docs/access-control
 *
 * @example
 * secretStoreGrants({ type: "google-secret-manager", project: "acme-prod", prefix: "prod-", bucket: "acme-prod-current" }, "client")
 */
export function secretStoreGrants(store: GoogleSecretStore, reader: SecretReader): IamGrant[] {
  const names = googleSecretNames(store);
  const { bucket } = store;
  if (reader !== "server") {
    return readersGrants(bucket, names[reader]);
  }
  return [...Object.values(names).flatMap(writersGrants), { role: "roles/storage.objectUser", bucket }];
}
