import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { zipSync } from "fflate";

/** The sources of the host tool: a Python package and the file that starts it. */
const SOURCES = join(__dirname, "..", "..", "..", "host-tool");

const archives = new Map<string | undefined, Buffer>();

/**
 * The host tool as a single executable file, which Python runs directly. The same sources result in the same bytes on every
 * computer, so the SHA-256 identifies the version: entries are sorted, have a fixed time, and are compressed in JavaScript.
 *
 * @param cloud name of the only module of a cloud that is part of it; by default, those of all clouds are
 * @see https://docs.python.org/3/library/zipapp.html
 */
export function hostToolArchive(cloud?: string): Buffer {
  const archive = archives.get(cloud) ?? build(cloud);
  archives.set(cloud, archive);
  return archive;
}

function build(cloud: string | undefined): Buffer {
  const names = readdirSync(SOURCES, { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => name.endsWith(".py"))
    .filter((name) => {
      const module = /\/clouds\/(?!__)(\w+)\.py$/.exec(name)?.[1];
      return module === undefined || cloud === undefined || module === cloud;
    })
    .sort();
  const files = Object.fromEntries(names.map((name) => [name, new Uint8Array(readFileSync(join(SOURCES, name)))]));
  // The earliest time that the format supports. It is a local time, so it is the same in every time zone.
  const entries = zipSync(files, { level: 9, mtime: new Date(1980, 0, 1) });
  return Buffer.concat([Buffer.from("#!/usr/bin/env python3\n"), entries]);
}
