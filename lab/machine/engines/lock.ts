import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, open, stat, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { LabError } from "../../core/errors";

/** How long a lock may stay with somebody else before the caller is told that it is waiting, in milliseconds. */
const QUIET_MS = 500;
/** How `flock` ends when the lock was not free in time. */
const TIMED_OUT = 1;

export interface LockOptions {
  /** What somebody else may be doing meanwhile, as the subject of a sentence. */
  readonly what: string;
  /** How long to wait for it, in milliseconds. */
  readonly timeoutMs: number;
  /** @default never */
  readonly signal?: AbortSignal;
  /** Called once when the lock is not free at once. @default nothing */
  readonly onWait?: () => void;
}

/**
 * Runs an action while no other process on this machine holds the same lock file. The kernel keeps the lock for as long as this
 * process has the file open: even after `kill -9` nothing stale stays behind. Who holds the lock may remove the file.
 *
 * @throws LabError when the lock is not free in time.
 * @see https://man7.org/linux/man-pages/man1/flock.1.html
 */
export async function withLock<T>(file: string, options: LockOptions, action: () => Promise<T>): Promise<T> {
  const notice = setTimeout(() => options.onWait?.(), QUIET_MS);
  let held: FileHandle;
  try {
    held = await lockedFile(file, options);
  } finally {
    clearTimeout(notice);
  }
  try {
    return await action();
  } finally {
    await held.close();
  }
}

/** Opens and locks the file, again if it was removed meanwhile: the next process would lock another file of that name. */
async function lockedFile(file: string, options: LockOptions): Promise<FileHandle> {
  const end = Date.now() + options.timeoutMs;
  for (;;) {
    const handle = await opened(file).catch((error: unknown) => {
      // The folder went with the last lock in it, before this one was there.
      if ((error as NodeJS.ErrnoException).code === "ENOENT" && Date.now() < end) return undefined;
      throw error;
    });
    if (handle === undefined) continue;
    try {
      await lock(handle, file, options, Math.max(0, end - Date.now()));
      if (await isAt(file, handle)) return handle;
    } catch (error) {
      await handle.close();
      throw error;
    }
    await handle.close();
  }
}

async function opened(file: string): Promise<FileHandle> {
  await mkdir(dirname(file), { recursive: true });
  return open(file, "a");
}

/** The lock is that of the open file, which `flock` shares with this process, so it stays when `flock` ends. */
async function lock({ fd }: FileHandle, file: string, options: LockOptions, leftMs: number): Promise<void> {
  options.signal?.throwIfAborted();
  // In a session of its own Ctrl-C does not end it: the signal does, with its reason.
  const child = spawn("flock", ["--timeout", String(leftMs / 1000), "3"], {
    stdio: ["ignore", "ignore", "ignore", fd],
    detached: true,
  });
  const giveUp = () => {
    child.kill("SIGTERM");
  };
  options.signal?.addEventListener("abort", giveUp, { once: true });
  try {
    const [code] = (await once(child, "close")) as [number | null];
    options.signal?.throwIfAborted();
    if (code !== 0) throw refusal(file, options, code === TIMED_OUT);
  } finally {
    options.signal?.removeEventListener("abort", giveUp);
  }
}

async function isAt(file: string, handle: FileHandle): Promise<boolean> {
  const [held, there] = await Promise.all([handle.stat(), stat(file).catch(() => undefined)]);
  return there !== undefined && there.ino === held.ino && there.dev === held.dev;
}

function refusal(file: string, options: LockOptions, timedOut: boolean): LabError {
  return timedOut
    ? new LabError(
        `${options.what} did not finish within ${Math.round(options.timeoutMs / 1000)} s, so ${file} is still locked.`,
        "Wait for the other process, or stop it, then try again.",
      )
    : new LabError(`${file} could not be locked.`, "Make sure that `flock` works in this folder.");
}
