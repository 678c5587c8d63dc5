// Needs nothing but Node: it is what installs the rest on a fresh clone.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Installs what package-lock.json asks for, unless node_modules is that already. Ends the process if it cannot. */
export function ensurePackages(root) {
  if (!hasPackages(root)) installPackages(root);
}

/** npm keeps its own record of what it installed. */
function hasPackages(root) {
  if (!existsSync(join(root, "node_modules", ".package-lock.json"))) return false;
  const installed = readJson(root, "node_modules/.package-lock.json").packages;
  return Object.entries(readJson(root, "package-lock.json").packages).every(
    ([path, { version, optional }]) =>
      path === "" || optional || (path in installed && installed[path].version === version),
  );
}

function installPackages(root) {
  console.error("Installing the Node packages (npm ci) ...");
  const minutes = 10;
  const npm = spawnSync("npm", ["ci", "--ignore-scripts"], {
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
    `\`npm ci\` in ${root} ${reason}. Its output:\n  ${said}`,
    "Make sure that npm can reach its registry, then try again.",
  );
}

export function readJson(root, path) {
  return JSON.parse(readFileSync(join(root, path), "utf8"));
}

export function fail(problem, fix) {
  console.error(`${problem}\n${fix}`);
  process.exit(1);
}
