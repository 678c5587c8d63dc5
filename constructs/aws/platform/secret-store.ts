import { SECRET_DOCUMENTS, type SecretDocument, type SecretReader } from "../../linux/host-tool/secret-store";
import type { CloudStoreKind } from "../../linux/platform";

/**
 * AWS Secrets Manager, reached with the credentials of the host's own role. The five secrets that {@link secretNames} lists must
 * exist, without a value: Terraform creates them, so that no host need be allowed to, and the first server to boot writes the
 * values, which Terraform never sees.
 */
export type AwsSecretStore = Readonly<{
  /** Tells it from a directory. */
  type: "aws-secrets-manager";
  /** What the names of the cluster's secrets begin with, e.g. `meshform/prod/`. */
  prefix: string;
  /** e.g. `eu-central-1` */
  region: string;
  /** URL of the service, for a VPC endpoint or a test. @default the region's own */
  endpoint?: string;
}>;

/** The host tool has a module for it. */
export const secretsManager: CloudStoreKind = {
  settings: { prefix: "text", region: "name", endpoint: "optional" },
  needs: ["python3-boto3"],
};

/**
 * A statement of an IAM policy, as its JSON has it.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
 */
export interface IamStatement {
  /** Names the statement within its policy. */
  readonly Sid: string;
  /** IAM denies what no statement allows. */
  readonly Effect: "Allow";
  /** Actions of Secrets Manager, e.g. `secretsmanager:GetSecretValue`. */
  readonly Action: readonly string[];
  /** ARNs of the secrets. */
  readonly Resource: readonly string[];
  /** When it applies. @default always */
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/**
 * The names of the secrets that a cluster needs in AWS Secrets Manager, by document. Create each without a value.
 *
 * @see https://github.com/hashicorp/terraform-provider-aws/blob/main/website/docs/r/secretsmanager_secret.html.markdown
 */
export function secretNames({ prefix }: AwsSecretStore): Record<SecretDocument, string> {
  const names = SECRET_DOCUMENTS.map((document) => [document, `${prefix}${document}`]);
  return Object.fromEntries(names) as Record<SecretDocument, string>;
}

/**
 * The name of the secret that the primary datacenter of a WAN federation needs in addition to those of {@link secretNames}. Create it without
 * a value.
 */
export function federationSecretName({ prefix }: AwsSecretStore): string {
  return `${prefix}federation`;
}

/**
 * The permissions that the IAM roles of servers need for the secret {@link federationSecretName} of the primary datacenter, in addition to
 * those of {@link secretStorePolicy}: its own servers write it, and those of the other datacenters read it. If its key is not the one of
 * AWS, they also need `kms:Decrypt` for that.
 *
 * @param arn of the secret
 * @param servers of the primary datacenter, or of another one
 */
export function federationSecretPolicy(arn: string, servers: "primary" | "other"): IamStatement[] {
  const read = "secretsmanager:GetSecretValue";
  return [
    servers === "primary"
      ? { Sid: "KeepFederation", Effect: "Allow", Action: [read, "secretsmanager:PutSecretValue"], Resource: [arn] }
      : { Sid: "ReadFederation", Effect: "Allow", Action: [read], Resource: [arn] },
  ];
}

/**
 * The permissions that a reader's IAM role needs: servers read and write every secret of the store, all others read only their own secret.
 * No role can create secrets.
 *
 * @param arns of the secrets, whole, as Terraform knows them: no wildcard is needed
 * @see https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html
 *
 * @example
 * secretStorePolicy({ cluster: "arn:aws:secretsmanager:…", … }, "client")
 */
export function secretStorePolicy(
  arns: Readonly<Record<SecretDocument, string>>,
  reader: SecretReader,
): IamStatement[] {
  if (reader !== "server") {
    return [
      {
        Sid: "ReadOwnSecret",
        Effect: "Allow",
        Action: ["secretsmanager:GetSecretValue"],
        Resource: [arns[reader]],
      },
    ];
  }
  return [
    {
      Sid: "KeepSecretsOfCluster",
      Effect: "Allow",
      Action: ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"],
      Resource: SECRET_DOCUMENTS.map((document) => arns[document]),
    },
  ];
}
