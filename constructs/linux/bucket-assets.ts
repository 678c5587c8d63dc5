import { shellText } from "./instance-facts";
import type { AssetSource } from "./platform";
import { commandLine } from "./shell";

/** How a cloud serves the objects of a bucket. */
export interface BucketAccess {
  /** What locations begin with, before `://`. */
  readonly scheme: string;
  /** A Python program that fetches an object; its arguments are the bucket, the name of the object, and a file. */
  readonly program: string;
  /** Packages of the distribution that the program needs. */
  readonly needs: readonly string[];
}

/** How machines fetch assets from `<scheme>://<bucket>/<prefix>`; undefined for another location. */
export function bucketAssets(location: string, { scheme, program, needs }: BucketAccess): AssetSource | undefined {
  const [, found, bucket = "", prefix = ""] = /^(\w+):\/\/([^/]+)\/?(.*)$/.exec(location) ?? [];
  if (found !== scheme) return undefined;
  const key = prefix === "" ? '"$1"' : `${shellText(prefix)}/"$1"`;
  return { needs, command: `${commandLine(["python3", "-c", program])} ${shellText(bucket)} ${key} "$2"` };
}
