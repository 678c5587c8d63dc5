/**
 * A directory that only root may enter (mode 0700), as the lab has one. Each document is in a folder of its own: the hosts
 * with a server agent share the whole directory, any other host its folder `client` and no more.
 */
export interface DirectorySecretStore {
  /** Tells it from {@link AwsSecretStore}. */
  readonly type: "directory";
  /** Absolute path on each host. A host that is no server has `<path>/client` there. */
  readonly path: string;
}

/**
 * AWS Secrets Manager, reached with the credentials of the host's own role. The five secrets that {@link secretNames} lists must exist, without
 * a value: Terraform creates them, so that no host need be allowed to, and the first server to boot writes the values, which Terraform never sees.
 */
export interface AwsSecretStore {
  /** Tells it from {@link DirectorySecretStore}. */
  readonly type: "aws-secrets-manager";
  /** What the names of the cluster's secrets begin with, e.g. `meshform/prod/`. */
  readonly prefix: string;
  /** e.g. `eu-central-1` */
  readonly region: string;
  /** URL of the service, for a VPC endpoint or a test. @default the region's own */
  readonly endpoint?: string;
}

/** Where a cluster keeps its secrets. */
export type SecretStore = DirectorySecretStore | AwsSecretStore;

/**
 * Who reads a secret store: a host with a server agent, any other host, Prometheus, a person, or who applies access rules with
 * the management tokens.
 */
export type SecretReader = "server" | "client" | "prometheus" | "operator" | "management";

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
}

/** The documents of a secret store. */
export const SECRET_DOCUMENTS = ["cluster", "client", "operator", "management", "prometheus"] as const;
/** One of the documents of a secret store. */
export type SecretDocument = (typeof SECRET_DOCUMENTS)[number];

/**
 * The names of the secrets that a cluster needs in AWS Secrets Manager, by document. Create each without a value.
 *
 * @see https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/secretsmanager_secret
 */
export function secretNames({ prefix }: AwsSecretStore): Record<SecretDocument, string> {
  const names = SECRET_DOCUMENTS.map((document) => [document, `${prefix}${document}`]);
  return Object.fromEntries(names) as Record<SecretDocument, string>;
}

/**
 * What a reader's IAM role must allow: servers read and write every secret of the store, everybody else reads the one that is theirs.
 * Nobody creates one.
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
