import { request as requestHttp, type IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import { readFileSync } from "node:fs";
import type { EngineEndpoint } from "./apply/engine-api";
import { LabError } from "./errors";
import { invocation } from "./invocation";

/** How much of a log is shown, in bytes from its end. */
const shownBytes = 64 * 1024;

/** One of the two logs of a task. */
export interface TaskLog {
  readonly allocation: string;
  readonly task: string;
  readonly type: "stdout" | "stderr";
}

/**
 * Reads the last part of a task's log through Nomad, and goes on as it grows if asked to.
 *
 * @param onLine called with each line
 * @throws LabError if Nomad does not give the log
 * @see https://developer.hashicorp.com/nomad/api-docs/client#stream-logs
 */
export async function readTaskLog(
  nomad: EngineEndpoint,
  log: TaskLog,
  onLine: (line: string) => void,
  options: { readonly follow?: boolean; readonly signal?: AbortSignal } = {},
): Promise<void> {
  const query = new URLSearchParams({
    task: log.task,
    type: log.type,
    plain: "true",
    origin: "end",
    offset: String(shownBytes),
    follow: String(options.follow ?? false),
  });
  const response = await open(nomad, `/v1/client/fs/logs/${log.allocation}?${query.toString()}`, options.signal);
  if (response.statusCode !== 200) {
    const words = (await response.toArray()).join("").trim();
    throw new LabError(
      `Nomad does not give the ${log.type} of task ${log.task}: ${words}`,
      `See with \`${invocation("status")}\` whether the task has started.`,
    );
  }
  let rest = "";
  try {
    for await (const text of response.setEncoding("utf8") as AsyncIterable<string>) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      lines.forEach(onLine);
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    throw error;
  }
  if (rest !== "") onLine(rest);
}

/** The last lines of a task's stderr; empty if there is none. */
export async function lastErrors(nomad: EngineEndpoint, allocation: string, task: string): Promise<string[]> {
  const lines: string[] = [];
  const signal = AbortSignal.timeout(5_000);
  await readTaskLog(nomad, { allocation, task, type: "stderr" }, (line) => lines.push(line), { signal }).catch(
    () => undefined,
  );
  return lines.slice(-10);
}

function open(nomad: EngineEndpoint, path: string, signal?: AbortSignal): Promise<IncomingMessage> {
  const url = new URL(path, nomad.address);
  return new Promise((resolve, reject) => {
    const request = (url.protocol === "https:" ? requestHttps : requestHttp)(
      url,
      {
        headers: nomad.token === undefined ? {} : { "X-Nomad-Token": nomad.token },
        ca: nomad.caFile === undefined ? undefined : readFileSync(nomad.caFile),
        signal,
      },
      resolve,
    );
    // With nothing to show Nomad does not even begin to answer, so the end may come here too.
    request.on("error", (error) => {
      reject(signal?.aborted ? (signal.reason as Error) : error);
    });
    request.end();
  });
}
