import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { zipSync } from "fflate";

/** The sources of the host tool: a Python package and the file that starts it. */
const SOURCES = join(__dirname, "..", "..", "..", "host-tool");

let archive: Buffer | undefined;

/**
 * The host tool as one executable file, which Python runs as it is. The same sources give the same bytes on every computer, so that its
 * SHA-256 names the version: entries are sorted and have one fixed time, and what compresses them is JavaScript.
 *
 * @see https://docs.python.org/3/library/zipapp.html
 */
export function hostToolArchive(): Buffer {
  archive ??= build();
  return archive;
}

function build(): Buffer {
  const names = readdirSync(SOURCES, { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => name.endsWith(".py"))
    .sort();
  const files = Object.fromEntries(names.map((name) => [name, new Uint8Array(readFileSync(join(SOURCES, name)))]));
  // The first time that the format knows. It has local times: this is the same text in each time zone.
  const entries = zipSync(files, { level: 9, mtime: new Date(1980, 0, 1) });
  return Buffer.concat([Buffer.from("#!/usr/bin/env python3\n"), entries]);
}
