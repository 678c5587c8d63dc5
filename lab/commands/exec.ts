import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { hostEnvironment } from "./environment";
import { LabError } from "../core/errors";
import { Lab } from "../hosts/lab";
import { cleanEnvironment, enterHost } from "../hosts/namespaces";
import { allHosts } from "../hosts/topology";

/** A program to start, with all that it gets of its environment. */
export interface HostCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * What runs a command on a host of a lab, in a secure lab with tokens as {@link hostEnvironment} says.
 *
 * @throws LabError if the host does not run
 */
export function commandOnHost(lab: string, host: string, command: readonly string[]): HostCommand {
  const found = new Lab(lab);
  const init = found.initOf(host);
  if (!init) {
    const known = found.topology ? allHosts(found.topology).map(({ name }) => name) : ["none: the lab does not exist"];
    throw new LabError(`Host ${host} of lab ${lab} is not running.`, `The lab's hosts: ${known.join(", ")}.`);
  }
  const env = { ...cleanEnvironment, ...hostEnvironment(found, host) };
  return { program: "nsenter", args: [...enterHost(init), ...command], env };
}

/**
 * Runs a command on a host of a lab, with this process's terminal.
 *
 * @returns its exit code, as a shell gives it
 * @throws LabError if the host does not run
 */
export async function exec(lab: string, host: string, command: readonly string[]): Promise<number> {
  const { program, args, env } = commandOnHost(lab, host, command);
  const terminal = process.env.TERM === undefined ? {} : { TERM: process.env.TERM };
  const child = spawn(program, args, { stdio: "inherit", env: { ...env, ...terminal } });
  // Ctrl-C reaches the command through the terminal; how it ends is up to the command.
  const ignore = () => undefined;
  process.on("SIGINT", ignore);
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  process.off("SIGINT", ignore);
  return code ?? 128 + (signal ? constants.signals[signal] : 0);
}
