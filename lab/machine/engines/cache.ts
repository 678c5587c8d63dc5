import { existsSync } from "node:fs";
import { chmod, mkdtemp, readdir, rename, rm, rmdir } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { type LockOptions, withLock } from "./lock";

const LOCK = ".lock";
const PARTIAL = ".partial-";

/** Where engines are kept: `$XDG_CACHE_HOME/meshform/engines`, `~/.cache/meshform/engines` by default. */
export function engineCache(env: NodeJS.ProcessEnv = process.env): string {
  // The XDG specification says to ignore a relative path.
  const base = env.XDG_CACHE_HOME?.startsWith("/") ? env.XDG_CACHE_HOME : join(env.HOME ?? homedir(), ".cache");
  return join(base, "meshform", "engines");
}

/**
 * Removes all engines, of every version. Labs that run lose the programs with which their agents would start again.
 *
 * @returns the folder that was removed; undefined if there was none
 */
export async function removeEngines(env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  const folder = engineCache(env);
  if (!existsSync(folder)) return undefined;
  await rm(folder, { recursive: true });
  await rmdir(dirname(folder)).catch(() => undefined); // Something else may be in it.
  return folder;
}

export interface FillOptions extends LockOptions {
  /** Whether the folder already holds what is wanted; asked again once the lock is held. */
  readonly isFilled: () => Promise<boolean>;
  /** Puts everything into the folder that it is given. */
  readonly fill: (partial: string) => Promise<void>;
}

/**
 * Fills a folder `<cache>/<engine>/<version>` once. The folder appears complete or not at all: the work is done in a
 * folder next to it, which is renamed at the end and removed on any failure. When two processes want the same folder, the
 * second waits and finds it filled.
 */
export async function fillOnce(folder: string, options: FillOptions): Promise<void> {
  const parent = dirname(folder);
  await withLock(join(parent, LOCK), options, async () => {
    await removePartials(parent);
    if (await options.isFilled()) return;
    const partial = await mkdtemp(folder + PARTIAL);
    try {
      await options.fill(partial);
      await chmod(partial, 0o755);
      await rm(folder, { recursive: true, force: true });
      await rename(partial, folder);
    } finally {
      // What a stopped tool had started may write for an instant longer.
      await rm(partial, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    }
  });
}

/**
 * Removes what installations left behind that were killed outright, for every engine that nobody is installing just now.
 */
export async function sweepCache(cache: string): Promise<void> {
  const engines = existsSync(cache) ? await readdir(cache) : [];
  for (const engine of engines) {
    const folder = join(cache, engine);
    const entries = await readdir(folder);
    if (!entries.some((entry) => entry.includes(PARTIAL))) continue;
    const options = { what: `The installation of ${engine}`, timeoutMs: 0 };
    await withLock(join(folder, LOCK), options, () => removePartials(folder)).catch(() => undefined);
  }
}

/** The holder of the lock knows that nobody works in a partial folder any more. */
async function removePartials(engineFolder: string): Promise<void> {
  for (const entry of await readdir(engineFolder)) {
    if (entry.includes(PARTIAL)) await rm(join(engineFolder, entry), { recursive: true, force: true });
  }
}
