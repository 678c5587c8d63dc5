import { CloudwatchMetricAlarm } from "@cdktf/provider-aws/lib/cloudwatch-metric-alarm";
import type { Construct } from "constructs";
import { tagsOf } from "../tags";

/** Options of {@link addTooFewAlarm}. */
export interface TooFewAlarmOptions {
  /** Name of the alarm, unique in the account and region. */
  readonly name: string;
  /** What is wrong when it fires, and what to look at. */
  readonly description: string;
  readonly namespace: string;
  readonly metric: string;
  readonly dimensions: Readonly<Record<string, string>>;
  /** The lowest value that is right. */
  readonly atLeast: number;
  /** For how many minutes in a row it must be lower. */
  readonly minutes: number;
  /** ARN of the topic that is told, also when it is over. */
  readonly topicArn: string;
}

/**
 * Adds an alarm for a metric that falls below a minimum. Missing data counts as below it.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
 */
export function addTooFewAlarm(scope: Construct, id: string, options: TooFewAlarmOptions): void {
  new CloudwatchMetricAlarm(scope, id, {
    alarmName: options.name,
    alarmDescription: options.description,
    namespace: options.namespace,
    metricName: options.metric,
    dimensions: { ...options.dimensions },
    statistic: "Minimum",
    period: 60,
    evaluationPeriods: options.minutes,
    comparisonOperator: "LessThanThreshold",
    threshold: options.atLeast,
    treatMissingData: "breaching",
    alarmActions: [options.topicArn],
    okActions: [options.topicArn],
    tags: tagsOf(scope, options.name),
  });
}
