import { watch } from "chokidar";
import { once } from "node:events";
import { basename, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** How long nothing must change before the changes are reported, in milliseconds: editors write several files in a row. */
const QUIET_MS = 300;

/** What tools write into a project. */
const OUTPUT = ["node_modules", "cdktf.out", "meshform-graph", "coverage"];

/**
 * Reports changed files of a folder and its subfolders, again and again. Hidden files, packages and the output of tools are ignored.
 *
 * @param signal ends it; its reason is thrown
 * @returns paths in the folder
 */
export async function* changesIn(folder: string, signal: AbortSignal): AsyncGenerator<readonly string[], never> {
  const watcher = watch(folder, { ignoreInitial: true, ignored: (path) => path !== folder && isIgnored(path) });
  const changed = new Set<string>();
  watcher.on("all", (_, path) => changed.add(relative(folder, path)));
  try {
    await once(watcher, "ready", { signal });
    for (;;) {
      while (changed.size === 0) await once(watcher, "all", { signal });
      for (let known = 0; known < changed.size;) {
        known = changed.size;
        await sleep(QUIET_MS, undefined, { signal });
      }
      const files = [...changed].sort();
      changed.clear();
      yield files;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    await watcher.close();
  }
}

function isIgnored(path: string): boolean {
  const name = basename(path);
  return name.startsWith(".") || OUTPUT.includes(name);
}
