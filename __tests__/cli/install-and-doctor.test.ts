import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Diagnosis } from "../../cli/doctor";

const bootstrap = join(__dirname, "..", "..", "cli", "meshform.mjs");

// Each test starts processes of its own, which take their time on a loaded machine.
jest.setTimeout(60_000);

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meshform-cli-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function meshform(args: readonly string[], env: NodeJS.ProcessEnv = {}, script = bootstrap) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    cwd: folder, // not the repository: the command works from anywhere
    env: { ...process.env, ...env },
    encoding: "utf8",
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

describe("meshform", () => {
  test("lists its commands", () => {
    const { status, stdout } = meshform(["--help"]);

    expect(status).toBe(0);
    expect(stdout).toMatch(/^ {2}install .*^ {2}doctor /ms);
  });

  test.each([
    ["an unknown command", ["isntall"], "error: unknown command 'isntall'\n(Did you mean install?)\n"],
    ["an unknown option", ["doctor", "--jsno"], "error: unknown option '--jsno'\n(Did you mean --json?)\n"],
    ["an argument too many", ["install", "consul"], "error: too many arguments for 'install'."],
    ["no command", [], "Usage: meshform [options] [command]"],
  ])("ends with code 2 on %s and says what is meant", (_, args, said) => {
    const { status, stderr } = meshform(args);

    expect(stderr).toContain(said);
    expect(status).toBe(2);
  });
});

describe("meshform install", () => {
  test("lists all that is missing and touches nothing, where it cannot install that itself", () => {
    const env = { PATH: join(folder, "empty"), HOME: folder, XDG_CACHE_HOME: join(folder, "cache") };

    const { status, stdout, stderr } = meshform(["install"], env);

    expect(status).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^This machine does not meet \d+ requirements of the lab:\n {2}- /);
    for (const program of ["ip", "iptables", "unshare", "nsenter", "flock", "tcpdump", "prometheus"]) {
      expect(stderr).toContain(`\n  - the program ${program}. Install the package `);
    }
    expect(stderr).toMatch(/\n {2}- Go 1\.\d+(\.\d+)? or newer, for consul, nomad, cni, typegen\. Install Go /);
    expect(stderr).toMatch(/\n {2}- Python 3\.10 or newer with venv, for envoy, supervisor\. /);
    expect(stderr).toMatch(/\nNothing was changed\. .*`npm run doctor` shows all requirements\.\n$/);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("meshform doctor", () => {
  test("shows what is missing with its remedy, ends with code 1 and makes no folder, where up could not run", () => {
    const { status, stdout } = meshform(["doctor"], {
      PATH: join(folder, "empty"),
      XDG_CACHE_HOME: join(folder, "cache"),
    });

    expect(stdout).toMatch(/^✔ Linux +\d/m);
    expect(stdout).toMatch(/^✖ the program ip +missing$/m);
    expect(stdout).toMatch(/^↓ supervisor 4\.3\.0 +not installed yet, comes from the Python package supervisor$/m);
    expect(stdout).toContain("\nTo do:\n");
    expect(stdout).toMatch(/^ {2}- Go 1\..* or newer, for consul, nomad, cni: Install Go /m);
    expect(stdout).not.toContain("chromium");
    expect(stdout).toMatch(/\nSomething is missing\.\n$/);
    expect(status).toBe(1);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("ends with code 0 where up works, be it that up installs engines and Debian packages first", () => {
    const bin = mkdtempSync("/var/tmp/meshform-cli-"); // what is in /tmp is hidden while the kernel is tried
    bringPrograms(bin);
    const env = { PATH: bin, XDG_CACHE_HOME: join(folder, "cache") };

    const { status, stdout } = meshform(["doctor"], env);
    const withTests = meshform(["doctor", "--tests"], env).stdout;
    rmSync(bin, { recursive: true });

    expect(stdout).toMatch(/^↓ the program iptables +in the Debian package iptables$/m);
    expect(stdout).toMatch(
      /\n`npm run up` works here; it first installs iptables, consul, nomad, cni, envoy, supervisor\.\n$/,
    );
    expect(status).toBe(0);
    expect(withTests).toMatch(/^↓ the program chromium +in the Debian package chromium$/m);
    expect(withTests).toMatch(
      /\n`node cli\/meshform.mjs install` works here; it first installs iptables, .*chromium, /,
    );
  });

  /** Most of this machine's programs, and what installs the rest. */
  function bringPrograms(bin: string): void {
    for (const folder of (process.env.PATH ?? "").split(":").filter(existsSync).reverse()) {
      for (const program of readdirSync(folder)) {
        rmSync(join(bin, program), { force: true });
        symlinkSync(join(folder, program), join(bin, program));
      }
    }
    const absent = ["iptables", "chromium", "consul", "nomad", "envoy"];
    for (const program of absent) rmSync(join(bin, program), { force: true });
    if (!readdirSync(bin).includes("apt-get")) writeFileSync(join(bin, "apt-get"), "#!/bin/sh\n", { mode: 0o755 });
  }

  test("names the user's own engines, where they come from, and what their versions mean", () => {
    const bin = join(folder, "bin");
    mkdirSync(bin);
    for (const [name, said] of [
      ["consul", "Consul v1.16.1"],
      ["nomad", "Nomad v1.10.5"],
      ["envoy", "envoy  version: 0123abcd/1.31.2/Clean/RELEASE/BoringSSL"],
    ] as const) {
      writeFileSync(join(bin, name), `#!/bin/sh\necho '${said}'\n`, { mode: 0o755 });
    }

    const { stdout } = meshform(["doctor", "--json"], {
      PATH: `${bin}:${process.env.PATH ?? ""}`,
      XDG_CACHE_HOME: join(folder, "cache"),
    });
    const diagnosis = JSON.parse(stdout) as Diagnosis;

    const engine = (name: string) => diagnosis.engines.find((report) => report.name === name)?.engine;
    expect(engine("consul")).toEqual({ name: "consul", version: "1.16.1", path: join(bin, "consul"), origin: "PATH" });
    expect(engine("nomad")).toMatchObject({ version: "1.10.5", origin: "PATH" });
    expect(engine("envoy")).toMatchObject({ version: "1.31.2", origin: "PATH" });
    expect(diagnosis.warnings).toEqual([
      "Consul 1.16.1 is not one of the known release lines (1.22, 1.21, 1.20, 1.19).",
      "Nomad 1.10.5 is not known to work with Consul 1.16.1. It works with 1.19, 1.20, 1.21, 1.22.",
      "consul 1.16.1 should be avoided: restoring a snapshot corrupts endpoints. Use 1.16.2 or newer.",
    ]);
    expect(diagnosis.prerequisites).toContainEqual(expect.objectContaining({ id: "linux", ok: true }));
  });
});

describe("the bootstrap on a fresh clone", () => {
  /** A clone with the bootstrap and little else. */
  function clone(manifest: object, lock: object): string {
    mkdirSync(join(folder, "cli"));
    for (const file of ["meshform.mjs", "node-packages.mjs"]) {
      cpSync(join(dirname(bootstrap), file), join(folder, "cli", file));
    }
    writeFileSync(
      join(folder, "cli", "main.ts"),
      "export function main(): void { console.log(process.argv.slice(2)); }",
    );
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "clone", version: "1.0.0", ...manifest }));
    writeFileSync(join(folder, "package-lock.json"), JSON.stringify({ name: "clone", lockfileVersion: 3, ...lock }));
    return join(folder, "cli", "meshform.mjs");
  }

  const engines = { node: ">=20.19" };
  const tsx = join(__dirname, "..", "..", "node_modules", "tsx");

  test("refuses a Node that is too old, in one sentence", () => {
    const script = clone({ engines: { node: ">=99.1" } }, { packages: {} });

    const { status, stderr } = meshform([], {}, script);

    expect(stderr).toBe(
      `Meshform needs Node 99.1 or newer, and this is Node ${process.versions.node}.\nInstall a newer Node.\n`,
    );
    expect(status).toBe(1);
  });

  test("installs the Node packages, says so, and goes on with the arguments that it was given", () => {
    const dependencies = { tsx: "file:local-tsx" };
    const packages = {
      "": { name: "clone", version: "1.0.0", dependencies, engines },
      "local-tsx": { name: "tsx", version: "1.0.0" },
      "node_modules/tsx": { resolved: "local-tsx", link: true },
    };
    const script = clone({ engines, dependencies }, { packages });
    mkdirSync(join(folder, "local-tsx", "cjs"), { recursive: true });
    writeFileSync(join(folder, "local-tsx", "package.json"), JSON.stringify({ name: "tsx", version: "1.0.0" }));
    const api = require.resolve("tsx/cjs/api");
    writeFileSync(join(folder, "local-tsx", "cjs", "api.js"), `module.exports = require("${api}");`);

    const first = meshform(["up", "--lab", "one"], {}, script);
    const second = meshform(["status"], {}, script);

    expect(first.stderr).toBe("Installing the Node packages (npm ci) ...\n");
    expect(first.stdout).toBe("[ 'up', '--lab', 'one' ]\n");
    expect(first.status).toBe(0);
    expect(second).toEqual({ status: 0, stdout: "[ 'status' ]\n", stderr: "" });
  });

  test("shows npm's own words when the packages cannot be installed", () => {
    const script = clone({ engines, dependencies: { tsx: "1.0.0" } }, { packages: { "": {} } });

    const { status, stderr } = meshform([], {}, script);

    expect(stderr).toMatch(/^Installing the Node packages.*`npm ci` in .* failed\. Its output:\n.*EUSAGE/s);
    expect(stderr).toMatch(/Make sure that npm can reach its registry, then try again\.\n$/);
    expect(status).toBe(1);
  });

  test("installs again when the lock file asks for another version than the one that is there", () => {
    const script = clone({ engines }, { packages: { "": {}, "node_modules/tsx": { version: "2.0.0" } } });
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(tsx, join(folder, "node_modules", "tsx"));
    const installed = { packages: { "node_modules/tsx": { version: "1.0.0" } } };
    writeFileSync(join(folder, "node_modules", ".package-lock.json"), JSON.stringify(installed));

    expect(meshform([], {}, script).stderr).toMatch(/^Installing the Node packages/);
  });
});
