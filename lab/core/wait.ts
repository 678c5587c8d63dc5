import { setTimeout as sleep } from "node:timers/promises";
import { types } from "node:util";
import { LabError } from "./errors";
import { invocation } from "./invocation";

export interface WaitOptions {
  /** Time limit in milliseconds. A probe that hangs counts too. */
  readonly timeoutMs: number;
  /** Pause between two probes in milliseconds. @default 100 */
  readonly intervalMs?: number;
  /** What to show when the time is over, e.g. the last lines of a log. @default what the last probe threw, if it did */
  readonly lastSeen?: () => string | undefined | Promise<string | undefined>;
  /** What the reader can do when the time is over, as a whole sentence. @default run `meshform doctor`, then try again */
  readonly fix?: string;
  /** Stops the wait; its reason is thrown. @default never */
  readonly signal?: AbortSignal;
}

/**
 * Waits until a probe gives a value, and returns that value. `undefined` and `false` mean "not yet", and so does an error
 * that the probe throws, since what is starting refuses connections; a LabError ends the wait at once.
 *
 * @param what What is waited for, as the object of a sentence: "the Consul leader".
 * @param probe Looks once. Its signal tells it to give up when the time is over.
 * @throws LabError when the time is over, with what was waited for, how long, and what was last seen.
 */
export async function waitFor<T>(
  what: string,
  probe: (signal: AbortSignal) => T | undefined | false | Promise<T | undefined | false>,
  options: WaitOptions,
): Promise<T> {
  const limit = AbortSignal.timeout(options.timeoutMs);
  const signal = AbortSignal.any(options.signal ? [limit, options.signal] : [limit]);
  const over = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => {
      reject(signal.reason as Error);
    });
  });
  let lastError: unknown;
  try {
    for (;;) {
      const value = await Promise.race([attempt(probe, signal, (error) => (lastError = error)), over]);
      if (value !== undefined && value !== false) return value;
      await sleep(options.intervalMs ?? 100, undefined, { signal });
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!limit.aborted) throw error;
    const seen = (await options.lastSeen?.()) ?? describe(lastError);
    const last = seen ? ` Last seen: ${seen.trim()}` : "";
    throw new LabError(
      `Timed out after ${options.timeoutMs / 1000} s waiting for ${what}.${last}`,
      options.fix ?? `Run \`${invocation("doctor")}\` to check this machine, then try again.`,
      { cause: lastError },
    );
  }
}

async function attempt<T>(
  probe: (signal: AbortSignal) => T | Promise<T>,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): Promise<T | undefined> {
  try {
    return await probe(signal);
  } catch (error) {
    if (error instanceof LabError) throw error;
    onError(error);
    return undefined;
  }
}

/** `fetch` says only "fetch failed"; why is in the cause. */
function describe(error: unknown): string | undefined {
  if (!types.isNativeError(error)) return undefined;
  return types.isNativeError(error.cause) ? `${error.message}: ${error.cause.message}` : error.message;
}
