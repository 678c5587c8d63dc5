import { bucketAssets } from "../../linux/bucket-assets";
import type { AssetSource } from "../../linux/platform";

/**
 * Asks in the region of the machine, which boto3 does not look up: without a region it asks in us-east-1, which the endpoint of a VPC for S3 does
 * not lead to.
 */
const PROGRAM = `import boto3, sys
from urllib.request import ProxyHandler, Request, build_opener
def ask(method, path, header, value):
    url = "http://169.254.169.254/latest/" + path
    request = Request(url, method=method, headers={"X-aws-ec2-metadata-token" + header: value})
    with build_opener(ProxyHandler({})).open(request, timeout=5) as answer:
        return answer.read().decode()
token = ask("PUT", "api/token", "-ttl-seconds", "60")
region = ask("GET", "meta-data/placement/region", "", token)
boto3.client("s3", region_name=region).download_file(*sys.argv[1:])`;

/** How machines fetch assets from `s3://<bucket>/<prefix>`, with the credentials of their own role. */
export function s3Assets(location: string): AssetSource | undefined {
  return bucketAssets(location, { scheme: "s3", program: PROGRAM, needs: ["ca-certificates", "python3-boto3"] });
}
