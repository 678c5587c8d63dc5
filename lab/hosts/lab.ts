import { existsSync, mkdirSync, rmSync } from "node:fs";
import { cgroupsOf, disableControllers, removeCgroups } from "../machine/cgroups";
import { readCredentials, type Credentials } from "./credentials";
import { removeBuilds } from "./docker/images";
import { withLock } from "../machine/engines/lock";
import { bootHost, fingerprint, stopHost, type BootableHost } from "./host";
import { ensureForwarder, type WantedListener } from "./forwarder/forwarder";
import { invocation } from "../core/invocation";
import { LabFiles, removeEmptyRoots } from "../core/lab-files";
import { startNetwork } from "./network";
import { isAlive, isOnMachine, kill, markedProcesses, type ProcessRecord } from "../machine/processes";
import type { Topology } from "./topology";
import { readState, writeState, type HostRecord, type LabState, type Listener } from "./state";

/** What a step of the boot did. */
export type Outcome = "started" | "restarted" | "unchanged";

/**
 * One lab on this machine: its network, its hosts and the forwarder that leads to them. Each `ensure` method may be called
 * at any time and changes only what is missing or different.
 */
export class Lab {
  readonly files: LabFiles;
  private state: LabState;

  /** @throws LabError if the name cannot be a lab's */
  constructor(readonly name: string) {
    this.files = new LabFiles(name);
    this.state = readState(this.files) ?? { version: 2, hosts: [] };
  }

  /** Runs an action that changes the lab, while no other command does. */
  async exclusively<T>(action: () => Promise<T>): Promise<T> {
    const options = { what: `Another meshform command on the lab ${this.name}`, timeoutMs: 1_000 };
    try {
      return await withLock(this.files.lock, options, async () => {
        this.state = readState(this.files) ?? { version: 2, hosts: [] };
        try {
          await this.endStrays();
          return await action();
        } finally {
          rmSync(this.files.incoming, { recursive: true, force: true });
          if (!this.exists) rmSync(this.files.lock, { force: true });
        }
      });
    } finally {
      removeEmptyRoots();
    }
  }

  /** Whether there is anything to remove, be it only what an interrupted command has left. */
  get hasTraces(): boolean {
    return this.exists || existsSync(this.files.incoming) || existsSync(this.files.lock);
  }

  /** Whether the lab, or a part of it, is on this machine. */
  get exists(): boolean {
    return existsSync(this.files.folder) || markedProcesses(this.name).length > 0;
  }

  get listeners(): readonly Listener[] {
    const { forwarder } = this.state;
    return forwarder && isAlive(forwarder.process) ? forwarder.listeners : [];
  }

  /** What a secure datacenter asks of its callers; undefined in a plain one, and while no server of it has booted. */
  credentialsOf(datacenter: string): Credentials | undefined {
    return readCredentials(this.files, datacenter);
  }

  /** The first process of a host, or undefined if that does not run. */
  initOf(host: string): ProcessRecord | undefined {
    const init = this.state.hosts.find(({ name }) => name === host)?.init;
    return isAlive(init) ? init : undefined;
  }

  /** The command that runs what follows it on a host. */
  execOn(host: string): string {
    return invocation("exec", ...(this.name === "default" ? [] : ["--name", this.name]), host, "--");
  }

  /** Which hosts the lab was last asked to have; undefined if it does not exist. */
  get topology(): Topology | undefined {
    return this.state.topology;
  }

  async ensureNetwork(topology: Topology): Promise<Outcome> {
    mkdirSync(this.files.folder, { recursive: true, mode: 0o700 });
    this.record({ topology });
    if (isAlive(this.state.network?.init)) return "unchanged";
    // Hosts and forwarder hang on the network: without it they are cut off for good.
    await this.endAll();
    await startNetwork(this.files, (network) => {
      this.record({ network });
    });
    return "started";
  }

  async ensureHost(host: BootableHost): Promise<Outcome> {
    const { name } = host.data;
    const known = this.state.hosts.find((record) => record.name === name);
    if (known?.booted && known.fingerprint === fingerprint(host) && isAlive(known.init)) return "unchanged";
    if (known) await stopHost(known);
    await bootHost(this.files, this.network, host, (record) => {
      this.record({ hosts: [...this.hostsExcept(name), record] });
    });
    return known ? "restarted" : "started";
  }

  /** Ends hosts that the topology no longer has. */
  async removeHostsExcept(names: readonly string[]): Promise<void> {
    for (const host of this.state.hosts.filter(({ name }) => !names.includes(name))) {
      await stopHost(host);
      await removeCgroups(cgroupsOf(this.name, host.name));
      rmSync(this.files.host(host.name), { recursive: true, force: true });
      this.record({ hosts: this.hostsExcept(host.name) });
    }
  }

  async ensureForwarder(wanted: readonly WantedListener[]): Promise<readonly Listener[]> {
    const { forwarder } = this.state;
    const { listeners } = await ensureForwarder(this.files, this.network, wanted, forwarder, (record) => {
      this.record({ forwarder: record });
    });
    return listeners;
  }

  /**
   * Ends and removes everything: processes, and with them namespaces, mounts and links; control groups; files. Works from
   * the marks on the processes where nothing, or nonsense, was written down.
   */
  async remove(): Promise<void> {
    await this.endAll();
    await kill(markedProcesses(this.name));
    await removeCgroups(cgroupsOf(this.name));
    disableControllers(this.files.controllers());
    await removeBuilds(this.files);
    rmSync(this.files.folder, { recursive: true, force: true });
  }

  private async endAll(): Promise<void> {
    const { network, hosts, forwarder } = this.state;
    const namespaces = [network, ...hosts].filter((it) => it !== undefined);
    const records = namespaces.flatMap(({ init, holder }) => [init, holder]);
    await kill([...records, forwarder?.process].filter((it) => it !== undefined));
    // What hosts are is kept, so that the report says "restarted"; that they run is not.
    this.record({ network: undefined, forwarder: undefined });
  }

  /** Ends processes of this lab that an interrupted command had started but not yet written down. */
  private async endStrays(): Promise<void> {
    const { network, hosts, forwarder } = this.state;
    const holders = [network, ...hosts].map((it) => it?.holder);
    const known = new Set([...holders, forwarder?.process].map((it) => it?.pid));
    const strays = markedProcesses(this.name).filter(({ pid }) => isOnMachine(pid) && !known.has(pid));
    await kill(strays);
  }

  private get network(): ProcessRecord {
    const init = this.state.network?.init;
    if (!init) throw new Error("The network comes before whatever is joined to it.");
    return init;
  }

  private hostsExcept(name: string): HostRecord[] {
    return this.state.hosts.filter((host) => host.name !== name);
  }

  private record(part: Partial<LabState>): void {
    this.state = { ...this.state, ...part };
    writeState(this.files, this.state);
  }
}
