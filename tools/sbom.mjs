// Writes the package's software bill of materials as CycloneDX JSON, to the file that is named or to standard output: all that npm
// installs with the package, with versions, checksums and licences. Peers are not in it, since a project has its own.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const read = (file) => JSON.parse(readFileSync(join(root, file), "utf8"));
const development = ["devDependencies", "peerDependencies", "overrides", "scripts"];
const withoutDevelopment = (manifest) =>
  Object.fromEntries(Object.entries(manifest).filter(([key]) => !development.includes(key)));

const manifest = withoutDevelopment(read("package.json"));
const lock = read("package-lock.json");
// `npm sbom --omit dev` also leaves out what the package shares with tools of its development, so they are taken out beforehand.
lock.packages = Object.fromEntries(
  Object.entries(lock.packages)
    .filter(([, { dev, devOptional }]) => !dev && !devOptional)
    .map(([path, it]) => [path, path === "" ? withoutDevelopment(it) : it]),
);

const folder = mkdtempSync(join(tmpdir(), "meshform-sbom-"));
try {
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify(lock));
  const command = ["sbom", "--sbom-format", "cyclonedx", "--package-lock-only"];
  const bill = JSON.parse(execFileSync("npm", command, { cwd: folder, encoding: "utf8" }));
  // npm takes the name of the folder.
  bill.metadata.component.name = manifest.name;
  const text = `${JSON.stringify(bill, undefined, 2)}\n`;
  const [file] = process.argv.slice(2);
  if (file === undefined) process.stdout.write(text);
  else writeFileSync(file, text);
} finally {
  rmSync(folder, { recursive: true });
}
