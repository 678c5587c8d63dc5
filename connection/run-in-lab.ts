import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { enterAllocation } from "../lab/hosts/namespaces";
import type { ProcessRecord } from "../lab/machine/processes";

/** How long a program may take, in milliseconds. */
const RUN_MS = 20_000;

/** Runs a program of this machine in the network of an allocation on a host of a lab, whatever state its tasks and agents are in. */
export async function runInLab(init: ProcessRecord, allocation: string, command: readonly string[]): Promise<string> {
  const [program, ...args] = [...(await enterAllocation(init, allocation)), ...command];
  try {
    const { stdout } = await promisify(execFile)(program, args, { timeout: RUN_MS, maxBuffer: 256 * 1024 * 1024 });
    return stdout;
  } catch (error) {
    // Its message is the whole command.
    const { killed = false, code, stderr = "" } = error as { killed?: boolean; code?: unknown; stderr?: string };
    throw new Error(
      killed
        ? `${command[0]} did not end within ${RUN_MS / 1000} s on the host`
        : `${command[0]} ended with ${String(code)} on the host: ${stderr.trim()}`,
      { cause: error },
    );
  }
}
