import * as is from "../core/shape";
import { knownEntries, mergeMaps } from "../core/collections";
import type * as nomad from "./generated/job";

/**
 * Something that Nomad fetches before a task starts.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/artifact
 */
export interface ArtifactOptions {
  /** URL, as go-getter knows them: http, https, git, hg, s3 and gcs; archives are unpacked. */
  readonly source: string;
  /** Folder below the task's, or, with mode `file`, the file. @default "local/" */
  readonly destination?: string;
  /** Whether the source is a file or a folder. @default "any": go-getter finds out */
  readonly mode?: "any" | "file" | "dir";
  /** Algorithm and digest in hex, e.g. `"sha256:2c26b4…"`. @default none: whatever is there is taken */
  readonly checksum?: string;
  /** Further options of go-getter, e.g. `{ ref: "v1.2.0", depth: "1" }` for git. @default none */
  readonly options?: Readonly<Record<string, string>>;
  /** Headers of an http request. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether a certificate that nobody vouches for is accepted. @default false */
  readonly insecure?: boolean;
  /** Whether the task's user owns what was fetched. @default false */
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
