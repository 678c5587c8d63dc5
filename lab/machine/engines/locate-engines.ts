import { execFile } from "node:child_process";
import { join } from "node:path";
import { findProgram } from "../find-program";
import { engineCache } from "./cache";
import { CATALOGUE, type EngineCatalogue, type EngineSpec } from "./catalogue";
import type { Engine, EngineName, OptionalEngine } from "./engine";

/** How long a program may take to tell its version, in milliseconds. */
const VERSION_MS = 15_000;

/** What is there of one engine. */
export interface EngineReport {
  readonly name: EngineName;
  /** The engine that is used. Absent when it is still to be installed. */
  readonly engine?: Engine;
  /** The version that Meshform installs when there is none. */
  readonly pinned: string;
  /** Whether only some labs have it. */
  readonly optional: boolean;
  /** Where Meshform installs it from. */
  readonly source: string;
  /** Programs that were found and passed over, each with the reason, as sentences. */
  readonly passedOver: readonly string[];
}

export interface LocateOptions {
  /** Where PATH, HOME and XDG_CACHE_HOME are read. @default the environment of this process */
  readonly env?: NodeJS.ProcessEnv;
  /** @default the engines that Meshform pins */
  readonly catalogue?: EngineCatalogue;
}

/**
 * Looks for every engine, on PATH first and then in the cache, and asks each one that it finds for its version. Installs
 * nothing.
 */
export async function locateEngines(options: LocateOptions = {}): Promise<EngineReport[]> {
  const catalogue = options.catalogue ?? CATALOGUE;
  const names = Object.keys(catalogue) as EngineName[];
  return Promise.all(names.map((name) => locateEngine(name, catalogue[name], options.env ?? process.env)));
}

async function locateEngine(name: EngineName, spec: EngineSpec, env: NodeJS.ProcessEnv): Promise<EngineReport> {
  const report = { name, pinned: spec.version, optional: spec.optional ?? false, source: spec.source };
  const passedOver: string[] = [];
  const onPath = spec.onPath === undefined ? undefined : findProgram(spec.onPath, env.PATH);
  if (onPath !== undefined) {
    const version = await askVersion(onPath, spec);
    if (version !== undefined) {
      return { ...report, engine: { name, version, path: onPath, origin: "PATH" }, passedOver };
    }
    passedOver.push(`${onPath} does not print its version, so it is not used.`);
  }
  const folder = engineFolder(name, spec, env);
  const version = await askVersion(join(folder, spec.program), spec);
  if (version !== spec.version) return { ...report, passedOver };
  return { ...report, engine: { name, version, path: join(folder, spec.path), origin: "cache" }, passedOver };
}

/**
 * The engines that are still to be installed.
 *
 * @param also those of some labs only that this one has
 */
export function missingEngines(reports: readonly EngineReport[], also: readonly OptionalEngine[] = []): EngineName[] {
  const isWanted = ({ name, optional }: EngineReport) => !optional || also.some((it) => it === name);
  return reports.filter((report) => report.engine === undefined && isWanted(report)).map(({ name }) => name);
}

/** The folder of the cache for the pinned version. */
export function engineFolder(name: EngineName, spec: EngineSpec, env: NodeJS.ProcessEnv): string {
  return join(engineCache(env), name, spec.folder ?? spec.version);
}

/** The version that a program tells, or nothing when there is no such program or it does not run. */
export async function askVersion(program: string, spec: EngineSpec): Promise<string | undefined> {
  const said = await new Promise<string>((resolve) => {
    // How it ends does not matter: a CNI plugin tells its version when it fails for lack of a command.
    const child = execFile(program, spec.versionArguments, { timeout: VERSION_MS }, (_, stdout, stderr) => {
      resolve(stdout + stderr);
    });
    child.stdin?.end();
  });
  return spec.versionPattern.exec(said)?.[1];
}
