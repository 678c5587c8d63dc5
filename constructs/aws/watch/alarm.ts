import { CloudwatchMetricAlarm } from "@cdktf/provider-aws/lib/cloudwatch-metric-alarm";
import type { Construct } from "constructs";
import { tagsOf } from "../tags";

/** Options of {@link addAlarm}. */
export interface AlarmOptions {
  /** Name of the alarm, unique in the account and region. */
  readonly name: string;
  /** What is wrong when it fires, and what to look at. */
  readonly description: string;
  readonly namespace: string;
  readonly metric: string;
  readonly dimensions: Readonly<Record<string, string>>;
  /** The lowest value that is right. @default none: `atMost` applies */
  readonly atLeast?: number;
  /** The highest value that is right, if `atLeast` is not set. @default 0 */
  readonly atMost?: number;
  /** For how many minutes in a row the value must be wrong. */
  readonly minutes: number;
  /** ARN of the topic that is told, also when it is over. */
  readonly topicArn: string;
}

/**
 * Adds an alarm for a metric that falls below a minimum, or exceeds a maximum. Missing data counts as wrong.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
 */
export function addAlarm(scope: Construct, id: string, options: AlarmOptions): void {
  const { atLeast, atMost = 0 } = options;
  const isMinimum = atLeast !== undefined;
  new CloudwatchMetricAlarm(scope, id, {
    alarmName: options.name,
    alarmDescription: options.description,
    namespace: options.namespace,
    metricName: options.metric,
    dimensions: { ...options.dimensions },
    statistic: isMinimum ? "Minimum" : "Maximum",
    period: 60,
    evaluationPeriods: options.minutes,
    comparisonOperator: isMinimum ? "LessThanThreshold" : "GreaterThanThreshold",
    threshold: isMinimum ? atLeast : atMost,
    treatMissingData: "breaching",
    alarmActions: [options.topicArn],
    okActions: [options.topicArn],
    tags: tagsOf(scope, options.name),
  });
}
