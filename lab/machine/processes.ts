import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { waitFor } from "../core/wait";

/** Marks each process which a lab starts on the machine, so that it is found even when nothing was written down. */
export const labMarker = "MESHFORM_LAB_PROCESS";

/**
 * One process, told apart from a later one with the same pid by its start time. Only a process that matches both is ever
 * signalled.
 */
export interface ProcessRecord {
  readonly pid: number;
  /** Id of the machine's boot, and clock ticks since then. */
  readonly startedAt: string;
}

const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

/** The process that has this pid now, or undefined if none has, or if it has ended and only waits to be reaped. */
export function recordOf(pid: number): ProcessRecord | undefined {
  const stat = read(`/proc/${pid}/stat`);
  // The command name stands in parentheses and may hold anything, even parentheses.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const threads = Number(fields.at(16));
  const ticks = fields.at(18);
  // The main thread may be done while others still hold the process's sockets.
  const hasEnded = state === "X" || (state === "Z" && threads <= 1);
  if (ticks === undefined || hasEnded) return undefined;
  return { pid, startedAt: `${bootId}/${ticks}` };
}

export function isAlive(record: ProcessRecord | undefined): boolean {
  return record !== undefined && recordOf(record.pid)?.startedAt === record.startedAt;
}

/** Ends processes at once and waits until they are gone. Those that are gone already are passed over. */
export async function kill(records: readonly ProcessRecord[]): Promise<void> {
  for (const record of records) {
    if (isAlive(record)) signal(record);
  }
  await waitFor(`${records.length} processes to exit`, () => !records.some(isAlive), {
    timeoutMs: 20_000,
    intervalMs: 20,
    fix: "A process that cannot be killed is waiting for the kernel: see `dmesg`, then try again.",
  });
}

/** All processes on the machine that carry the marker of this lab, whatever namespace they are in. */
export function markedProcesses(lab: string): ProcessRecord[] {
  return marks()
    .filter((mark) => mark.lab === lab)
    .map(({ pid }) => recordOf(pid))
    .filter((record) => record !== undefined);
}

/** The names of the labs that have processes. */
export function markedLabs(): string[] {
  return marks().map(({ lab }) => lab);
}

function marks(): { pid: number; lab: string }[] {
  const prefix = `${labMarker}=`;
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      const mark = read(`/proc/${entry}/environ`)
        .split("\0")
        .find((variable) => variable.startsWith(prefix));
      return mark === undefined ? [] : [{ pid: Number(entry), lab: mark.slice(prefix.length) }];
    });
}

/** Whether a process is in the same pid namespace as this one, so not inside a lab host. */
export function isOnMachine(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`) === readlinkSync("/proc/self/ns/pid");
  } catch {
    return false;
  }
}

function signal(record: ProcessRecord): void {
  try {
    process.kill(record.pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** A process may end while it is read, and kernel threads show no environment. */
function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
