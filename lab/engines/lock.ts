import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { LabError } from "../errors";

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
 * Runs an action while no other process on this machine holds the same lock file. The kernel keeps the lock, through a
 * `flock` process that ends with this one: even after `kill -9` nothing stale stays behind.
 *
 * @throws LabError when the lock is not free in time.
 * @see https://man7.org/linux/man-pages/man1/flock.1.html
 */
export async function withLock<T>(file: string, options: LockOptions, action: () => Promise<T>): Promise<T> {
  await mkdir(dirname(file), { recursive: true });
  options.signal?.throwIfAborted();
  // `cat` lives until its input closes. In a session of its own Ctrl-C does not end it before the action has cleaned up.
  const seconds = String(options.timeoutMs / 1000);
  const holder = spawn("flock", ["--timeout", seconds, file, "sh", "-c", "echo; exec cat"], {
    stdio: ["pipe", "pipe", "ignore"],
    detached: true,
  });
  const ended = once(holder, "close") as Promise<[number | null]>;
  const notice = setTimeout(() => options.onWait?.(), QUIET_MS);
  const giveUp = () => {
    holder.kill("SIGTERM");
  };
  options.signal?.addEventListener("abort", giveUp, { once: true });
  try {
    const [first] = (await Promise.race([once(holder.stdout, "data"), ended])) as [Buffer | number | null];
    options.signal?.throwIfAborted();
    if (!Buffer.isBuffer(first)) throw refusal(file, options, first === TIMED_OUT);
    clearTimeout(notice);
    return await action();
  } finally {
    clearTimeout(notice);
    options.signal?.removeEventListener("abort", giveUp);
    holder.stdin.end();
    await ended.catch(() => undefined);
  }
}

function refusal(file: string, options: LockOptions, timedOut: boolean): LabError {
  return timedOut
    ? new LabError(
        `${options.what} did not end within ${Math.round(options.timeoutMs / 1000)} s, so ${file} stayed locked.`,
        "Wait for the other process, or end it, and try again.",
      )
    : new LabError(`${file} could not be locked.`, "Make sure that `flock` works in this folder.");
}
