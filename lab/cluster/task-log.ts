import type { EngineApi } from "./engine-api";
import { LabError } from "../core/errors";
import { invocation } from "../core/invocation";

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
  nomad: EngineApi,
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
  // With nothing to show Nomad does not even begin to answer, so the signal may come before the answer.
  const response = await nomad.stream(`/v1/client/fs/logs/${log.allocation}?${query.toString()}`, options.signal);
  if (response.statusCode !== 200) {
    const words = (await response.toArray()).join("").trim();
    throw new LabError(
      `Cannot read the ${log.type} of task ${log.task} from Nomad: ${words}`,
      `Check with \`${invocation("status")}\` whether the task has started.`,
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

/** The last lines of what a task wrote, to standard error if it wrote anything there; none if Nomad has none. */
export async function lastWords(nomad: EngineApi, allocation: string, task: string): Promise<string[]> {
  const [errors, output] = await Promise.all(
    (["stderr", "stdout"] as const).map(async (type) => {
      const lines: string[] = [];
      const signal = AbortSignal.timeout(5_000);
      const onLine = (line: string) => lines.push(`${type}: ${line}`);
      await readTaskLog(nomad, { allocation, task, type }, onLine, { signal }).catch(() => undefined);
      return lines.slice(-10);
    }),
  );
  return errors.length > 0 ? errors : output;
}
