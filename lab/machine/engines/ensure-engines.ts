import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Listr, type ListrTask } from "listr2";
import { LabError } from "../../core/errors";
import { isInteractive, PROGRESS } from "../../core/progress";
import { runTool } from "../run-tool";
import { engineCache, fillOnce, sweepCache } from "./cache";
import { CATALOGUE, type EngineCatalogue, type EngineSpec } from "./catalogue";
import type { Engine, EngineName, Engines, OptionalEngine } from "./engine";
import {
  askVersion,
  engineFolder,
  type EngineReport,
  type LocateOptions,
  locateEngines,
  missingEngines,
} from "./locate-engines";

/** The longest that one step of an installation may take, in milliseconds. On two idle cores a build takes minutes. */
const STEP_MS = 60 * 60_000;
/** The longest that another installation of the same engine is waited for, in milliseconds. */
const WAIT_MS = 90 * 60_000;
/** How often a line says that an installation goes on where progress cannot be drawn, in milliseconds. */
const HEARTBEAT_MS = 60_000;

export interface EnsureOptions extends LocateOptions {
  /** Engines of some labs only that this one has. @default none */
  readonly also?: readonly OptionalEngine[];
  /** Stops an installation; what it had begun is removed. @default never */
  readonly signal?: AbortSignal;
  /** What `locateEngines` has just found. @default it looks itself */
  readonly reports?: readonly EngineReport[];
}

/**
 * Every engine, ready to run: the user's own from PATH, else the one in the cache, which is filled first where it is
 * missing. Progress is shown on standard output, and nothing when nothing is to be done.
 *
 * @throws LabError when an installation fails; none of it stays behind.
 */
export async function ensureEngines(options: EnsureOptions = {}): Promise<Engines> {
  const env = options.env ?? process.env;
  const catalogue = options.catalogue ?? CATALOGUE;
  await sweepCache(engineCache(env));

  const reports = options.reports ?? (await locateEngines(options));
  const missing = missingEngines(reports, options.also);
  if (missing.length === 0) return complete(reports);
  await installAll(missing, catalogue, env, options.signal);
  return complete(await locateEngines(options));
}

async function installAll(
  names: readonly EngineName[],
  catalogue: EngineCatalogue,
  env: NodeJS.ProcessEnv,
  outer: AbortSignal = new AbortController().signal,
): Promise<void> {
  // The first failure ends what runs at the same time, and all have cleaned up before it is thrown.
  const failure = new AbortController();
  const signal = AbortSignal.any([failure.signal, outer]);
  const installation = (name: EngineName): ListrTask => ({
    title: `Install ${name} ${catalogue[name].version} from ${catalogue[name].source}`,
    skip: () => signal.aborted && `Install ${name}: not started`,
    task: async (_, task) => {
      try {
        await installEngine(name, catalogue[name], env, signal, (line) => (task.output = line));
      } catch (error) {
        const outcome = signal.aborted ? "stopped" : "failed, see below";
        failure.abort(error);
        throw new Error(outcome, { cause: error });
      }
    },
  });
  // One Go build keeps all cores busy, so builds follow each other; the downloads for Python run at the same time.
  const isGo = (name: EngineName) => catalogue[name].needs.includes("go");
  const chains = [names.filter(isGo), names.filter((name) => !isGo(name))].filter((chain) => chain.length > 0);
  await new Listr(
    chains.map((chain) => ({ task: (_, parent) => parent.newListr(chain.map(installation), { concurrent: false }) })),
    { ...PROGRESS, concurrent: true, exitOnError: false },
  ).run();
  signal.throwIfAborted();
}

async function installEngine(
  name: EngineName,
  spec: EngineSpec,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  const folder = engineFolder(name, spec, env);
  const what = `The installation of ${name} ${spec.version}`;
  const fix = installationFix(name, spec);
  const started = Date.now();
  const heartbeat = setInterval(() => {
    if (!isInteractive()) say(`${name} is still being installed after ${Math.round((Date.now() - started) / 1000)} s`);
  }, HEARTBEAT_MS);
  try {
    await fillOnce(folder, {
      what,
      timeoutMs: WAIT_MS,
      signal,
      onWait: () => {
        say(`waiting for another installation of ${name} on this machine`);
      },
      isFilled: async () => (await askVersion(join(folder, spec.program), spec)) === spec.version,
      fill: async (partial) => {
        // Compilers that are stopped leave their work behind: here it goes with the rest.
        const scratch = join(partial, ".tmp");
        await mkdir(scratch);
        await spec.install(partial, (command, { cwd, env } = {}) =>
          runTool(command, {
            ...{ what, fix, signal, cwd, timeoutMs: STEP_MS },
            env: { ...env, TMPDIR: scratch },
            onLine: (line) => {
              if (isInteractive()) say(line);
            },
          }),
        );
        await rm(scratch, { recursive: true });
        const version = await askVersion(join(partial, spec.program), spec);
        if (version !== spec.version) {
          throw new LabError(
            `${what} produced a program that ${version ? `says it is ${version}` : "does not run"}.`,
            fix,
          );
        }
      },
    });
  } finally {
    clearInterval(heartbeat);
  }
}

function installationFix(name: EngineName, spec: EngineSpec): string {
  const reach = spec.needs.includes("go")
    ? "Make sure that Go can reach its module proxy (see `go env GOPROXY`)"
    : "Make sure that pip can reach its package index (see `pip config list`)";
  const own = spec.onPath === undefined ? "" : `, or install ${name} on PATH,`;
  return `${reach}${own} and try again.`;
}

function complete(reports: readonly EngineReport[]): Engines {
  const find = (name: EngineName) => reports.find((report) => report.name === name)?.engine;
  const engine = (name: EngineName): Engine => {
    const found = find(name);
    if (found) return found;
    throw new LabError(`${name} was installed, but cannot be found.`, "Run the command again.");
  };
  return {
    consul: engine("consul"),
    nomad: engine("nomad"),
    envoy: engine("envoy"),
    cni: engine("cni"),
    supervisor: engine("supervisor"),
    vault: find("vault"),
  };
}
