#!/usr/bin/env node
// The first thing that runs on a fresh clone, so it needs nothing but Node.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

requireNode();
if (!hasPackages()) installPackages();

// In this very process: arguments, signals, the terminal and the exit code need no passing on.
const require = createRequire(import.meta.url);
require("tsx/cjs/api").register();
require("./main.ts").main();

function requireNode() {
  const minimum = readJson("package.json").engines.node.replace(/^\D+/, "");
  const [major, minor] = process.versions.node.split(".").map(Number);
  const [wantedMajor, wantedMinor] = minimum.split(".").map(Number);
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return;
  fail(`Meshform needs Node ${minimum} or newer, and this is Node ${process.versions.node}.`, "Install a newer Node.");
}

/** Whether node_modules is what package-lock.json asks for. npm keeps its own record of what it installed there. */
function hasPackages() {
  // A published package has no lock file: whoever installed it installed its dependencies.
  if (!existsSync(join(root, "package-lock.json"))) return true;
  if (!existsSync(join(root, "node_modules", ".package-lock.json"))) return false;
  const installed = readJson("node_modules/.package-lock.json").packages;
  return Object.entries(readJson("package-lock.json").packages).every(
    ([path, { version, optional }]) =>
      path === "" || optional || (path in installed && installed[path].version === version),
  );
}

function installPackages() {
  console.error("Installing the Node packages (npm ci) ...");
  const minutes = 10;
  const npm = spawnSync("npm", ["ci"], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    encoding: "utf8",
    timeout: minutes * 60_000,
  });
  if (npm.status === 0) return;
  const reason = npm.error?.code === "ETIMEDOUT" ? `took longer than ${minutes} min` : "failed";
  // npm says first what is wrong, and after that how npm is used.
  const said = (npm.stderr || npm.error?.message || "").trimEnd().split("\n").slice(0, 25).join("\n  ");
  fail(
    `\`npm ci\` in ${root} ${reason}. It said:\n  ${said}`,
    "Make sure that npm reaches its registry and try again.",
  );
}

function readJson(path) {
  return JSON.parse(readFileSync(join(root, path), "utf8"));
}

function fail(problem, fix) {
  console.error(`${problem}\n${fix}`);
  process.exit(1);
}
