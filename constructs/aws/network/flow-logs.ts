import { CloudwatchLogGroup } from "@cdktf/provider-aws/lib/cloudwatch-log-group";
import { FlowLog } from "@cdktf/provider-aws/lib/flow-log";
import { IamRole } from "@cdktf/provider-aws/lib/iam-role";
import { IamRolePolicy } from "@cdktf/provider-aws/lib/iam-role-policy";
import { Construct } from "constructs";
import type { Place } from "../../core/problems";
import * as is from "../../core/shape";
import { sharedClass } from "../../core/shared-class";
import { trustPolicy, policyDocument } from "../access/policy";
import { AwsAccount } from "../account";
import { awsName } from "../names";
import { RETENTION_DAYS } from "../storage/log-retention";
import { tagsOf } from "../tags";

/** Options of {@link FlowLogs.toCloudWatch}. */
export interface FlowLogsOptions {
  /** How many days CloudWatch keeps the logs: one of the values that it allows. @default 365 */
  readonly retentionDays?: number;
  /** ARN of a key that CloudWatch Logs may use. @default CloudWatch's own encryption */
  readonly kmsKeyArn?: string;
}

const FLOW_LOGS_SHAPE: is.Shape<FlowLogsOptions> = {
  retentionDays: RETENTION_DAYS,
  kmsKeyArn: is.name,
};

/** The destination of a network's flow logs, which record accepted and rejected traffic. */
export class FlowLogs {
  static {
    sharedClass(this, "FlowLogs");
  }

  /** Sends flow logs to a new log group. */
  static toCloudWatch(options: FlowLogsOptions = {}): FlowLogs {
    return new FlowLogs("cloudwatch", is.optionsOf("FlowLogs.toCloudWatch", options));
  }

  /**
   * Sends flow logs to an existing S3 bucket. Its policy must allow `delivery.logs.amazonaws.com` to write to it.
   *
   * @param arn ARN of the bucket, or of a folder in it
   */
  static toBucket(arn: string): FlowLogs {
    return new FlowLogs("bucket", {}, arn);
  }

  private constructor(
    private readonly kind: "cloudwatch" | "bucket",
    private readonly options: FlowLogsOptions,
    private readonly bucketArn?: string,
  ) {}

  /** @internal */
  examine(place: Place): void {
    is.examineProperties(place, this.options, FLOW_LOGS_SHAPE);
    (this.kind === "bucket" ? is.required(is.name) : is.anything)(place, "toBucket", this.bucketArn);
  }

  /** @internal */
  bind(scope: Construct, name: string, vpcId: string): void {
    const at = new Construct(scope, "flow-logs");
    const { kmsKeyArn, retentionDays = 365 } = this.options;
    const common = { vpcId, trafficType: "ALL", tags: tagsOf(at, name) };
    if (this.kind === "bucket") {
      new FlowLog(at, "log", { ...common, logDestinationType: "s3", logDestination: this.bucketArn });
      return;
    }
    const group = new CloudwatchLogGroup(at, "group", {
      name: awsName(at, "log group", `/meshform/${name}/flow-logs`),
      retentionInDays: retentionDays,
      kmsKeyId: kmsKeyArn,
      tags: tagsOf(at, name),
    });
    const role = new IamRole(at, "role", {
      name: awsName(at, "role", `${name}-flow-logs`),
      assumeRolePolicy: trustPolicy("vpc-flow-logs.amazonaws.com", {
        StringEquals: { "aws:SourceAccount": AwsAccount.of(at).id },
      }),
      tags: tagsOf(at, `${name}-flow-logs`),
    });
    new IamRolePolicy(at, "policy", {
      name: "write-flow-logs",
      role: role.name,
      policy: policyDocument([
        {
          Sid: "WriteFlowLogs",
          Effect: "Allow",
          Action: ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
          Resource: [`${group.arn}:*`],
        },
      ]),
    });
    new FlowLog(at, "log", {
      ...common,
      logDestinationType: "cloud-watch-logs",
      logDestination: group.arn,
      iamRoleArn: role.arn,
    });
  }
}
