import * as is from "../../core/shape";

/** @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
const DAYS = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/** For how many days CloudWatch keeps logs: one of the values that it allows. @internal */
export const RETENTION_DAYS = is.rule(DAYS.join(", "), "Choose one of these.", (value) =>
  DAYS.includes(value as number),
);
