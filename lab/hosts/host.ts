import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { bytesOf, type HostData } from "../../constructs/linux/host";
import { withFacts } from "../../constructs/linux/instance-facts";
import { bootScript, gate, type Program, supervisorConfiguration, supervisorSocket, unitScript } from "./boot-script";
import { cgroupOf } from "../machine/cgroups";
import { LabError } from "../core/errors";
import type { LabFiles } from "../core/lab-files";
import { startNamespaces } from "./namespaces";
import { joinNetwork } from "./network";
import { isAlive, kill, type ProcessRecord } from "../machine/processes";
import type { HostRecord } from "./state";
import { waitFor } from "../core/wait";

/** A host of a lab, ready to be booted. */
export interface BootableHost {
  readonly data: HostData;
  readonly address: string;
  /** Programs of the machine, by their path inside the host. */
  readonly programs: Readonly<Record<string, Program>>;
  /** Folders of the machine that the host shares, by their path inside. They are made when they are missing. */
  readonly shares: Readonly<Record<string, string>>;
  readonly supervisord: string;
  /** In place of the tags from which a cloud machine reads instance facts. @default none */
  readonly facts?: Readonly<Record<string, string>>;
  /** Names of units that start only once {@link openGate} is called. */
  readonly heldUnits: readonly string[];
}

/** What a host is made of, in one short text: two equal ones are the same host. */
export function fingerprint(host: BootableHost): string {
  return createHash("sha256").update(JSON.stringify(host)).digest("hex").slice(0, 16);
}

/**
 * Boots one host and joins it to the lab's network. What the host wrote under /etc, /opt and /usr/local in an earlier life
 * is still there, as on a machine that was switched off.
 *
 * @param onRecord called with each new fact about the host's processes, before anything depends on it
 * @throws LabError with the last lines of the boot log if the host does not come up
 */
export async function bootHost(
  files: LabFiles,
  network: ProcessRecord,
  host: BootableHost,
  onRecord: (record: HostRecord) => void,
): Promise<void> {
  const { name } = host.data;
  const folder = files.host(name);
  const script = writeHostFiles(files, folder, host);
  const log = files.hostLog(name, "boot");
  const identity = { name, fingerprint: fingerprint(host), booted: false };
  const record = await startNamespaces(files.name, script, log, (holder) => {
    onRecord({ holder, ...identity });
  });
  onRecord({ ...record, ...identity });
  await joinNetwork(network, record.init, name);
  await waitFor(
    `host ${name} to boot`,
    () => {
      if (isAlive(record.init)) return reachSupervisor(record.init);
      throw new LabError(`Host ${name} did not boot.\n${lastLines(log)}`, `See its boot script, ${script}.`);
    },
    { timeoutMs: 120_000, intervalMs: 20, lastSeen: () => lastLines(log) },
  );
  onRecord({ ...record, ...identity, booted: true });
}

/**
 * Connects to the supervisor of a host. It looks at its units once a second or when something comes in, so this also makes
 * it start them at once.
 */
async function reachSupervisor(init: ProcessRecord): Promise<true> {
  const socket = connect(`/proc/${init.pid}/root${supervisorSocket}`);
  await once(socket, "connect").finally(() => socket.destroy());
  return true;
}

/** Lets the held units of a host start. */
export function openGate(files: LabFiles, host: string): void {
  writeFileSync(join(files.host(host), gate), "");
}

/** Ends a host with everything that runs on it. */
export async function stopHost(record: HostRecord): Promise<void> {
  await kill([record.init, record.holder].filter((process) => process !== undefined));
}

export function lastLines(file: string, count = 15): string {
  if (!existsSync(file)) return "";
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-count).join("\n");
}

function writeHostFiles(files: LabFiles, folder: string, host: BootableHost): string {
  // Readable for the users of the units, who meet these files inside the host; on the machine the lab's folder is closed.
  for (const part of ["files", "units"]) rmSync(join(folder, part), { recursive: true, force: true });
  for (const part of ["", "files", "units", "log"]) mkdirSync(join(folder, part), { recursive: true, mode: 0o755 });
  rmSync(join(folder, gate), { force: true });
  for (const file of host.data.files) {
    const target = join(folder, "files", file.path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, bytesOf({ ...file, content: withFacts(file.content, host.facts ?? {}) }));
  }
  for (const unit of host.data.units) {
    const held = host.heldUnits.includes(unit.name);
    writeFileSync(join(folder, "units", `${unit.name}.sh`), unitScript(unit, host.data.units, held));
  }
  writeFileSync(join(folder, "supervisord.conf"), supervisorConfiguration(host.data));
  const script = join(folder, "boot.sh");
  const cgroup = cgroupOf(files.name, host.data.name);
  const { data, address, programs, shares, supervisord } = host;
  for (const shared of Object.values(shares)) mkdirSync(shared, { recursive: true, mode: 0o700 });
  writeFileSync(script, bootScript({ host: data, address, folder, cgroup, programs, shares, supervisord }));
  return script;
}
