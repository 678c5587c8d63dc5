import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { hostEnvironment } from "./environment";
import { LabError } from "./errors";
import { Lab } from "./lab";
import { cleanEnvironment, enterHost } from "./namespaces";

/**
 * Runs a command on a host of a lab, with this process's terminal and, in a secure lab, with an operator's tokens.
 *
 * @returns its exit code, as a shell gives it
 * @throws LabError if the host does not run
 */
export async function exec(lab: string, host: string, command: readonly string[]): Promise<number> {
  const found = new Lab(lab);
  const init = found.initOf(host);
  if (!init) {
    const known = found.topology?.hosts.map(({ name }) => name).join(", ") ?? "none, since there is no such lab";
    throw new LabError(`Host ${host} of lab ${lab} does not run.`, `The lab's hosts: ${known}.`);
  }
  const terminal = process.env.TERM === undefined ? {} : { TERM: process.env.TERM };
  const child = spawn("nsenter", [...enterHost(init), ...command], {
    stdio: "inherit",
    env: { ...cleanEnvironment, ...hostEnvironment(found), ...terminal },
  });
  // Ctrl-C reaches the command by itself, through the terminal; how to end is its own business.
  const ignore = () => undefined;
  process.on("SIGINT", ignore);
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  process.off("SIGINT", ignore);
  return code ?? 128 + (signal ? constants.signals[signal] : 0);
}
