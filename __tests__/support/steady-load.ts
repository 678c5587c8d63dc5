import { setTimeout as sleep } from "node:timers/promises";

/** What a steady load met. */
export interface Load {
  /** What was answered, in order: a status, or the words of an error. */
  readonly answers: readonly (number | string)[];
  readonly sent: number;
  /** How many answers were other than 200. */
  readonly failed: number;
  /** Milliseconds from the first failed request to the first answer after which none failed; 0 if none failed. */
  readonly recoveryMs: number;
}

/** Asks once; a rejection is an answer too. */
export type Ask = () => Promise<number | string>;

/** Between an answer and the next request, in milliseconds. */
export const PAUSE_MS = 25;

export interface LoadOptions {
  /** Between an answer and the next request, in milliseconds. @default 25 */
  readonly pauseMs?: number;
  /** How long requests go on before and after what happens, in milliseconds. @default 1,000 */
  readonly marginMs?: number;
}

/** How many requests there are at most, in case that what happens has no end. */
const MOST = 20_000;

/**
 * Sends requests one after another, to each of several, while something happens.
 *
 * @param act what happens; it ends once what it has caused is over
 */
export async function loadWhile<Name extends string>(
  asks: Readonly<Record<Name, Ask>>,
  act: () => Promise<unknown>,
  { pauseMs = PAUSE_MS, marginMs = 1_000 }: LoadOptions = {},
): Promise<Readonly<Record<Name, Load>>> {
  const over = new AbortController();
  const names = Object.keys(asks) as Name[];
  const loads = names.map(async (name) => {
    const answers: { readonly answer: number | string; readonly at: number }[] = [];
    while (answers.length < MOST && !over.signal.aborted) {
      const at = Date.now();
      answers.push({ answer: await asks[name]().catch(String), at });
      await sleep(pauseMs);
    }
    return [name, summaryOf(answers)] as const;
  });
  try {
    await sleep(marginMs);
    await act();
    await sleep(marginMs);
  } finally {
    over.abort();
    await Promise.all(loads);
  }
  return Object.fromEntries(await Promise.all(loads)) as Record<Name, Load>;
}

function summaryOf(answers: readonly { readonly answer: number | string; readonly at: number }[]): Load {
  const isFailed = ({ answer }: { readonly answer: number | string }) => answer !== 200;
  const first = answers.findIndex(isFailed);
  const last = answers.map(isFailed).lastIndexOf(true);
  const recovered = answers.at(last + 1) ?? answers.at(-1);
  return {
    answers: answers.map(({ answer }) => answer),
    sent: answers.length,
    failed: answers.filter(isFailed).length,
    recoveryMs: first < 0 ? 0 : (recovered?.at ?? 0) - answers[first].at,
  };
}
