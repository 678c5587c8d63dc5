import { constants } from "node:os";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Why an action was stopped: somebody asked the process to end, or nobody reads what it prints any more (SIGPIPE). */
export class Interruption extends Error {
  /** As a shell gives it for a process that the signal ended. */
  readonly exitCode: number;

  constructor(readonly signal: (typeof SIGNALS)[number] | "SIGPIPE") {
    super(`Stopped by ${signal}.`);
    this.exitCode = 128 + constants.signals[signal];
  }
}

/** Aborted once the reader of standard output has ended. Node keeps the signal itself back, which it would get for sockets too. */
const unread = new AbortController();

/** Has actions stop when the reader of standard output ends, for example `head`. Otherwise Node would end the process in the middle of its work. */
export function watchReader(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    unread.abort(new Interruption("SIGPIPE"));
  });
}

/**
 * Runs an action that cleans up after itself when Ctrl-C or SIGTERM comes: its signal is aborted with an Interruption,
 * which it lets through. A second Ctrl-C ends the process at once.
 */
export async function interruptible<T>(action: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = (name: (typeof SIGNALS)[number]) => {
    const interruption = new Interruption(name);
    if (controller.signal.aborted) process.exit(interruption.exitCode);
    controller.abort(interruption);
  };
  for (const name of SIGNALS) process.on(name, stop);
  try {
    return await action(AbortSignal.any([controller.signal, unread.signal]));
  } finally {
    for (const name of SIGNALS) process.off(name, stop);
  }
}
