import { S3Bucket } from "@cdktf/provider-aws/lib/s3-bucket";
import { S3BucketLifecycleConfiguration } from "@cdktf/provider-aws/lib/s3-bucket-lifecycle-configuration";
import { S3BucketPolicy } from "@cdktf/provider-aws/lib/s3-bucket-policy";
import { S3BucketPublicAccessBlock } from "@cdktf/provider-aws/lib/s3-bucket-public-access-block";
import { S3BucketServerSideEncryptionConfigurationA } from "@cdktf/provider-aws/lib/s3-bucket-server-side-encryption-configuration";
import { S3BucketVersioningA } from "@cdktf/provider-aws/lib/s3-bucket-versioning";
import { S3Object } from "@cdktf/provider-aws/lib/s3-object";
import { Construct } from "constructs";
import { instanceFact } from "../../linux/instance-facts";
import type { Asset } from "../../linux/assets";
import { policyDocument, type PolicyStatement } from "../access/policy";
import { AwsAccount } from "../account";
import { tagsOf } from "../tags";

/** What a bucket of assets is made from. */
export interface AssetsBucketOptions {
  readonly name: string;
  readonly keyArn: string;
}

/**
 * The bucket from which machines fetch at boot what user data has no room for. It has nothing that synthesis would not make again, so it
 * goes with the cluster.
 */
export class AssetsBucket extends Construct {
  /** Where it is, for `cloudInit`: its name is the account's, which only Terraform knows. */
  readonly location: string;
  private readonly bucket: S3Bucket;
  private readonly policy: S3BucketPolicy;

  constructor(
    scope: Construct,
    id: string,
    private readonly options: AssetsBucketOptions,
  ) {
    super(scope, id);
    const { name, keyArn } = options;
    const account = AwsAccount.of(this);
    // Names of buckets are unique in the world.
    const bucketName = `${name}-assets-${account.id}-${account.region}`;
    this.bucket = new S3Bucket(this, "bucket", {
      bucket: bucketName,
      forceDestroy: true,
      tags: tagsOf(this, `${name}-assets`),
    });
    const bucket = this.bucket.id;
    new S3BucketVersioningA(this, "versions", { bucket, versioningConfiguration: { status: "Enabled" } });
    new S3BucketServerSideEncryptionConfigurationA(this, "encryption", {
      bucket,
      rule: [
        {
          applyServerSideEncryptionByDefault: { sseAlgorithm: "aws:kms", kmsMasterKeyId: keyArn },
          bucketKeyEnabled: true,
        },
      ],
    });
    const publicAccess = new S3BucketPublicAccessBlock(this, "public-access", {
      bucket,
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    });
    this.policy = new S3BucketPolicy(this, "policy", {
      bucket,
      policy: policyDocument([tlsOnly(this.bucket.arn)]),
      dependsOn: [publicAccess],
    });
    new S3BucketLifecycleConfiguration(this, "lifecycle", {
      bucket,
      rule: [
        {
          id: "old-versions",
          status: "Enabled",
          filter: [{ prefix: "" }],
          noncurrentVersionExpiration: [{ noncurrentDays: 90 }],
          abortIncompleteMultipartUpload: [{ daysAfterInitiation: 7 }],
        },
      ],
    });
    this.location = `s3://${instanceFact("assets", bucketName)}/hosts`;
  }

  /** Puts an asset there. @returns what must be there before a machine boots */
  add({ key, base64 }: Asset): readonly (S3Object | S3BucketPolicy)[] {
    const found = this.node.tryFindChild(key) as S3Object | undefined;
    const object =
      found ??
      new S3Object(this, key, {
        bucket: this.bucket.id,
        key: `hosts/${key}`,
        contentBase64: base64,
        kmsKeyId: this.options.keyArn,
        tags: tagsOf(this, key.slice(0, 12)),
      });
    return [object, this.policy];
  }

  /** What a role that fetches from it may do. */
  readStatement(): PolicyStatement {
    return { Sid: "FetchAssets", Effect: "Allow", Action: ["s3:GetObject"], Resource: [`${this.bucket.arn}/hosts/*`] };
  }
}

function tlsOnly(arn: string): PolicyStatement {
  return {
    Sid: "RefusePlainHttp",
    Effect: "Deny",
    Principal: { AWS: "*" },
    Action: ["s3:*"],
    Resource: [arn, `${arn}/*`],
    Condition: { Bool: { "aws:SecureTransport": "false" } },
  };
}
