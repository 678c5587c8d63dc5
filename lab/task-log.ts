import { request as requestHttp, type IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { EngineEndpoint } from "./apply/engine-api";
import { LabError } from "./errors";

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
 * @param onLine called with each whole line
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
      "See with `meshform status` whether the task has started.",
    );
  }
  for await (const line of createInterface(response)) onLine(line);
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
    request.on("error", reject);
    request.end();
  });
}
