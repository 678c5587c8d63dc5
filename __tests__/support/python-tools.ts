import { execFile } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { engineCache, fillOnce } from "../../lab/machine/engines/cache";
import { TOOLS_FOLDER } from "../../lab/machine/engines/catalogue";
import { runTool } from "../../lab/machine/run-tool";

/** Python packages that tests use: the exact versions that `tools/<name>/requirements.txt` lists. */
export interface PythonTools {
  /** The folder in `tools`, and in the cache of the engines. */
  readonly name: string;
  /** The package whose version tells which ones are installed. */
  readonly distribution: string;
  readonly version: string;
  /** Whether all modules are compiled at once, not when they are first used. @default true */
  readonly compiled?: boolean;
}

/** Installs packages into the cache of the engines where they are missing, and returns the folder of their programs. */
export async function ensurePythonTools(tools: PythonTools): Promise<string> {
  const { name, distribution, version, compiled = true } = tools;
  const folder = join(engineCache(), name, version);
  const programs = join(folder, "bin");
  const what = `The installation of ${distribution} ${version}`;
  const fix = "Make sure that pip can reach its package index (see `pip config list`) and try again.";
  const timeoutMs = 20 * 60_000;
  const isFilled = () => isInstalled(programs, tools);
  if (await isFilled()) return programs;
  await fillOnce(folder, {
    what,
    timeoutMs,
    isFilled,
    fill: async (partial) => {
      const scratch = join(partial, ".tmp");
      await mkdir(scratch);
      const options = { what, fix, timeoutMs, env: { TMPDIR: scratch } };
      await runTool(["python3", "-m", "venv", partial], options);
      await runTool(
        [
          join(partial, "bin", "python3"),
          ...["-m", "pip", "install", "--no-deps", "--require-hashes", "--only-binary=:all:"],
          ...(compiled ? [] : ["--no-compile"]),
          ...["--disable-pip-version-check", "--requirement", join(TOOLS_FOLDER, name, "requirements.txt")],
        ],
        options,
      );
      await rm(scratch, { recursive: true });
    },
  });
  return programs;
}

async function isInstalled(programs: string, { distribution, version }: PythonTools): Promise<boolean> {
  const script = `import importlib.metadata as m; print(m.version('${distribution}'))`;
  return promisify(execFile)(join(programs, "python3"), ["-c", script]).then(
    ({ stdout }) => stdout.trim() === version,
    () => false,
  );
}
