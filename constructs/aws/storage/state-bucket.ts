import { Construct } from "constructs";
import * as is from "../../core/shape";
import { addPrivateBucket } from "./private-bucket";

/** Props of {@link StateBucket}. */
export interface StateBucketProps {
  /** A globally unique name. */
  readonly bucketName: string;
  /** Whether a plan that would destroy it fails. With `false`, it is destroyed with its contents. @default true */
  readonly deletionProtection?: boolean;
}

const STATE_BUCKET_SHAPE: is.Shape<StateBucketProps> = {
  bucketName: is.required(is.name),
  deletionProtection: is.literal(is.flag, "Use a literal value."),
};

/**
 * A bucket for Terraform's state: versioned, encrypted with S3's own key, never public, and by TLS only. Old versions are kept
 * for 90 days.
 *
 * @see https://developer.hashicorp.com/terraform/language/backend/s3
 *
 * @example
 * new StateBucket(stack, "state", { bucketName: "example-terraform-state" });
 */
export class StateBucket extends Construct {
  constructor(scope: Construct, id: string, props: StateBucketProps) {
    super(scope, id);
    is.refuseWrongValues(this, props, STATE_BUCKET_SHAPE);
    const { bucketName, deletionProtection: isProtected = true } = props;
    addPrivateBucket(this, {
      bucketName,
      name: bucketName,
      forceDestroy: !isProtected,
      isProtected,
      oldVersionDays: 90,
    });
  }
}
