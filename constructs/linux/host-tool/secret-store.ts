/** A directory that all hosts of a cluster see and only root may enter (mode 0700), as the lab has one. */
export interface DirectorySecretStore {
  readonly type: "directory";
  /** Absolute path on each host. */
  readonly path: string;
}

/** AWS Secrets Manager, reached with the credentials of the host's own role. */
export interface AwsSecretStore {
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

/** Who reads a secret store: a host with a server agent, any other host, Prometheus, or a person. */
export type SecretReader = "server" | "client" | "prometheus" | "operator";

/** A statement of an IAM policy, as its JSON has it. */
export interface IamStatement {
  readonly Sid: string;
  readonly Effect: "Allow";
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
}

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
      Resource: ["cluster", "client", "operator", "prometheus"].flatMap(arns),
    },
  ];
}
