import { SecretsmanagerSecret } from "@cdktf/provider-aws/lib/secretsmanager-secret";
import { Construct } from "constructs";
import { instanceFact } from "../../linux/instance-facts";
import { secretNames, secretStorePolicy, type AwsSecretStore, type IamStatement } from "../platform/secret-store";
import { SECRET_DOCUMENTS, type SecretDocument, type SecretReader } from "../../linux/host-tool/secret-store";
import { AwsAccount } from "../account";
import { tagsOf } from "../tags";

/** Options of {@link ClusterSecrets}. */
export interface ClusterSecretsOptions {
  readonly name: string;
  readonly keyArn: string;
  readonly isProtected: boolean;
}

/**
 * The secrets of a cluster in AWS Secrets Manager. Terraform creates them without values. The first server that boots writes the
 * values, so that none is in Terraform's state.
 */
export class ClusterSecrets extends Construct {
  /** The store, as hosts know it. */
  readonly store: AwsSecretStore;
  private readonly arns: Readonly<Record<SecretDocument, string>>;

  constructor(scope: Construct, id: string, { name, keyArn, isProtected }: ClusterSecretsOptions) {
    super(scope, id);
    const region = instanceFact("region", AwsAccount.of(this).region);
    this.store = { type: "aws-secrets-manager", prefix: `meshform/${name}/`, region };
    const names = secretNames(this.store);
    const arns = SECRET_DOCUMENTS.map((document) => {
      const secret = new SecretsmanagerSecret(this, document, {
        name: names[document],
        description: `The cluster ${name}: what the document ${document} holds`,
        kmsKeyId: keyArn,
        // With a recovery window, the name stays in use, and a cluster of the same name could not be created again at once.
        recoveryWindowInDays: 0,
        tags: tagsOf(this, names[document]),
        lifecycle: isProtected ? { preventDestroy: true } : undefined,
      });
      return [document, secret.arn] as const;
    });
    this.arns = Object.fromEntries(arns) as Record<SecretDocument, string>;
  }

  /** The IAM statements for the role of a reader. */
  statements(reader: SecretReader): readonly IamStatement[] {
    return secretStorePolicy(this.arns, reader);
  }
}
