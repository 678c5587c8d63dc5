import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { text } from "node:stream/consumers";
import { LabError } from "../lab/core/errors";
import { runTool } from "../lab/machine/run-tool";

/** How long git may take to write a revision's files, in milliseconds. */
const GIT_MS = 120_000;

/**
 * Writes the files of a git revision into a folder that is gone afterwards. Packages that are installed here are there too.
 *
 * @param use what is done with the counterpart of the working directory
 * @throws LabError if this is not a git repository, or it has no such revision
 */
export async function withRevision<T>(
  revision: string,
  signal: AbortSignal,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const root = await ask(signal, "rev-parse", "--show-toplevel");
  const commit = root && (await ask(signal, "rev-parse", "--verify", "--quiet", `${revision}^{commit}`));
  if (!root || !commit) {
    throw new LabError(
      root
        ? `${revision} is neither a revision of this repository nor a directory.`
        : `The directory ${revision} does not exist.`,
      "Set --base to the output directory of a synthesis (cdktf.out), or to a revision of this git repository.",
    );
  }
  const tree = mkdtempSync(join(tmpdir(), "meshform-revision-"));
  try {
    const archive = join(tree, "files.tar");
    const options = { timeoutMs: GIT_MS, signal, fix: "Fix the git error, then try again." };
    const what = `reading ${revision}`;
    await runTool(["git", "-C", root, "archive", "--format=tar", `--output=${archive}`, commit], { what, ...options });
    const files = join(tree, "files");
    mkdirSync(files);
    await runTool(["tar", "-xf", archive, "-C", files], { what, ...options });
    const folder = join(files, relative(root, process.cwd()));
    if (!existsSync(folder))
      throw new LabError(`This directory does not exist in ${revision}.`, "Use a revision that contains it.");
    for (let here = process.cwd(), there = folder; ; here = dirname(here), there = dirname(there)) {
      const packages = join(here, "node_modules");
      if (existsSync(packages) && !existsSync(join(there, "node_modules"))) {
        symlinkSync(packages, join(there, "node_modules"));
      }
      if (here === root) break;
    }
    return await use(folder);
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

/** What git answers in one line; undefined where it has no answer. */
async function ask(signal: AbortSignal, ...args: readonly string[]): Promise<string | undefined> {
  const git = spawn("git", args, { signal, stdio: ["ignore", "pipe", "ignore"] });
  const [answer, [code]] = (await Promise.all([text(git.stdout), once(git, "close")])) as [string, [number | null]];
  return code === 0 ? answer.trim() : undefined;
}
