import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { Graph } from "@viz-js/viz";

/** What is read of Graphviz's answer. */
export interface Drawn {
  readonly bb: string;
  readonly objects?: readonly { readonly name: string; readonly pos?: string; readonly bb?: string }[];
  readonly edges?: readonly { readonly mark: string; readonly pos: string; readonly lp?: string }[];
}

/** Graphviz needed more time than it was given. */
export class LayoutTimeout extends Error {}

export interface GraphvizOptions {
  /** How long it may take in all, in milliseconds. */
  readonly limitMs: number;
  /** Stops it. @default it cannot be stopped */
  readonly signal?: AbortSignal;
}

/**
 * Lays graphs out with Graphviz's dot, in a thread that can be stopped.
 *
 * @throws LayoutTimeout after `limitMs`; the reason of `signal` when that is aborted
 * @see https://graphviz.org/docs/layouts/dot/
 */
export async function runDot(descriptions: readonly Graph[], options: GraphvizOptions): Promise<readonly Drawn[]> {
  const { limitMs, signal } = options;
  signal?.throwIfAborted();
  const worker = new Worker(join(__dirname, "graphviz-worker.mjs"), { workerData: descriptions });
  let timer: NodeJS.Timeout | undefined;
  let stop: (() => void) | undefined;
  try {
    const texts = await new Promise<readonly string[]>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.once("exit", () => reject(new Error("Graphviz ended without a layout.")));
      timer = setTimeout(() => reject(new LayoutTimeout()), limitMs);
      stop = () => reject(signal?.reason as Error);
      signal?.addEventListener("abort", stop);
    });
    return texts.map((text) => JSON.parse(text) as Drawn);
  } finally {
    clearTimeout(timer);
    if (stop) signal?.removeEventListener("abort", stop);
    await worker.terminate();
  }
}
