import { createHash } from "node:crypto";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { CODENAMES, type Distribution } from "../../constructs/linux/distribution";
import type { Architecture, ReleaseChecksums, ReleasePackage } from "../../constructs/linux/packages/checksums";
import type { Engine, Engines } from "../../lab/machine/engines/engine";
import { run } from "./lab";

/** What a cloud machine is told about a mirror. */
export interface PackageMirror {
  readonly architecture: Architecture;
  /** Fingerprint of the key that signs the apt repository. */
  readonly keyFingerprint: string;
  readonly checksums: Readonly<Record<ReleasePackage, ReleaseChecksums>>;
}

/**
 * Publishes the engines of this machine in the way of their vendors: a signed apt repository below `hashicorp`, release files
 * below `github`. The key is made for this and thrown away.
 *
 * @param also further programs of HashiCorp
 */
export async function publish(
  engines: Engines,
  distribution: Distribution,
  folder: string,
  also: readonly Engine[] = [],
): Promise<PackageMirror> {
  const architecture = (await must("dpkg", "--print-architecture")).trim() as Architecture;
  const hashicorp = join(folder, "hashicorp");
  mkdirSync(join(hashicorp, "pool"), { recursive: true });
  const packages: string[] = [];
  for (const engine of [engines.consul, engines.nomad, ...also]) {
    packages.push(await debianPackage(engine, architecture, hashicorp));
  }
  const suite = join(hashicorp, "dists", CODENAMES[distribution]);
  mkdirSync(join(suite, `main/binary-${architecture}`), { recursive: true });
  const index = `main/binary-${architecture}/Packages`;
  writeFileSync(join(suite, index), packages.join("\n"));
  writeFileSync(
    join(suite, "Release"),
    [
      `Codename: ${CODENAMES[distribution]}`,
      `Architectures: ${architecture}`,
      "Components: main",
      `Date: ${new Date().toUTCString().replace("GMT", "UTC")}`,
      `SHA256:\n ${sha256(join(suite, index))} ${statSync(join(suite, index)).size} ${index}\n`,
    ].join("\n"),
  );
  return {
    architecture,
    keyFingerprint: await sign(join(suite, "Release"), join(suite, "InRelease"), join(hashicorp, "gpg")),
    checksums: {
      "cni-plugins": { [architecture]: await cniRelease(engines.cni, architecture, folder) },
      envoy: { [architecture]: envoyRelease(engines.envoy, architecture, folder) },
    },
  };
}

/** Builds a package with one program, as HashiCorp's are, and returns its entry in the index. */
async function debianPackage(engine: Engine, architecture: string, repository: string): Promise<string> {
  const { name, version, path } = engine;
  const content = mkdtempSync(join(tmpdir(), "meshform-package-"));
  const control = `Package: ${name}\nVersion: ${version}-1\nArchitecture: ${architecture}\nMaintainer: a test\nDescription: ${name}\n`;
  mkdirSync(join(content, "DEBIAN"), { recursive: true });
  mkdirSync(join(content, "usr/bin"), { recursive: true });
  writeFileSync(join(content, "DEBIAN/control"), control);
  copyFileSync(path, join(content, "usr/bin", name));
  const file = `pool/${name}_${version}-1_${architecture}.deb`;
  await must("dpkg-deb", "-Znone", "--root-owner-group", "--build", content, join(repository, file));
  rmSync(content, { recursive: true });
  const { size } = statSync(join(repository, file));
  return `${control}Filename: ${file}\nSize: ${size}\nSHA256: ${sha256(join(repository, file))}\n`;
}

async function cniRelease({ version, path }: Engine, architecture: string, folder: string): Promise<string> {
  const name = `cni-plugins-linux-${architecture}-v${version}.tgz`;
  const file = join(folder, `github/containernetworking/plugins/releases/download/v${version}`, name);
  mkdirSync(dirname(file), { recursive: true });
  const content = mkdtempSync(join(tmpdir(), "meshform-cni-"));
  cpSync(path, content, { recursive: true, dereference: true });
  writeFileSync(join(content, "README.md"), "not a plugin");
  await must("tar", "--create", "--gzip", "--file", file, "--directory", content, ".");
  rmSync(content, { recursive: true });
  return sha256(file);
}

function envoyRelease({ version, path }: Engine, architecture: Architecture, folder: string): string {
  const name = `envoy-${version}-linux-${{ amd64: "x86_64", arm64: "aarch_64" }[architecture]}`;
  const file = join(folder, `github/envoyproxy/envoy/releases/download/v${version}`, name);
  mkdirSync(dirname(file), { recursive: true });
  copyFileSync(path, file);
  return sha256(file);
}

/** Signs a file with a new key, puts the key next to it, and returns the key's fingerprint. */
async function sign(file: string, signed: string, key: string): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), "meshform-key-"));
  const gpg = (...args: string[]) => must("gpg", "--homedir", home, "--batch", "--passphrase", "", ...args);
  await gpg("--quick-generate-key", "mirror@example.test", "ed25519", "sign", "never");
  await gpg("--output", signed, "--clearsign", file);
  await gpg("--output", key, "--armor", "--export");
  const list = await gpg("--with-colons", "--list-keys");
  await must("gpgconf", "--homedir", home, "--kill", "all");
  rmSync(home, { recursive: true });
  const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(list)?.[1];
  if (fingerprint === undefined) throw new Error("gpg made no key.");
  return fingerprint;
}

function sha256(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

async function must(command: string, ...args: string[]): Promise<string> {
  const { code, output } = await run(command, args);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}:\n${output}`);
  return output;
}
