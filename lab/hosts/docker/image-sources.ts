import { createHash } from "node:crypto";
import { accessSync, closeSync, constants, existsSync, openSync, readSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import * as v from "valibot";
import { LabError } from "../../core/errors";
import { plainName } from "./daemon";
import { nodeContents, programContents } from "./lab-images";
import type { ImageContents } from "./image-archive";

/** Where the lab takes an image from. */
export type ImageSource =
  /** Made of files of the machine. */
  | { readonly kind: "contents"; readonly contents: ImageContents }
  /** A folder with a Dockerfile. */
  | { readonly kind: "folder"; readonly folder: string }
  /** What `docker save` has written. */
  | { readonly kind: "archive"; readonly file: string };

const schema = v.pipe(
  v.custom<object>((value) => !Array.isArray(value)),
  v.record(v.string(), v.pipe(v.string(), v.minLength(1))),
);
const kinds =
  "a folder with a Dockerfile, an archive of `docker save`, a program, or a Node.js script of one file (.mjs, .cjs, .js)";

/**
 * What `images` in the context of a cdktf.json says: the name of an image → where the lab takes it from.
 *
 * @param folder of the cdktf.json; paths are relative to it
 * @throws LabError that names each entry which cannot be used
 */
export function readImageSources(images: unknown, folder: string): ReadonlyMap<string, ImageSource> {
  const parsed = v.safeParse(schema, images ?? {});
  if (!parsed.success) {
    throw new LabError(
      `"images" in the context of ${join(folder, "cdktf.json")} is ${JSON.stringify(images)}.`,
      `Set it to an object: "images": { "shop/orders:1.4": "./orders" }, where the path is ${kinds}.`,
    );
  }
  const problems: string[] = [];
  const sources = Object.entries(parsed.output).flatMap(([name, path]): [string, ImageSource][] => {
    const source = sourceAt(plainName(name), resolve(folder, path));
    if (typeof source !== "string") return [[plainName(name), source]];
    problems.push(`\n  - "${name}": "${path}" ${source}.`);
    return [];
  });
  if (problems.length > 0) {
    throw new LabError(
      `"images" in the context of ${join(folder, "cdktf.json")} contains unusable image sources:${problems.join("")}`,
      `Name ${kinds}.`,
    );
  }
  return new Map(sources);
}

/** @returns why it is none, if it is none */
function sourceAt(name: string, path: string): ImageSource | string {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return "does not exist";
  if (found.isDirectory()) {
    return existsSync(join(path, "Dockerfile")) ? { kind: "folder", folder: path } : "is a folder without a Dockerfile";
  }
  if (/\.[cm]?js$/.test(path)) return { kind: "contents", contents: nodeContents(name, path) };
  if (isProgram(path)) return { kind: "contents", contents: programContents(name, path) };
  return /\.(tar|tgz|tar\.\w+)$/.test(path) ? { kind: "archive", file: path } : "is not a supported file";
}

/** Whether a file is an executable in the kernel's own format; scripts need more than they bring. */
function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
  } catch {
    return false;
  }
  const start = Buffer.alloc(4);
  const file = openSync(path, "r");
  readSync(file, start);
  closeSync(file);
  return start.toString("latin1") === "\x7fELF";
}

/** Changes when the image would be another one. */
export function keyOf(contents: ImageContents): string {
  const files = contents.layers.flatMap((layer) => Object.values(layer));
  return digest([contents, files.map(stampOf)]);
}

/** The same for an archive. */
export function keyOfArchive(file: string): string {
  return digest([file, ...stampOf(file)]);
}

function stampOf(file: string): (string | number)[] {
  const { size, mtimeMs } = statSync(file);
  return [size, mtimeMs];
}

function digest(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}
