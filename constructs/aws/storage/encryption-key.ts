import { KmsAlias } from "@cdktf/provider-aws/lib/kms-alias";
import { KmsKey } from "@cdktf/provider-aws/lib/kms-key";
import { Construct } from "constructs";
import { policyDocument, type PolicyStatement } from "../access/policy";
import { AwsAccount } from "../account";
import { awsName } from "../names";
import { tagsOf } from "../tags";

/** Options of {@link EncryptionKey}. */
export interface EncryptionKeyOptions {
  readonly name: string;
  readonly isProtected: boolean;
  /** Names of log groups that it encrypts. @default none */
  readonly logGroups?: readonly string[];
}

/**
 * A KMS key of the cluster for disks, secrets, buckets and logs, which AWS rotates each year. IAM policies define who can use it, except
 * that the key policy must allow EC2 Auto Scaling to start machines with encrypted disks.
 *
 * @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html
 */
export class EncryptionKey extends Construct {
  readonly arn: string;

  constructor(scope: Construct, id: string, { name, isProtected, logGroups = [] }: EncryptionKeyOptions) {
    super(scope, id);
    const account = AwsAccount.of(this);
    const key = new KmsKey(this, "key", {
      description: `Disks, secrets and buckets of the cluster ${name}`,
      enableKeyRotation: true,
      policy: policyDocument([...keyPolicy(account), ...logGroups.map((group) => logsStatement(account, group))]),
      deletionWindowInDays: 30,
      tags: tagsOf(this, name),
      lifecycle: isProtected ? { preventDestroy: true } : undefined,
    });
    new KmsAlias(this, "alias", { name: awsName(this, "alias of a key", `alias/${name}`), targetKeyId: key.keyId });
    this.arn = key.arn;
  }
}

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html */
function logsStatement({ id, partition, region }: AwsAccount, group: string): PolicyStatement {
  const arn = `arn:${partition}:logs:${region}:${id}:log-group:${group}`;
  return {
    Sid: "LetCloudWatchEncryptLogs",
    Effect: "Allow",
    Principal: { Service: `logs.${region}.amazonaws.com` },
    Action: ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
    Resource: ["*"],
    Condition: { ArnEquals: { "kms:EncryptionContext:aws:logs:arn": arn } },
  };
}

function keyPolicy({ id, partition }: AwsAccount) {
  // The role is made by AWS with the first Auto Scaling group of an account, and must not be named as a principal before.
  const role = `arn:${partition}:iam::${id}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling`;
  const ofAutoScaling = { "aws:PrincipalArn": role };
  return [
    {
      Sid: "LeaveItToPoliciesOfTheAccount",
      Effect: "Allow",
      Principal: { AWS: `arn:${partition}:iam::${id}:root` },
      Action: ["kms:*"],
      Resource: ["*"],
    },
    {
      Sid: "LetAutoScalingUseIt",
      Effect: "Allow",
      Principal: { AWS: "*" },
      Action: ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
      Resource: ["*"],
      Condition: { StringEquals: ofAutoScaling },
    },
    {
      Sid: "LetAutoScalingAttachDisks",
      Effect: "Allow",
      Principal: { AWS: "*" },
      Action: ["kms:CreateGrant"],
      Resource: ["*"],
      Condition: { StringEquals: ofAutoScaling, Bool: { "kms:GrantIsForAWSResource": "true" } },
    },
  ] as const;
}
