import type { S3Bucket } from "@cdktf/provider-aws/lib/s3-bucket";
import type { S3BucketPolicy } from "@cdktf/provider-aws/lib/s3-bucket-policy";
import { S3Object } from "@cdktf/provider-aws/lib/s3-object";
import { Construct } from "constructs";
import * as is from "../../core/shape";
import { instanceFact } from "../../linux/instance-facts";
import type { Asset } from "../../linux/assets";
import type { IamStatement } from "../platform/secret-store";
import { AwsAccount } from "../account";
import { tagsOf } from "../tags";
import type { LogsBucket } from "./logs-bucket";
import { addPrivateBucket } from "./private-bucket";

/** Props of {@link AssetsBucket}. */
export interface AssetsBucketProps {
  /** The first part of the bucket's name, `<name>-assets-<account>-<region>`. @default the construct's id */
  readonly name?: string;
  /** ARN of the key that encrypts it. @default S3's own key */
  readonly keyArn?: string;
  /** Where S3 logs who uses it. @default nowhere */
  readonly logs?: LogsBucket;
}

const ASSETS_BUCKET_SHAPE: is.Shape<AssetsBucketProps> = {
  name: is.literal(is.name, "Use a literal name."),
  keyArn: is.name,
  logs: is.like("a LogsBucket", "bucketName"),
};

/**
 * The bucket from which machines download, at boot, files that do not fit into user data. Synthesis can create all of its
 * contents again, so it is destroyed with the cluster.
 *
 * @example
 * const assets = new AssetsBucket(stack, "prod", { keyArn });
 */
export class AssetsBucket extends Construct {
  /** Where it is, for `cloudInit`: its name is the account's, which only Terraform knows. */
  readonly location: string;
  private readonly bucket: S3Bucket;
  private readonly policy: S3BucketPolicy;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: AssetsBucketProps = {},
  ) {
    super(scope, id);
    is.refuseWrongValues(this, props, ASSETS_BUCKET_SHAPE);
    const { name = id, keyArn, logs } = props;
    const account = AwsAccount.of(this);
    // Names of buckets are globally unique.
    const bucketName = `${name}-assets-${account.id}-${account.region}`;
    const { bucket, policy } = addPrivateBucket(this, {
      bucketName,
      name: `${name}-assets`,
      keyArn,
      forceDestroy: true,
      isProtected: false,
      oldVersionDays: 90,
      logs,
    });
    this.bucket = bucket;
    this.policy = policy;
    this.location = `s3://${instanceFact("assets", bucketName)}/hosts`;
  }

  /** Puts an asset there. @internal @returns what must be there before a machine boots */
  add({ key, base64 }: Asset): readonly (S3Object | S3BucketPolicy)[] {
    const found = this.node.tryFindChild(key) as S3Object | undefined;
    const object =
      found ??
      new S3Object(this, key, {
        bucket: this.bucket.id,
        key: `hosts/${key}`,
        contentBase64: base64,
        kmsKeyId: this.props.keyArn,
        tags: tagsOf(this, key.slice(0, 12)),
      });
    return [object, this.policy];
  }

  /** The IAM statement for roles that read from it. */
  readStatement(): IamStatement {
    return { Sid: "FetchAssets", Effect: "Allow", Action: ["s3:GetObject"], Resource: [`${this.bucket.arn}/hosts/*`] };
  }
}
