import type { EngineAnswer, EngineApi } from "../lab/cluster/engine-api";

/** What an engine says, or why it could not be seen. */
export type Fact<T> = { readonly value: T } | Unseen;

/** Why a fact is not known. */
export interface Unseen {
  readonly engine: "Consul" | "Nomad";
  /** Method and path of the request. */
  readonly request: string;
  /** `unreachable`: no answer; `denied`: the token lacks a permission, or is not known; `failed`: another answer than expected. */
  readonly kind: "unreachable" | "denied" | "failed";
  /** The engine's own words, or the error of the connection. */
  readonly words: string;
}

export function isSeen<T>(fact: Fact<T>): fact is { readonly value: T } {
  return "value" in fact;
}

/** What was seen. @default it was not */
export function valueOf<T>(fact: Fact<T> | undefined): T | undefined {
  return fact && isSeen(fact) ? fact.value : undefined;
}

/** Another view of a fact, if it is seen. */
export function mapFact<T, U>(fact: Fact<T>, change: (value: T) => U): Fact<U> {
  return isSeen(fact) ? { value: change(fact.value) } : fact;
}

/** One request. */
export interface Look<T> {
  readonly path: string;
  /** What is posted. @default nothing: it is a GET request */
  readonly body?: unknown;
  /** Reads the answer. `undefined`: it is not one that is expected. @default the JSON of status 200 */
  readonly read?: (answer: EngineAnswer) => T | undefined;
}

/** Sends a request, and never throws: what goes wrong becomes a part of the fact. */
export async function look<T>(
  api: EngineApi,
  timeoutMs: number,
  { path, body, read = json as (answer: EngineAnswer) => T | undefined }: Look<T>,
): Promise<Fact<T>> {
  const unseen = (kind: Unseen["kind"], words: string): Unseen => ({
    engine: api.engine,
    request: `${body === undefined ? "GET" : "POST"} ${path.split("?")[0]}`,
    kind,
    words,
  });
  let answer: EngineAnswer;
  try {
    answer = await api.ask(path, timeoutMs, body);
  } catch (error) {
    return unseen("unreachable", causeOf(error));
  }
  const { status, headers, text } = answer;
  const words = `status ${status}: ${text.trim().slice(0, 300)}`;
  // Both engines say so, with status 400, on their HTTPS ports.
  if (text.includes("HTTP request to an HTTPS server")) return unseen("unreachable", words);
  if (headers["x-consul-results-filtered-by-acls"] === "true") {
    return unseen("denied", "the token sees only a part of the list");
  }
  try {
    const value = read(answer);
    if (value !== undefined) return { value };
  } catch {
    // What answers may be a proxy in front of the engine, with a page of its own.
  }
  return unseen(status === 401 || status === 403 ? "denied" : "failed", words);
}

function json(answer: EngineAnswer): unknown {
  return answer.status === 200 ? (JSON.parse(answer.text) as unknown) : undefined;
}

/** The message of the connection's own error. */
function causeOf(error: unknown): string {
  const { cause, message } = error as Error;
  return (cause as Error | undefined)?.message || message;
}
