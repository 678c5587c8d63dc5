import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { MOVED, PINS, ROOT } from "./project";

const SOURCES = [
  "main.ts",
  "cdktf.json",
  "tsconfig.json",
  "constructs",
  "stacks",
  "testing",
  "graph",
  "lab",
  "host-tool",
  "examples",
];

/** Moves a copy of the project to cdktn. Installs only what has changed since the last time. */
function install(): void {
  mkdirSync(MOVED, { recursive: true });
  for (const source of SOURCES) {
    rmSync(join(MOVED, source), { recursive: true, force: true });
    cpSync(join(ROOT, source), join(MOVED, source), { recursive: true });
  }

  const hash = createHash("sha256");
  for (const pin of PINS) {
    hash.update(readFileSync(pin));
    copyFileSync(pin, join(MOVED, basename(pin)));
  }
  const digest = hash.digest("hex");
  // Inside of what `npm ci` begins by removing: an interrupted installation leaves no stamp.
  const stamp = join(MOVED, "node_modules", ".stamp");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === digest) {
    return;
  }
  console.error("Installing cdktn …");
  // The standard output is the runner's: it may be asked for JSON there.
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: MOVED,
    timeout: 10 * 60_000,
    stdio: ["ignore", "ignore", "inherit"],
  });
  writeFileSync(stamp, digest);
}

export = install;
