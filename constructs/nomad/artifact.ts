import * as is from "../core/shape";
import { knownEntries, mergeMaps } from "../core/collections";
import type * as nomad from "./generated/job";

/**
 * A file or archive that Nomad downloads before a task starts.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/artifact
 */
export interface ArtifactOptions {
  /** URL in the format of go-getter: http, https, git, hg, s3 or gcs. Archives are unpacked. */
  readonly source: string;
  /** Path of the download below the task's directory: a directory, or with the mode `file` a file. @default "local/" */
  readonly destination?: string;
  /** Whether the source is a file or a directory. @default "any": go-getter detects it */
  readonly mode?: "any" | "file" | "dir";
  /** Algorithm and digest in hexadecimal, such as `"sha256:2c26b4…"`. @default none: the download is not verified */
  readonly checksum?: string;
  /** Additional options of go-getter, such as `{ ref: "v1.2.0", depth: "1" }` for git. @default none */
  readonly options?: Readonly<Record<string, string>>;
  /** Headers of an HTTP request, by name. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether TLS certificates are not verified. @default false */
  readonly insecure?: boolean;
  /** Whether the user of the task becomes the owner of the download. @default false */
  readonly chown?: boolean;
}

/** @internal */
export const ARTIFACT_SHAPE: is.Shape<ArtifactOptions> = {
  source: is.required(is.text),
  destination: is.text,
  mode: is.oneOf(["any", "file", "dir"]),
  checksum: is.text,
  options: (place, property, value) => {
    is.map(is.text)(place, property, value);
    if (knownEntries((value ?? undefined) as ArtifactOptions["options"]).some(([key]) => key === "checksum")) {
      place.refuse(property, value, "must not contain a checksum", "Use the property checksum.");
    }
  },
  headers: is.map(is.text),
  insecure: is.flag,
  chown: is.flag,
};

/** @internal */
export function renderArtifact(artifact: ArtifactOptions | string): nomad.TaskArtifact {
  if (typeof artifact === "string") {
    return { GetterSource: artifact };
  }
  const { source, destination, mode, checksum, options, headers, insecure, chown } = artifact;
  return {
    GetterSource: source,
    RelativeDest: destination,
    GetterMode: mode,
    GetterOptions: checksum === undefined ? options : mergeMaps(options, { checksum }),
    GetterHeaders: headers,
    GetterInsecure: insecure,
    Chown: chown,
  };
}
