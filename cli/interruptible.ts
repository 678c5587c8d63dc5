import { constants } from "node:os";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Why an action was stopped: somebody asked the process to end. */
export class Interruption extends Error {
  /** As a shell gives it for a process that the signal ended. */
  readonly exitCode: number;

  constructor(name: (typeof SIGNALS)[number]) {
    super(`Stopped by ${name}.`);
    this.exitCode = 128 + constants.signals[name];
  }
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
    return await action(controller.signal);
  } finally {
    for (const name of SIGNALS) process.off(name, stop);
  }
}
