import { execFile, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { nomadData } from "../../constructs/linux/nomad-agent";
import { Daemon } from "./docker/daemon";
import { dockerSocket } from "./docker/docker-role";
import { labMarker, recordOf, type ProcessRecord } from "../machine/processes";
import type { NamespaceRecord } from "./state";
import { waitFor } from "../core/wait";

/** What a service manager gives to its units: nothing of the environment of the command's caller. */
export const cleanEnvironment = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  HOME: "/root",
  LANG: "C.UTF-8",
};

export interface NamespaceOptions {
  /** Whose network the script is in. @default "own" */
  readonly network?: "own" | "machine";
  /** Added to the environment of a service manager's units. @default nothing */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Starts a script as the first process of new network, mount, pid, host name and IPC namespaces. When that process ends,
 * the kernel ends every other one inside and drops the mounts and interfaces; and it ends when its holder does.
 *
 * @param onHolder Called with the holder before anything else happens, so that it can be written down.
 */
export async function startNamespaces(
  lab: string,
  script: string,
  logFile: string,
  onHolder: (holder: ProcessRecord) => void,
  { network = "own", env }: NamespaceOptions = {},
): Promise<Required<NamespaceRecord>> {
  const log = openSync(logFile, "w", 0o600);
  const child = spawn(
    "unshare",
    [
      ...(network === "own" ? ["--net"] : []),
      ...["--mount", "--propagation", "private", "--uts", "--ipc", "--pid", "--fork", "--kill-child=SIGKILL"],
      ...["sh", script],
    ],
    // A session of its own keeps it alive when the command ends or is interrupted.
    { detached: true, stdio: ["ignore", log, log], cwd: "/", env: { ...cleanEnvironment, ...env, [labMarker]: lab } },
  );
  closeSync(log);
  const failed = new Promise<never>((_, reject) => child.once("error", reject));
  const started = new Promise<void>((resolve) => child.once("spawn", resolve));
  await Promise.race([started, failed]);
  child.unref();

  const holder = child.pid === undefined ? undefined : recordOf(child.pid);
  if (!holder) throw new Error(`unshare ended at once: ${readFileSync(logFile, "utf8")}`);
  onHolder(holder);
  const init = await waitFor("the first process of a namespace", () => childOf(holder.pid), {
    timeoutMs: 5_000,
    intervalMs: 5,
  });
  return { holder, init };
}

/** The arguments of `nsenter` that lead into all namespaces of a host. */
export function enterHost(init: ProcessRecord): string[] {
  return ["--target", String(init.pid), "--net", "--mount", "--uts", "--ipc", "--pid"];
}

/**
 * The command that leads into the network namespace of an allocation on a host, for a program of the machine's own. Where a task
 * of the group is a container, Docker has made that namespace, else Nomad.
 */
export async function enterAllocation(init: ProcessRecord, allocation: string): Promise<[string, ...string[]]> {
  const root = `/proc/${init.pid}/root`;
  const own = `/run/netns/${allocation}`;
  const path = existsSync(root + own) ? own : await hostDaemon(init).networkOf(`nomad_init_${allocation}`);
  return ["nsenter", `--net=${root}${path ?? own}`];
}

/** The directory of an allocation on a host, as the machine has it. */
export function allocationFolder(init: ProcessRecord, allocation: string): string {
  return `/proc/${init.pid}/root${nomadData}/alloc/${allocation}`;
}

/** The Docker daemon of a host that has one. */
export function hostDaemon(init: ProcessRecord): Daemon {
  return new Daemon(`/proc/${init.pid}/root${dockerSocket}`);
}

/** Runs a command of the machine's own inside the network namespace of a process; its failure is thrown. */
export async function runInNetwork(init: ProcessRecord, command: string, args: readonly string[]): Promise<void> {
  await promisify(execFile)("nsenter", ["--target", String(init.pid), "--net", command, ...args]);
}

function childOf(pid: number): ProcessRecord | undefined {
  const child = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ")[0]);
  return child ? recordOf(child) : undefined;
}
