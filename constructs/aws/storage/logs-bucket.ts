import { Construct } from "constructs";
import * as is from "../../core/shape";
import type { PolicyStatement } from "../access/policy";
import { AwsAccount } from "../account";
import { addPrivateBucket } from "./private-bucket";

/** Props of {@link LogsBucket}. */
export interface LogsBucketProps {
  /** The first part of the bucket's name, `<name>-logs-<account>-<region>`. @default the construct's id */
  readonly name?: string;
  /** Whether a plan that would destroy it fails. With `false`, it is destroyed with its contents. @default true */
  readonly deletionProtection?: boolean;
}

const LOGS_BUCKET_SHAPE: is.Shape<LogsBucketProps> = {
  name: is.literal(is.name, "Use a literal name."),
  deletionProtection: is.literal(is.flag, "Use a literal value."),
};

/**
 * A bucket for the access logs of other buckets and of load balancers, which are kept for 90 days. It is encrypted with S3's own
 * key, since S3 and load balancers cannot write logs with another one.
 *
 * @example
 * const logs = new LogsBucket(stack, "prod");
 */
export class LogsBucket extends Construct {
  /** Its name. Resources that refer to it are created after its policy, which allows them to write. */
  readonly bucketName: string;

  constructor(scope: Construct, id: string, props: LogsBucketProps = {}) {
    super(scope, id);
    is.refuseWrongValues(this, props, LOGS_BUCKET_SHAPE);
    const { name = id, deletionProtection: isProtected = true } = props;
    const account = AwsAccount.of(this);
    const { policy } = addPrivateBucket(this, {
      bucketName: `${name}-logs-${account.id}-${account.region}`,
      name: `${name}-logs`,
      forceDestroy: !isProtected,
      isProtected,
      oldVersionDays: 1,
      expiryDays: 90,
      statements: (arn) => logWriters(arn, account),
    });
    this.bucketName = policy.id;
  }
}

/**
 * Which services of AWS may write logs of resources of this account.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
 * @see https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-access-logs.html
 * @see https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
 */
function logWriters(arn: string, { id }: AwsAccount): readonly PolicyStatement[] {
  const ofThisAccount = { StringEquals: { "aws:SourceAccount": id } };
  return [
    {
      Sid: "LetBucketsLog",
      Effect: "Allow",
      Principal: { Service: "logging.s3.amazonaws.com" },
      Action: ["s3:PutObject"],
      Resource: `${arn}/*`,
      Condition: ofThisAccount,
    },
    {
      Sid: "LetNetworkLoadBalancersLog",
      Effect: "Allow",
      Principal: { Service: "delivery.logs.amazonaws.com" },
      Action: ["s3:PutObject"],
      Resource: [`${arn}/load-balancers/*`],
      Condition: { StringEquals: { "aws:SourceAccount": id, "s3:x-amz-acl": "bucket-owner-full-control" } },
    },
    {
      Sid: "LetNetworkLoadBalancersLook",
      Effect: "Allow",
      Principal: { Service: "delivery.logs.amazonaws.com" },
      Action: ["s3:GetBucketAcl"],
      Resource: [arn],
      Condition: ofThisAccount,
    },
    {
      Sid: "LetApplicationLoadBalancersLog",
      Effect: "Allow",
      Principal: { Service: "logdelivery.elasticloadbalancing.amazonaws.com" },
      Action: ["s3:PutObject"],
      Resource: [`${arn}/load-balancers/*`],
      Condition: ofThisAccount,
    },
  ];
}
