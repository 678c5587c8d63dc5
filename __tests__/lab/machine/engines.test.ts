import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CATALOGUE, type EngineCatalogue, type EngineSpec, TOOLS_FOLDER } from "../../../lab/machine/engines/catalogue";
import { checkVersions } from "../../../constructs/linux/versions";
import { ensureEngines } from "../../../lab/machine/engines/ensure-engines";
import { locateEngines } from "../../../lab/machine/engines/locate-engines";

const VERSION = "1.2.3";

// Each test starts processes of its own, which take their time on a loaded machine.
jest.setTimeout(60_000);

let folder: string;
let env: NodeJS.ProcessEnv;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meshform-engines-"));
  env = { HOME: folder, PATH: join(folder, "bin"), XDG_CACHE_HOME: join(folder, "cache") };
  mkdirSync(join(folder, "bin"));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe("which engine is used", () => {
  test("the user's own from PATH wins over the cache, whatever its version", async () => {
    const catalogue = standIns();
    await ensureEngines({ env, catalogue });
    program(join(folder, "bin", "consul"), "9.9.9");

    const { consul } = await ensureEngines({ env, catalogue });

    expect(consul).toEqual({ name: "consul", version: "9.9.9", path: join(folder, "bin", "consul"), origin: "PATH" });
  });

  test("a program on PATH that does not tell its version is passed over, and the report says so", async () => {
    writeFileSync(join(folder, "bin", "consul"), "#!/bin/sh\necho no version is set >&2; exit 1\n", { mode: 0o755 });

    const { consul } = await ensureEngines({ env, catalogue: standIns() });
    const [report] = await locateEngines({ env, catalogue: standIns() });

    expect(consul.origin).toBe("cache");
    expect(report.passedOver).toEqual([`${folder}/bin/consul does not print its version, so it is not used.`]);
  });

  test("the cache is used without installing anything again", async () => {
    const installed: string[] = [];
    const catalogue = standIns(installed);

    const first = await ensureEngines({ env, catalogue });
    const second = await ensureEngines({ env, catalogue });

    expect(installed.sort()).toEqual(["cni", "consul", "envoy", "nomad", "supervisor"]);
    expect(second).toEqual(first);
    expect(second.nomad).toEqual({
      name: "nomad",
      version: VERSION,
      path: join(folder, "cache", "meshform", "engines", "nomad", VERSION, "nomad"),
      origin: "cache",
    });
  });

  test("only what is missing is installed", async () => {
    const installed: string[] = [];
    for (const name of ["consul", "nomad", "envoy"]) program(join(folder, "bin", name), VERSION);

    await ensureEngines({ env, catalogue: standIns(installed) });

    expect(installed.sort()).toEqual(["cni", "supervisor"]);
  });

  test("one of some labs only is installed for a lab that has it, and no other", async () => {
    const installed: string[] = [];
    const catalogue = standIns(installed);

    const others = await ensureEngines({ env, catalogue });
    expect(others.vault).toBeUndefined();
    const { vault } = await ensureEngines({ env, catalogue, also: ["vault"] });

    expect(installed.filter((name) => name === "vault")).toHaveLength(1);
    expect(vault).toMatchObject({ name: "vault", version: VERSION, origin: "cache" });
  });

  test("an engine in the cache that no longer runs is installed again", async () => {
    const installed: string[] = [];
    const catalogue = standIns(installed);
    const { consul } = await ensureEngines({ env, catalogue });
    chmodSync(consul.path, 0o644);

    await ensureEngines({ env, catalogue });

    expect(installed.filter((name) => name === "consul")).toHaveLength(2);
  });

  test("looking for engines installs nothing and makes no folder", async () => {
    const reports = await locateEngines({ env, catalogue: standIns() });

    expect(reports.map(({ name, engine }) => [name, engine])).toEqual([
      ["consul", undefined],
      ["nomad", undefined],
      ["envoy", undefined],
      ["cni", undefined],
      ["supervisor", undefined],
      ["vault", undefined],
    ]);
    expect(readdirSync(folder)).toEqual(["bin"]);
  });
});

describe("an installation that fails", () => {
  test("leaves nothing behind and shows the tool's own last words", async () => {
    const catalogue = {
      ...standIns(),
      nomad: standIn("nomad", "echo half > nomad; echo the disk is full >&2; exit 3"),
    };

    await expect(ensureEngines({ env, catalogue })).rejects.toThrow(
      /^The installation of nomad 1\.2\.3 failed: `sh -c .*` exited with code 3\. Last output:\n {2}the disk is full Make sure that Go can reach its module proxy .* and try again\.$/s,
    );
    expect(readdirSync(join(folder, "cache", "meshform", "engines", "nomad"))).toEqual([".lock"]);
  });

  test("ends the installations next to it, which clean up too", async () => {
    const catalogue = {
      ...standIns(),
      consul: standIn("consul", "echo half > consul; sleep 60"),
      envoy: standIn("envoy", "sleep 0.3; exit 1"),
    };
    const started = Date.now();

    await expect(ensureEngines({ env, catalogue })).rejects.toThrow("The installation of envoy 1.2.3 failed");

    expect(Date.now() - started).toBeLessThan(10_000);
    expect(readdirSync(join(folder, "cache", "meshform", "engines", "consul"))).toEqual([".lock"]);
  });

  test("is a failure too when the program that it gives says another version", async () => {
    const catalogue = { ...standIns(), cni: standIn("cni", script("cni", "0.0.1")) };

    await expect(ensureEngines({ env, catalogue })).rejects.toThrow(
      "The installation of cni 1.2.3 produced a program that says it is 0.0.1.",
    );
    expect(readdirSync(join(folder, "cache", "meshform", "engines", "cni"))).toEqual([".lock"]);
  });
});

describe("the pinned versions", () => {
  const modules = [
    ["consul", "github.com/hashicorp/consul"],
    ["nomad", "github.com/hashicorp/nomad"],
    ["cni", "github.com/containernetworking/plugins"],
    ["vault", "github.com/hashicorp/vault"],
  ] as const;

  test.each(modules)("of %s is the one in its go.mod", (name, module) => {
    const goMod = readFileSync(join(TOOLS_FOLDER, name, "go.mod"), "utf8");
    expect(goMod).toContain(`require ${module} v${CATALOGUE[name].version}\n`);
  });

  test.each(["envoy", "supervisor"] as const)("of %s is the one in its requirements, with its hash", (name) => {
    const requirements = readFileSync(join(TOOLS_FOLDER, name, "requirements.txt"), "utf8");
    expect(requirements).toMatch(
      new RegExp(`^${name}(-server)?==${CATALOGUE[name].version} \\\\\n +--hash=sha256:`, "m"),
    );
  });

  test("belong together", () => {
    expect(
      checkVersions(Object.fromEntries(Object.entries(CATALOGUE).map(([n, { version }]) => [n, version]))),
    ).toEqual([]);
  });
});

/** Shell that writes a program which tells a version. */
function script(name: string, version: string): string {
  return `printf '#!/bin/sh\\necho ${name} v${version}\\n' > ${name}; chmod 755 ${name}`;
}

function program(path: string, version: string): void {
  writeFileSync(path, `#!/bin/sh\necho ${path.split("/").pop()} v${version}\n`, { mode: 0o755 });
}

/** An engine whose installation is a real command, only a quick one. */
function standIn(name: string, shell: string, installed: string[] = []): EngineSpec {
  return {
    version: VERSION,
    source: "a test",
    needs: [name === "envoy" || name === "supervisor" ? "python" : "go"],
    onPath: ["consul", "nomad", "envoy"].includes(name) ? name : undefined,
    path: name,
    program: name,
    versionArguments: [],
    versionPattern: new RegExp(`^${name} v(\\S+)`),
    install: async (target, run) => {
      installed.push(name);
      await run(["sh", "-c", shell], { cwd: target });
    },
  };
}

function standIns(installed: string[] = []): EngineCatalogue {
  const engine = (name: string) => standIn(name, script(name, VERSION), installed);
  return {
    consul: engine("consul"),
    nomad: engine("nomad"),
    envoy: engine("envoy"),
    cni: engine("cni"),
    supervisor: engine("supervisor"),
    vault: { ...engine("vault"), optional: true },
  };
}
