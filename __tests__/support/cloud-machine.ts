import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import {
  awsPlatform,
  cloudInit,
  composeHost,
  type CloudInit,
  type CloudInitOptions,
  type HostData,
  type HostRole,
} from "../../constructs";
import type { Distribution } from "../../constructs/linux/distribution";
import { ensureEngines } from "../../lab/machine/engines/ensure-engines";
import type { Engines } from "../../lab/machine/engines/engine";
import { eventually } from "./eventually";
import { run, type Outcome } from "./lab";
import type { MachineImage } from "./machine-image";
import { publish, type PackageMirror } from "./package-mirror";

const script = "cloud-machine.sh";

/** The address of a machine, by default in a network of its own, where nobody else is. */
export const machineAddress = "10.99.0.5";

/** What tells a machine from others. */
export interface CloudMachineOptions {
  /** @default machineAddress */
  readonly address?: string;
  /** Its id, which is also its host name. @default "cloud-1" */
  readonly id?: string;
  /** Further facts of the instance metadata, by path. @default none */
  readonly metadata?: Readonly<Record<string, string>>;
  /** PEM of further authorities that the programs of its image trust. @default none */
  readonly authorities?: string;
  /** Packages that its image has in addition to those of this machine. @default none */
  readonly image?: MachineImage;
  /** Whether it has a mirror of the engines' packages. @default true */
  readonly hasMirror?: boolean;
  /** Whether that mirror has Vault too. @default false */
  readonly vault?: boolean;
}

/**
 * A machine as a cloud lends it, made of namespaces: it boots systemd, which starts cloud-init, which reads our user data.
 * What hosts fetch comes from a web server within.
 */
export class CloudMachine {
  private holder?: ChildProcess;
  private boots = 0;
  private readonly forwards: ChildProcess[] = [];
  private readonly servers: Server[] = [];
  /** The loop devices of its disks, by their names. */
  private readonly disks = new Map<string, string>();

  private constructor(
    private readonly folder: string,
    readonly engines: Engines,
    private readonly distribution: Distribution,
    private readonly mirror: PackageMirror | undefined,
    private readonly options: CloudMachineOptions,
  ) {}

  /** Prepares a machine, and what it may fetch. */
  static async create(options: CloudMachineOptions = {}): Promise<CloudMachine> {
    const engines = await ensureEngines({ also: options.vault ? ["vault"] : [] });
    const folder = mkdtempSync(join(tmpdir(), "meshform-machine-"));
    const distribution = /^ID=ubuntu$/m.test(readFileSync("/etc/os-release", "utf8")) ? "ubuntu-24.04" : "debian-12";
    mkdirSync(join(folder, "www"));
    const also = options.vault && engines.vault ? [engines.vault] : [];
    const www = join(folder, "www");
    const mirror = options.hasMirror === false ? undefined : await publish(engines, distribution, www, also);
    for (const file of [script, "file-server.mjs", "metadata-service.mjs", "local-port.mjs"])
      copyFileSync(join(__dirname, file), join(folder, file));
    await certificates(engines.consul.path, folder, ["-additional-ipaddress", "127.0.0.1"]);
    appendFileSync(join(folder, "ca.pem"), options.authorities ?? "");
    return new CloudMachine(folder, engines, distribution, mirror, options);
  }

  /** A host as this machine can boot it. */
  render(host: HostData, options: Partial<CloudInitOptions> = {}): CloudInit {
    if (this.mirror === undefined) throw new Error("The machine has no mirror.");
    const { checksums, keyFingerprint } = this.mirror;
    return cloudInit(host, {
      distribution: this.distribution,
      platform: awsPlatform,
      assets: "https://127.0.0.1/assets",
      github: "https://127.0.0.1/github",
      hashicorp: { url: "https://127.0.0.1/hashicorp", keyFingerprint },
      checksums,
      ...options,
    });
  }

  /** A host with roles, and with the versions of this machine's engines. */
  host(...roles: readonly HostRole[]): HostData {
    return composeHost("group", ...roles);
  }

  /** Lends the machine, with user data; it is not switched on yet. */
  async launch({ userData, assets, tags }: Pick<CloudInit, "userData" | "assets" | "tags">): Promise<void> {
    const { id } = this;
    const { address = machineAddress, metadata = {} } = this.options;
    const seed = join(this.folder, "seed");
    mkdirSync(seed);
    writeFileSync(join(seed, "user-data"), Buffer.from(userData, "base64"));
    writeFileSync(join(seed, "meta-data"), `instance-id: ${id}\n`);
    mkdirSync(join(this.folder, "meta-data/tags/instance"), { recursive: true });
    for (const [key, value] of Object.entries(tags)) this.tag(key, value);
    for (const [path, text] of Object.entries(metadata)) this.tell(path, text);
    mkdirSync(join(this.folder, "www/assets"));
    for (const { key, base64 } of assets) {
      writeFileSync(join(this.folder, "www/assets", key), Buffer.from(base64, "base64"));
    }
    this.holder = spawn(
      "unshare",
      [
        ...["--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"],
        ...["--propagation", "private", "sh", join(this.folder, script), "machine", this.folder, process.execPath],
        ...[address, id, this.options.image?.folder ?? ""],
      ],
      { stdio: ["ignore", "inherit", "inherit"] },
    );
    await eventually(() => {
      if (!existsSync(join(this.folder, "ready"))) throw new Error("The machine is not ready.");
      return Promise.resolve();
    }, 120_000);
  }

  /** Joins its network to the bridge `br0` of a process's network. */
  async connect(pid: number, name: string): Promise<void> {
    const inside = this.enter().slice(0, 2);
    await succeed("nsenter", ...inside, "--net", "ip", "link", "set", "eth1", "netns", String(pid), "name", name);
    const attach = ["ip", "link", "set", name, "master", "br0", "up"];
    await succeed("nsenter", "--target", String(pid), "--net", ...attach);
  }

  /**
   * Leads to a port on the loopback interface of the machine, or of another host, as a session of Session Manager does.
   *
   * @returns a port of this machine, for as long as the machine is there
   */
  async forward(port: number, host = "127.0.0.1"): Promise<number> {
    const socket = join(this.folder, `port-${port}.sock`);
    const program = ["/mnt/machine/local-port.mjs", `/mnt/machine/${basename(socket)}`, String(port), host];
    this.forwards.push(spawn("nsenter", [...this.enter(), process.execPath, ...program], { stdio: "ignore" }));
    await eventually(() => {
      if (!existsSync(socket)) throw new Error(`Nothing listens on ${socket}.`);
      return Promise.resolve();
    });
    const server = createServer((from) => {
      const to = connect(socket);
      from.pipe(to).pipe(from);
      from.on("error", () => to.destroy());
      to.on("error", () => from.destroy());
    });
    this.servers.push(server);
    await once(server.listen(0, "127.0.0.1"), "listening");
    return (server.address() as AddressInfo).port;
  }

  /** Its id, which is also its host name. */
  get id(): string {
    return this.options.id ?? "cloud-1";
  }

  /** Gives the machine a tag, or takes it from it. */
  tag(key: string, value: string | undefined): void {
    if (value === undefined) rmSync(join(this.folder, "meta-data/tags/instance", key));
    else this.tell(`tags/instance/${key}`, value);
  }

  /** Sets a fact of the instance metadata. */
  tell(path: string, value: string): void {
    const file = join(this.folder, "meta-data", path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, value);
  }

  /** Gives the machine a disk, blank at first, or enlarges it. @returns the path of its device */
  async attachDisk(name: string, gib: number): Promise<string> {
    const image = join(this.folder, `${name}.img`);
    await succeed("truncate", "--size", `${gib}G`, image);
    const known = this.disks.get(name);
    if (known !== undefined) {
      await succeed("losetup", "--set-capacity", known);
      return known;
    }
    const device = (await succeed("losetup", "--find", "--show", image)).trim();
    this.disks.set(name, device);
    await this.prepare("mknod", device, "b", "7", device.replace("/dev/loop", ""));
    return device;
  }

  /** Takes a disk, which nothing uses any more, away for good. */
  async detachDisk(name: string): Promise<void> {
    const device = this.disks.get(name) ?? "";
    await this.prepare("rm", device);
    await succeed("losetup", "--detach", device);
    this.disks.delete(name);
    rmSync(join(this.folder, `${name}.img`));
  }

  /** Switches it on, and waits until cloud-init is through. */
  async boot(): Promise<Outcome> {
    const name = `${basename(this.folder)}.${++this.boots}`;
    const isolated = ["unshare", "--pid", "--fork", "--kill-child=SIGKILL", "--mount", "--propagation", "private"];
    spawn("nsenter", [...this.enter(), ...isolated, "sh", `/mnt/machine/${script}`, "boot", name], { stdio: "ignore" });
    return eventually(async () => {
      const outcome = await this.run("cloud-init", "status", "--wait", "--long");
      if (!/^status: (done|error)/m.test(outcome.output)) throw new Error(outcome.output);
      return outcome;
    }, 240_000);
  }

  /** Switches it off in order, as `systemctl reboot` does before the machine starts again. */
  async shutDown(): Promise<void> {
    await this.run("systemctl", "poweroff").catch(() => undefined);
    await eventually(async () => {
      const { code } = await run("nsenter", [...this.enter(), "pgrep", "--exact", "systemd"]);
      if (code === 0) throw new Error("systemd still runs.");
    }, 120_000);
  }

  /** Cuts the power. */
  async powerOff(): Promise<void> {
    await run("nsenter", [...this.enter(), "sh", `/mnt/machine/${script}`, "off"]);
  }

  /** Ends the web server, as when the network is down. */
  async disconnect(): Promise<void> {
    await run("nsenter", [...this.enter(), "sh", "-c", "kill -KILL $(cat /mnt/machine/web.pid)"]);
  }

  /** Runs a command on the machine's disk while it is off, as who makes its image does. */
  async prepare(...command: string[]): Promise<void> {
    const { code, output } = await run("nsenter", [...this.enter(), ...command], { timeoutMs: 180_000 });
    if (code !== 0) throw new Error(output);
  }

  /** Runs a command on the machine. */
  run(...command: string[]): Promise<Outcome> {
    const within = [...this.enter(), "sh", `/mnt/machine/${script}`, "within", ...command];
    return run("nsenter", within, { timeoutMs: 240_000 });
  }

  /** A file that the machine sees under /mnt/machine. */
  put(name: string, content: string): string {
    writeFileSync(join(this.folder, name), content, { mode: 0o755 });
    return `/mnt/machine/${name}`;
  }

  /** A file of this machine that the machine sees under /mnt/machine. */
  share(file: string): string {
    copyFileSync(file, join(this.folder, basename(file)), constants.COPYFILE_FICLONE);
    return `/mnt/machine/${basename(file)}`;
  }

  /** Gives the machine back. */
  async stop(): Promise<void> {
    for (const server of this.servers) server.close();
    for (const process of this.forwards) process.kill();
    if (this.holder?.exitCode === null) {
      const ended = once(this.holder, "exit");
      this.holder.kill("SIGKILL");
      await ended;
    }
    const groups = ["/sys/fs/cgroup", "-depth", "-type", "d", "-path", `*/${basename(this.folder)}.*`];
    await eventually(() => succeed("find", ...groups, "-exec", "rmdir", "{}", "+"));
    for (const device of this.disks.values()) await succeed("losetup", "--detach", device);
    rmSync(this.folder, { recursive: true });
  }

  private enter(): string[] {
    const pid = this.holder?.pid ?? 0;
    const init = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    return ["--target", init, "--net", "--mount", "--uts", "--ipc", "--pid", "--wd=/"];
  }
}

async function succeed(command: string, ...options: string[]): Promise<string> {
  const { code, output } = await run(command, options);
  if (code !== 0) throw new Error(output);
  return output;
}

/** The web server's certificate, and the authority that signed it. */
export async function certificates(consul: string, folder: string, names: readonly string[]): Promise<void> {
  const commands = [
    ["ca", "create", "-domain", "mirror"],
    ["cert", "create", "-server", "-domain", "mirror", ...names],
  ];
  for (const command of commands) {
    const { code, output } = await run("sh", [
      "-c",
      'cd "$1"; shift; exec "$@"',
      "sh",
      folder,
      consul,
      "tls",
      ...command,
    ]);
    if (code !== 0) throw new Error(output);
  }
  renameSync(join(folder, "mirror-agent-ca.pem"), join(folder, "ca.pem"));
  renameSync(join(folder, "dc1-server-mirror-0.pem"), join(folder, "server.pem"));
  renameSync(join(folder, "dc1-server-mirror-0-key.pem"), join(folder, "server-key.pem"));
}
