#!/usr/bin/env node
// The first thing that runs on a fresh clone, so it needs nothing but Node.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensurePackages, fail, readJson } from "./node-packages.mjs";

const here = dirname(fileURLToPath(import.meta.url));
// Next to its package.json in a clone, and one folder further down where it is compiled.
const root = existsSync(join(here, "../package.json")) ? dirname(here) : dirname(dirname(here));

requireNode();

// In this very process: arguments, signals, the terminal and the exit code need no passing on.
const require = createRequire(import.meta.url);
if (existsSync(join(here, "main.ts"))) {
  ensurePackages(root);
  require("tsx/cjs/api").register();
  require("./main.ts").main();
} else {
  require("./main.js").main();
}

function requireNode() {
  const minimum = readJson(root, "package.json").engines.node.replace(/^\D+/, "");
  const [major, minor] = process.versions.node.split(".").map(Number);
  const [wantedMajor, wantedMinor] = minimum.split(".").map(Number);
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return;
  fail(`Meshform needs Node ${minimum} or newer, and this is Node ${process.versions.node}.`, "Install a newer Node.");
}
