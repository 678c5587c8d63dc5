import { createHash } from "node:crypto";
import { bytesOf, type HostFile } from "./host";
import { ValueError } from "../core/errors";
import { isToken } from "../core/token";
import { shellText, withoutValues } from "./instance-facts";
import type { AssetSource, CloudPlatform } from "./platform";
import { systemPackageLines } from "./packages/system";
import { commandLine } from "./shell";

/** The content of a file that machines fetch at boot, because it is too large for the user data. It must not be a secret. */
export interface Asset {
  /** Name below the location of the assets: the SHA-256 of the content. */
  readonly key: string;
  /** The content in base64, so that Terraform does not interpolate anything in it. */
  readonly base64: string;
}

/** Files with more characters than this become assets. */
const ASSET_CHARACTERS = 4096;

export function isLarge({ content }: HostFile): boolean {
  return content.length > ASSET_CHARACTERS;
}

export function assetOf(file: HostFile): Asset {
  const bytes = bytesOf(file);
  return { key: createHash("sha256").update(bytes).digest("hex"), base64: bytes.toString("base64") };
}

/**
 * Returns how machines fetch from a location: a web server, or a store of the cloud.
 *
 * @throws ValueError if machines cannot fetch from the location
 */
export function assetSource(location: string, platform?: CloudPlatform): AssetSource {
  const folder = location.replace(/\/$/, "");
  if (/^https:\/\/[^/]/.test(location)) {
    return { needs: ["ca-certificates", "curl"], command: `fetch ${shellText(folder)}/"$1" "$2"` };
  }
  const source = platform?.assetSource(folder);
  if (source !== undefined) return source;
  if (isToken(location)) {
    throw new ValueError(
      "The location of the assets is known only to Terraform.",
      'Start with a literal scheme, and pass the rest as instanceFact("assets", value), which machines read from their tags at boot.',
    );
  }
  const other =
    platform === undefined ? ", or set the platform that supports this location" : `, or ${platform.assetLocation}`;
  throw new ValueError(
    `Machines cannot fetch assets from "${withoutValues(location)}".`,
    `Use a location that begins with https://${other}.`,
  );
}

/**
 * Returns shell lines that fetch files. Files that are already present and complete are not fetched again.
 *
 * @param folder directory in which the contents are kept; each file has its own path below it
 */
export function assetLines(files: readonly HostFile[], source: AssetSource, folder: string): string[] {
  return [
    ...systemPackageLines(source.needs),
    `fetch_asset() { # <sha256> <file>
  ${source.command} && matches "$1" "$2"
}
asset() { # <sha256> <file>
  if [ -e "$2" ] && matches "$1" "$2"; then return; fi
  attempt fetch_asset "$1" "$work/$1"
  install -D -m 0600 "$work/$1" "$2"
}`,
    ...files.map((file) => commandLine(["asset", assetOf(file).key, `${folder}${file.path}`])),
  ];
}
