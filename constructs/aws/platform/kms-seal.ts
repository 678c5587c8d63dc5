import * as is from "../../core/shape";
import { Seal } from "../../linux/seal";

/** Options of {@link awsKmsSeal}. */
export interface AwsKmsSealOptions {
  /** Id, ARN or alias of the key. */
  readonly keyId: string;
  /** AWS region of the key. */
  readonly region: string;
  /** URL of KMS, such as that of a VPC endpoint. @default that of the region */
  readonly endpoint?: string;
}

const AWS_KMS_SHAPE: is.Shape<AwsKmsSealOptions> = {
  keyId: is.required(is.name),
  region: is.required(is.name),
  endpoint: is.rule("a URL with https or http", "Use a URL.", (value) => is.httpUrl(value) !== undefined),
};

/**
 * A key of AWS KMS, with which Vault unseals itself. The role of the machines needs `kms:Encrypt`, `kms:Decrypt` and `kms:DescribeKey`
 * for the key.
 *
 * @see https://developer.hashicorp.com/vault/docs/configuration/seal/awskms
 */
export function awsKmsSeal(options: AwsKmsSealOptions): Seal {
  const { keyId, region, endpoint } = is.optionsOf("awsKmsSeal", options);
  return Seal.from("awskms", { kms_key_id: keyId, region, endpoint }, options, AWS_KMS_SHAPE);
}
