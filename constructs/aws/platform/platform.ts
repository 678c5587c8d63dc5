import type { CloudPlatform } from "../../linux/platform";
import { s3Assets } from "./assets";
import { instanceTags } from "./instance-tags";
import { lifecycleNotices } from "./lifecycle-notices";
import { cloudWatchLogs } from "./log-store";
import { cloudWatch } from "./metric-store";
import { secretsManager } from "./secret-store";
import { snapshotBucket } from "./snapshot-store";

/**
 * The most bytes of user data that EC2 takes, before base64.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
 */
export const USER_DATA_LIMIT = 16 * 1024;

/**
 * Hosts on AWS: assets from S3, secrets in Secrets Manager ({@link AwsSecretStore}), snapshots in a bucket ({@link BucketSnapshotStore}), metrics in CloudWatch ({@link CloudWatchMetricStore}), logs there too ({@link CloudWatchLogStore}), facts from
 * the tags of instances, which takes `metadata_options { instance_metadata_tags = "enabled" }`. With `lifecycleNotices` hosts complete the hooks of their
 * Auto Scaling group ({@link LIFECYCLE_HOOKS}), and leave before a spot instance is interrupted: their role needs
 * `autoscaling:CompleteLifecycleAction`. It takes no package of AWS's.
 *
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/work-with-tags-in-IMDS.html
 *
 * @example
 * const consul = new ConsulServers(stack, "consul", {
 *   platform: awsPlatform,
 *   join: ["provider=aws tag_key=consul tag_value=prod"],
 *   secretStore: { type: "aws-secrets-manager", prefix: "meshform/prod/", region: "eu-central-1" },
 * });
 */
export const awsPlatform: CloudPlatform = {
  name: "AWS",
  userData: {
    bytes: USER_DATA_LIMIT,
    rule: "EC2 limits user data to 16 KiB, after compression and before base64.",
  },
  autoJoin: "provider=aws tag_key=… tag_value=…",
  assetLocation: "s3://<bucket>/<prefix>",
  assetSource: s3Assets,
  hostToolModule: "aws",
  secretStores: { "aws-secrets-manager": secretsManager },
  snapshotStores: { s3: snapshotBucket },
  metricStores: { cloudwatch: cloudWatch },
  logStores: { "cloudwatch-logs": cloudWatchLogs },
  instanceFacts: instanceTags,
  lifecycleNotices,
};
