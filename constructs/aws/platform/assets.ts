import { shellText } from "../../linux/instance-facts";
import type { AssetSource } from "../../linux/platform";
import { commandLine } from "../../linux/shell";

const PROGRAM = 'import boto3, sys; boto3.client("s3").download_file(*sys.argv[1:])';

/** How machines fetch assets from `s3://<bucket>/<prefix>`, with the credentials of their own role. */
export function s3Assets(location: string): AssetSource | undefined {
  const match = /^s3:\/\/([^/]+)\/?(.*)$/.exec(location);
  if (match === null) return undefined;
  const [, bucket = "", prefix = ""] = match;
  const key = prefix === "" ? '"$1"' : `${shellText(prefix)}/"$1"`;
  return {
    needs: ["ca-certificates", "python3-boto3"],
    command: `${commandLine(["python3", "-c", PROGRAM])} ${shellText(bucket)} ${key} "$2"`,
  };
}
