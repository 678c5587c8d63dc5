import { S3Bucket } from "@cdktf/provider-aws/lib/s3-bucket";
import {
  S3BucketLifecycleConfiguration,
  type S3BucketLifecycleConfigurationRule,
} from "@cdktf/provider-aws/lib/s3-bucket-lifecycle-configuration";
import { S3BucketLoggingA } from "@cdktf/provider-aws/lib/s3-bucket-logging";
import { S3BucketPolicy } from "@cdktf/provider-aws/lib/s3-bucket-policy";
import { S3BucketPublicAccessBlock } from "@cdktf/provider-aws/lib/s3-bucket-public-access-block";
import { S3BucketServerSideEncryptionConfigurationA } from "@cdktf/provider-aws/lib/s3-bucket-server-side-encryption-configuration";
import { S3BucketVersioningA } from "@cdktf/provider-aws/lib/s3-bucket-versioning";
import type { Construct } from "constructs";
import { policyDocument, type PolicyStatement } from "../access/policy";
import { tagsOf } from "../tags";

/** Options of {@link addPrivateBucket}. */
export interface PrivateBucketOptions {
  /** The globally unique name of the bucket. */
  readonly bucketName: string;
  /** Of the bucket, for people. */
  readonly name: string;
  /** @default S3's own key */
  readonly keyArn?: string;
  /** Whether it can be destroyed with its contents. */
  readonly forceDestroy: boolean;
  /** Whether a plan that would destroy it fails. */
  readonly isProtected: boolean;
  /** For how many days a version is kept that has been replaced or removed. */
  readonly oldVersionDays: number;
  /** After how many days objects are removed. @default never */
  readonly expiryDays?: number;
  /** Who else may use it, given its ARN. @default nobody */
  readonly statements?: (arn: string) => readonly PolicyStatement[];
  /** Where S3 logs who used it. @default nowhere */
  readonly logs?: { readonly bucketName: string };
}

/** A bucket, and the policy that must be there before somebody uses it. */
export interface PrivateBucket {
  readonly bucket: S3Bucket;
  readonly policy: S3BucketPolicy;
}

/** A bucket in a construct: versioned, encrypted, never public, and by TLS only. */
export function addPrivateBucket(scope: Construct, options: PrivateBucketOptions): PrivateBucket {
  const { keyArn } = options;
  const bucket = new S3Bucket(scope, "bucket", {
    bucket: options.bucketName,
    forceDestroy: options.forceDestroy,
    tags: tagsOf(scope, options.name),
    lifecycle: options.isProtected ? { preventDestroy: true } : undefined,
  });
  const { id } = bucket;
  new S3BucketVersioningA(scope, "versions", { bucket: id, versioningConfiguration: { status: "Enabled" } });
  new S3BucketServerSideEncryptionConfigurationA(scope, "encryption", {
    bucket: id,
    rule: [
      {
        applyServerSideEncryptionByDefault: {
          sseAlgorithm: keyArn === undefined ? "AES256" : "aws:kms",
          kmsMasterKeyId: keyArn,
        },
        bucketKeyEnabled: keyArn === undefined ? undefined : true,
      },
    ],
  });
  const publicAccess = new S3BucketPublicAccessBlock(scope, "public-access", {
    bucket: id,
    blockPublicAcls: true,
    blockPublicPolicy: true,
    ignorePublicAcls: true,
    restrictPublicBuckets: true,
  });
  const policy = new S3BucketPolicy(scope, "policy", {
    bucket: id,
    policy: policyDocument([tlsOnly(bucket.arn), ...(options.statements?.(bucket.arn) ?? [])]),
    dependsOn: [publicAccess],
  });
  new S3BucketLifecycleConfiguration(scope, "lifecycle", { bucket: id, rule: [lifecycleOf(options)] });
  if (options.logs !== undefined) {
    new S3BucketLoggingA(scope, "logging", {
      bucket: id,
      targetBucket: options.logs.bucketName,
      targetPrefix: `buckets/${options.name}/`,
    });
  }
  return { bucket, policy };
}

function lifecycleOf({ oldVersionDays, expiryDays }: PrivateBucketOptions): S3BucketLifecycleConfigurationRule {
  return {
    id: "old-versions",
    status: "Enabled",
    filter: [{ prefix: "" }],
    expiration: expiryDays === undefined ? undefined : [{ days: expiryDays }],
    noncurrentVersionExpiration: [{ noncurrentDays: oldVersionDays }],
    abortIncompleteMultipartUpload: [{ daysAfterInitiation: 7 }],
  };
}

/**
 * Names of actions are case-insensitive on AWS. Stand-ins of S3 that ignore conditions compare them exactly: as `s3:*` they would
 * refuse everything, also by TLS.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html
 */
function tlsOnly(arn: string): PolicyStatement {
  return {
    Sid: "RefusePlainHttp",
    Effect: "Deny",
    Principal: { AWS: "*" },
    Action: ["S3:*"],
    Resource: [arn, `${arn}/*`],
    Condition: { Bool: { "aws:SecureTransport": "false" } },
  };
}
