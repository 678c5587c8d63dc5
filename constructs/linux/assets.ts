import { createHash } from "node:crypto";
import { bytesOf, type HostFile } from "./host";
import { ValueError } from "../core/errors";
import { fileLines } from "./host-lines";
import { commandLine, quote } from "./shell";

/** A content that machines fetch at boot, since user data has no room for it. It is no secret. */
export interface Asset {
  /** Its name below the location of the assets: the SHA-256 of the content. */
  readonly key: string;
  /** The content in base64, so that Terraform finds nothing to interpolate in it. */
  readonly base64: string;
}

/** Contents longer than this are assets. */
const ASSET_CHARACTERS = 4096;

export function isLarge({ content }: HostFile): boolean {
  return content.length > ASSET_CHARACTERS;
}

export function assetOf(file: HostFile): Asset {
  const bytes = bytesOf(file);
  return { key: createHash("sha256").update(bytes).digest("hex"), base64: bytes.toString("base64") };
}

/**
 * What the lines of this part need of the distribution.
 *
 * @throws ValueError if the location is none that a machine can fetch from
 */
export function assetNeeds(location: string): readonly string[] {
  if (/^https:\/\/[^/]/.test(location)) return ["ca-certificates", "curl"];
  if (/^s3:\/\/[^/]/.test(location)) return ["ca-certificates", "python3-boto3"];
  throw new ValueError(
    `Machines cannot fetch assets from "${location}".`,
    "Give an address that begins with https://, or s3://<bucket>/<prefix>.",
  );
}

/**
 * Shell lines that fetch files and put them in their places. What was fetched once is kept.
 *
 * @param folder where the contents are kept, each below it at its own path
 */
export function assetLines(files: readonly HostFile[], location: string, folder: string): string[] {
  if (files.length === 0) return [];
  return [
    `fetch_asset() { # <sha256>
  ${fetchCommand(location.replace(/\/$/, ""))} && matches "$1" "$work/$1"
}
asset() { # <sha256> <file>
  if [ -e "$2" ] && matches "$1" "$2"; then return; fi
  attempt fetch_asset "$1"
  install -D -m 0600 "$work/$1" "$2"
}`,
    ...files.map((file) => commandLine(["asset", assetOf(file).key, `${folder}${file.path}`])),
    ...fileLines(files, folder),
  ];
}

function fetchCommand(location: string): string {
  if (location.startsWith("https:")) return `fetch ${quote(location)}/"$1" "$work/$1"`;
  const [, bucket = "", prefix = ""] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(location) ?? [];
  const program = 'import boto3, sys; boto3.client("s3").download_file(*sys.argv[1:])';
  const folder = prefix === "" ? "" : `${quote(prefix)}/`;
  return `${commandLine(["python3", "-c", program, bucket])} ${folder}"$1" "$work/$1"`;
}
