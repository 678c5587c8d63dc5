// Builds what the package consists of: `npm pack` runs it, and fails if this does.
import { spawnSync } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensurePackages, fail } from "../cli/node-packages.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");

/** Folders with files that the compiled code reads or runs, at the same place in dist. */
const WITH_FILES = ["cli", "constructs", "graph", "host-tool", "lab"];
/** The pinned lists of what the engines are made from. */
const ENGINES = ["cni", "consul", "envoy", "nomad", "supervisor"].map((engine) => join("tools", engine));

ensurePackages(root);
rmSync(dist, { recursive: true, force: true });
const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
const { status } = spawnSync(process.execPath, [compiler, "--project", join(root, "tsconfig.build.json")], {
  // Standard output is npm's, which prints the tarball's name there.
  stdio: ["ignore", 2, "inherit"],
});
if (status !== 0) fail("The package does not compile.", "Correct what the compiler says, then try again.");
for (const folder of [...WITH_FILES, ...ENGINES]) {
  cpSync(join(root, folder), join(dist, folder), {
    recursive: true,
    // A new project's own TypeScript stays what it is. What Python's tools have written is of this machine.
    filter: (file) =>
      file.startsWith(join(root, "cli", "project")) || !/\.(c?ts|toml)$|\/(__pycache__|\.\w+_cache)$/.test(file),
  });
}
const bill = spawnSync(process.execPath, [join(root, "tools", "sbom.mjs"), join(dist, "sbom.cdx.json")], {
  stdio: ["ignore", 2, "inherit"],
});
if (bill.status !== 0) fail("There is no bill of materials.", "Correct what npm says, then try again.");
