import type { CloudPlatform } from "../../linux/platform";
import { s3Assets } from "./assets";
import { instanceTags } from "./instance-tags";
import { lifecycleNotices } from "./lifecycle-notices";

/**
 * The most bytes of user data that EC2 takes, before base64.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
 */
export const USER_DATA_LIMIT = 16 * 1024;

/**
 * Hosts on AWS: assets from S3, secrets in Secrets Manager, facts from the tags of instances. It takes no package of AWS's.
 */
export const awsPlatform: CloudPlatform = {
  name: "AWS",
  userData: {
    bytes: USER_DATA_LIMIT,
    rule: "EC2 takes no more than 16 KiB of user data, counted after compression and before base64.",
  },
  autoJoin: "provider=aws tag_key=… tag_value=…",
  assetLocation: "s3://<bucket>/<prefix>",
  assetSource: s3Assets,
  instanceFacts: instanceTags,
  lifecycleNotices,
};
