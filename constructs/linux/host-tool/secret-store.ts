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

/** AWS Secrets Manager, reached with the credentials of the host's own role. */
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
  /** ARNs of the secrets, with and without the six characters that Secrets Manager appends. */
  readonly Resource: readonly string[];
}

/** Which account and partition the ARNs of {@link secretStorePolicy} name. */
export interface SecretStoreArnOptions {
  /** Number of the AWS account, or `*`. @default "*" */
  readonly account?: string;
  /** `aws`, `aws-cn` or `aws-us-gov`. @default "aws" */
  readonly partition?: string;
}

/**
 * What a reader's IAM role must allow: servers create and renew every secret of the store, everybody else reads the one that
 * is theirs.
 *
 * @see https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html
 */
export function secretStorePolicy(
  store: AwsSecretStore,
  reader: SecretReader,
  { account = "*", partition = "aws" }: SecretStoreArnOptions = {},
): IamStatement[] {
  // An ARN ends in six random characters, but not while there is no such secret yet.
  const arns = (name: string) =>
    ["", "-??????"].map(
      (end) => `arn:${partition}:secretsmanager:${store.region}:${account}:secret:${store.prefix}${name}${end}`,
    );
  if (reader !== "server") {
    return [
      {
        Sid: "ReadOwnSecret",
        Effect: "Allow",
        Action: ["secretsmanager:GetSecretValue"],
        Resource: arns(reader),
      },
    ];
  }
  return [
    {
      Sid: "KeepSecretsOfCluster",
      Effect: "Allow",
      Action: ["secretsmanager:CreateSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"],
      Resource: ["cluster", "client", "operator", "management", "prometheus"].flatMap(arns),
    },
  ];
}
