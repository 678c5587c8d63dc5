import type { WebSocket } from "ws";
import type { EngineApi } from "../lab/cluster/engine-api";

/** How long a program in a task may take, in milliseconds. */
const RUN_MS = 20_000;

const PERMISSIONS = "(the token needs alloc-exec, and for tasks without isolation also alloc-node-exec)";

/** A program could not be run in a task. */
export class ExecError extends Error {}

/**
 * Runs a program in a task, as `nomad alloc exec` does. Nomad wants a token with `alloc-exec`, and for tasks without isolation
 * with `alloc-node-exec` too.
 *
 * @returns what it prints
 * @throws ExecError if it does not end with 0
 * @see https://developer.hashicorp.com/nomad/api-docs/client#exec
 */
export function runInTask(
  nomad: EngineApi,
  { allocation, task }: { readonly allocation: string; readonly task: string },
  command: readonly string[],
  timeoutMs = RUN_MS,
): Promise<string> {
  const query = new URLSearchParams({ task, tty: "false", command: JSON.stringify(command) });
  const socket = nomad.socket(`/v1/client/allocation/${allocation}/exec?${query.toString()}`);
  return new Promise<string>((resolve, reject) => {
    const printed: Record<"stdout" | "stderr", Buffer[]> = { stdout: [], stderr: [] };
    const textOf = (stream: "stdout" | "stderr") => Buffer.concat(printed[stream]).toString();
    const fail = (words: string) => {
      reject(new ExecError(/permission denied/i.test(words) ? `${words.trim()} ${PERMISSIONS}` : words));
      socket.terminate();
    };
    const timer = setTimeout(() => fail(`it did not end within ${timeoutMs / 1000} s`), timeoutMs);
    socket.on("message", (data: Buffer) => {
      const frame = JSON.parse(data.toString()) as Frame;
      for (const stream of ["stdout", "stderr"] as const) {
        const text = frame[stream]?.data;
        if (text) printed[stream].push(Buffer.from(text, "base64"));
      }
      if (frame.exited !== true) return;
      const code = frame.result?.exit_code ?? 0;
      if (code === 0) resolve(textOf("stdout"));
      else reject(new ExecError(`it ended with ${code}: ${textOf("stderr").trim()}`));
      socket.close();
    });
    socket.on("unexpected-response", (_, response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () =>
        fail(`Nomad returned status ${response.statusCode ?? 0}: ${Buffer.concat(chunks).toString().trim()}`),
      );
    });
    socket.on("error", ({ message }) => fail(message));
    socket.on("close", (_: number, reason: Buffer) => {
      clearTimeout(timer);
      fail(reason.toString() || "Nomad closed the connection");
    });
    endInput(socket);
  });
}

/** What Nomad sends, one JSON object at a time. Without any of these it is a sign of life. */
interface Frame {
  readonly stdout?: { readonly data?: string };
  readonly stderr?: { readonly data?: string };
  readonly exited?: boolean;
  readonly result?: { readonly exit_code?: number };
}

function endInput(socket: WebSocket): void {
  socket.on("open", () => {
    socket.send(JSON.stringify({ stdin: { close: true } }));
  });
}
