import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
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
import { publish, type PackageMirror } from "./package-mirror";

const script = "cloud-machine.sh";

/** The address of the machine in its own network, where nobody else is. */
export const machineAddress = "10.99.0.5";

/**
 * A machine as a cloud lends it, made of namespaces: it boots systemd, which starts cloud-init, which reads our user data.
 * What hosts fetch comes from a web server within.
 */
export class CloudMachine {
  private holder?: ChildProcess;
  private boots = 0;
  /** The loop devices of its disks, by their names. */
  private readonly disks = new Map<string, string>();

  private constructor(
    private readonly folder: string,
    readonly engines: Engines,
    private readonly distribution: Distribution,
    private readonly mirror: PackageMirror,
  ) {}

  /** Prepares a machine, and what it may fetch. */
  static async create(): Promise<CloudMachine> {
    const engines = await ensureEngines();
    const folder = mkdtempSync(join(tmpdir(), "meshform-machine-"));
    const distribution = /^ID=ubuntu$/m.test(readFileSync("/etc/os-release", "utf8")) ? "ubuntu-24.04" : "debian-12";
    const mirror = await publish(engines, distribution, join(folder, "www"));
    for (const file of [script, "file-server.mjs", "metadata-service.mjs"])
      copyFileSync(join(__dirname, file), join(folder, file));
    await certificates(engines.consul.path, folder);
    return new CloudMachine(folder, engines, distribution, mirror);
  }

  /** A host as this machine can boot it. */
  render(host: HostData, options: Partial<CloudInitOptions> = {}): CloudInit {
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
  async launch({ userData, assets, tags }: CloudInit): Promise<void> {
    const seed = join(this.folder, "seed");
    mkdirSync(seed);
    writeFileSync(join(seed, "user-data"), Buffer.from(userData, "base64"));
    writeFileSync(join(seed, "meta-data"), "instance-id: i-1\n");
    mkdirSync(join(this.folder, "meta-data/tags/instance"), { recursive: true });
    for (const [key, value] of Object.entries(tags)) this.tag(key, value);
    mkdirSync(join(this.folder, "www/assets"));
    for (const { key, base64 } of assets) {
      writeFileSync(join(this.folder, "www/assets", key), Buffer.from(base64, "base64"));
    }
    this.holder = spawn(
      "unshare",
      [
        ...["--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"],
        ...["--propagation", "private", "sh", join(this.folder, script), "machine", this.folder, process.execPath],
      ],
      { stdio: ["ignore", "inherit", "inherit"] },
    );
    await eventually(() => {
      if (!existsSync(join(this.folder, "ready"))) throw new Error("The machine is not ready.");
      return Promise.resolve();
    }, 120_000);
  }

  /** Gives the machine a tag, or takes it from it. */
  tag(key: string, value: string | undefined): void {
    const file = join(this.folder, "meta-data/tags/instance", key);
    if (value === undefined) rmSync(file);
    else writeFileSync(file, value);
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
    const { code, output } = await run("nsenter", [...this.enter(), ...command]);
    if (code !== 0) throw new Error(output);
  }

  /** Installs packages of the distribution while it is off, as who makes its image does. */
  async install(...packages: readonly string[]): Promise<void> {
    const archives = join(this.folder, "archives");
    mkdirSync(join(archives, "partial"), { recursive: true });
    const cache = ["--option", `Dir::Cache::archives=${archives}`];
    await succeed(
      "apt-get",
      "--quiet",
      "--yes",
      "--no-install-recommends",
      ...cache,
      "--download-only",
      "install",
      ...packages,
    );
    // What the packages start is not to be started, neither here nor on this machine.
    const script = "mount -t tmpfs tmpfs /run && dpkg --force-confold --install /mnt/machine/archives/*.deb";
    await this.prepare("unshare", "--mount", "sh", "-c", script);
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

  /** Gives the machine back. */
  async stop(): Promise<void> {
    if (this.holder?.exitCode === null) {
      const ended = once(this.holder, "exit");
      this.holder.kill("SIGKILL");
      await ended;
    }
    const groups = `mount -t cgroup2 cgroup2 /mnt; find /mnt/${basename(this.folder)}.* -depth -type d -exec rmdir {} +`;
    await eventually(async () => {
      const { code, output } = await run("unshare", ["--mount", "sh", "-c", this.boots > 0 ? groups : "true"]);
      if (code !== 0) throw new Error(output);
    });
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
async function certificates(consul: string, folder: string): Promise<void> {
  const commands = [
    ["ca", "create", "-domain", "mirror"],
    ["cert", "create", "-server", "-domain", "mirror", "-additional-ipaddress", "127.0.0.1"],
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
