import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { types } from "node:util";
import { LabError } from "../core/errors";

/** How long a tool that was asked to end may take before it is killed, in milliseconds. */
const GRACE_MS = 5_000;
/** How many lines of a failed tool's output are shown. */
const SHOWN_LINES = 15;

export interface RunToolOptions {
  /** What the tool is doing, as the subject of a sentence: "the build of consul 1.21.0". */
  readonly what: string;
  /** What the reader can do when it fails, as a whole sentence. */
  readonly fix: string;
  /** Time limit in milliseconds. The tool and everything that it started are ended then. */
  readonly timeoutMs: number;
  /** Working directory. @default the one of this process */
  readonly cwd?: string;
  /** Added to the environment of this process. @default nothing */
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the tool early; its reason is thrown. @default never */
  readonly signal?: AbortSignal;
  /** Sees each line of output as it comes. @default nobody */
  readonly onLine?: (line: string) => void;
}

/**
 * Runs a tool to its end.
 *
 * @throws LabError with the last lines of the tool's own output when it cannot start, fails or takes too long.
 */
export async function runTool(command: readonly [string, ...string[]], options: RunToolOptions): Promise<void> {
  options.signal?.throwIfAborted();
  const [file, ...args] = command;
  const lines: string[] = [];
  // A process group of its own: compilers and downloads below the tool end with it.
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on("line", (line) => {
      lines.push(line);
      options.onLine?.(line);
    });
  }
  const limit = AbortSignal.timeout(options.timeoutMs);
  const stop = AbortSignal.any(options.signal ? [limit, options.signal] : [limit]);
  let killer: NodeJS.Timeout | undefined;
  const end = () => {
    signalGroup(child.pid, "SIGINT");
    killer = setTimeout(() => {
      signalGroup(child.pid, "SIGKILL");
    }, GRACE_MS);
  };
  stop.addEventListener("abort", end, { once: true });
  try {
    const [code] = (await once(child, "close")) as [number | null];
    options.signal?.throwIfAborted();
    if (limit.aborted) {
      throw failure(`took longer than ${options.timeoutMs / 1000} s and was stopped`, command, lines, options);
    }
    if (code !== 0) throw failure(code === null ? "was killed" : `exited with code ${code}`, command, lines, options);
  } catch (error) {
    if (isStartError(error)) throw failure(`could not start (${error.code})`, command, lines, options);
    throw error;
  } finally {
    stop.removeEventListener("abort", end);
    clearTimeout(killer);
  }
}

function isStartError(error: unknown): error is NodeJS.ErrnoException {
  return types.isNativeError(error) && "syscall" in error;
}

function failure(how: string, command: readonly string[], lines: readonly string[], options: RunToolOptions): LabError {
  const said = lines
    .filter((line) => line.trim() !== "")
    .slice(-SHOWN_LINES)
    .map((line) => `\n  ${line}`);
  const last = said.length > 0 ? ` Last output:${said.join("")}` : " It printed nothing.";
  return new LabError(`${options.what} failed: \`${command.join(" ")}\` ${how}.${last}`, options.fix);
}

/** Sends a signal to a process and to all that it has started, if it still runs. The process must have a group of its own. */
export function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // It has just ended.
  }
}
