import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { LabError } from "../lab/core/errors";

/** A server of the newest page of a mesh, on loopback. */
export interface PageServer {
  readonly url: string;
  /** Replaces the page. */
  show(page: string, version: string): void;
  /** Has the page say why it is not replaced. */
  fail(problem: string): void;
  close(): void;
}

/** What the server says when it has started, or cannot. */
interface Answer {
  readonly port?: number;
  readonly error?: string;
}

/**
 * @param port 0 for any that is free
 * @param callers ids of the users of this machine who may see the page
 * @throws LabError if the port is taken
 */
export async function servePage(port: number, callers: readonly number[]): Promise<PageServer> {
  const child = fork(join(__dirname, "graph-server.mjs"), [String(port), callers.join(",")], {
    execArgv: [],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const started = once(child, "message").then(([answer]) => answer as Answer);
  const ended = once(child, "exit").then((): Answer => ({ error: "the server ended" }));
  const answer = await Promise.race([started, ended]);
  if (answer.port === undefined) {
    child.kill("SIGKILL");
    throw answer.error === "EADDRINUSE"
      ? new LabError(
          `Port ${port} of this machine is in use, maybe by another \`graph --watch\`.`,
          "Set another port with --port; with --port 0, any free one is used.",
        )
      : new LabError(
          `The page cannot be served at port ${port}: ${answer.error ?? "unknown"}.`,
          "Set another port with --port.",
        );
  }
  return {
    url: `http://127.0.0.1:${answer.port}/`,
    show: (page, version) => void child.send({ page, version }),
    fail: (problem) => void child.send({ problem }),
    close: () => void child.kill("SIGKILL"),
  };
}
