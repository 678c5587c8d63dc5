/**
 * A file on a host, written before any step runs and before any unit starts.
 */
export interface HostFile {
  /** Absolute path on the host. */
  readonly path: string;
  /** The whole content. Never a secret: this text reaches user data and the synthesized output. */
  readonly content: string;
  /** How `content` gives the bytes: as UTF-8 text, or in base64. @default "utf8" */
  readonly encoding?: "utf8" | "base64";
  /** Permissions in octal, as `chmod` takes them. @default "0644" */
  readonly mode?: string;
  /** `user:group`. @default "root:root" */
  readonly owner?: string;
}

/** @internal What is in a file. */
export function bytesOf({ content, encoding = "utf8" }: HostFile): Buffer {
  return Buffer.from(content, encoding);
}

/**
 * A directory on a host.
 */
export interface HostDirectory {
  /** Absolute path on the host. */
  readonly path: string;
  /** Permissions in octal. @default "0755" */
  readonly mode?: string;
  /** `user:group`. @default "root:root" */
  readonly owner?: string;
}

/**
 * A disk of a host's own, with a file system that outlives the machine's image. The machine finds the disk by the label that it gave it, else
 * by its size, makes a file system where it is blank, never elsewhere, and lets it grow at the boot after the disk was enlarged.
 */
export interface HostVolume {
  /** Small letters, digits and dashes, 13 characters at most: `mf-<name>` is the label of its file system. */
  readonly name: string;
  /** Absolute path of the directory where it is mounted, before directories and files are made. It must be empty. */
  readonly mountPoint: string;
  /** Size of the disk in GiB, a whole number. Volumes of one host have different sizes, unless each has a `device`. */
  readonly sizeGib: number;
  /** `user:group` of the directory. @default "root:root", or what `directories` says of the same path */
  readonly owner?: string;
  /** Permissions of the directory, in octal. @default "0755", or what `directories` says of the same path */
  readonly mode?: string;
  /**
   * Path of the disk's device, where its size does not tell which it is; best one that names the disk, as those below `/dev/disk/by-id`.
   * @default the one blank disk of that size
   */
  readonly device?: string;
}

/**
 * A system user of a host, made before anything else since files and directories belong to it.
 */
export interface HostUser {
  /** Login name; the primary group has the same. */
  readonly name: string;
  /** Absolute path of its home, which is not created. */
  readonly home: string;
}

/**
 * A process of a host, long-running unless it says otherwise. On a cloud machine it is a systemd unit; the lab runs the same command line under a
 * supervisor of its own.
 *
 * @see https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html
 */
export interface HostUnit {
  /** Name without `.service`. */
  readonly name: string;
  /** One line for `systemctl status` and the journal. */
  readonly description: string;
  /** The command line, one element per argument; the first is an absolute path. */
  readonly command: readonly string[];
  /** The user that runs it. @default "root" */
  readonly user?: string;
  /** Environment of the process. Never a secret. @default none */
  readonly environment?: Readonly<Record<string, string>>;
  /** Names of units which start earlier; of those that run once, each has succeeded by then. @default none */
  readonly after?: readonly string[];
  /**
   * Runs once at boot instead of permanently: ending with 0 is success, anything else is tried again.
   * @default false
   */
  readonly oneshot?: boolean;
  /**
   * Runs again this many seconds after its last success, for a unit that runs once at a time.
   * @default once
   */
  readonly everySeconds?: number;
  /**
   * TCP ports on 127.0.0.1 that must accept connections before the process starts, e.g. 8501 for a Nomad agent that reads
   * its local Consul agent once at start and then only every 15 seconds.
   * @default none
   */
  readonly waitForPorts?: readonly number[];
  /**
   * Whether it reports when it is ready, so that units which name it in `after` start only then. The lab does not
   * listen for it.
   * @default false
   * @see https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
   */
  readonly notify?: boolean;
  /** The signal that asks it to end. @default "SIGTERM" */
  readonly killSignal?: "SIGTERM" | "SIGINT";
  /**
   * What ends with it: every process it started, or only itself, as a Nomad client must so that its tasks outlive its
   * restart.
   * @default "control-group"
   */
  readonly killMode?: "control-group" | "process";
  /** Seconds between a failure and the next start. @default 2 */
  readonly restartSeconds?: number;
  /**
   * The command line that runs before it ends: before units that it names in `after` are stopped, so at the shutdown of a machine
   * too. The lab does not run it.
   * @default none
   */
  readonly stopCommand?: readonly string[];
  /** Seconds that it may take to end, `stopCommand` included, before it is killed. @default 30 */
  readonly stopSeconds?: number;
  /**
   * What a unit of root keeps of root's rights: it is then shut in like the units of other users, but for this.
   * @default all of them, as a Nomad client needs
   */
  readonly rights?: HostUnitRights;
  /** Whether it stays down on a host that has left its cluster for good. @default false */
  readonly downAfterLeave?: boolean;
}

/** What a unit of root may do in addition to what any user may. */
export interface HostUnitRights {
  /**
   * Capabilities of the kernel, e.g. `CAP_CHOWN`.
   * @see https://man7.org/linux/man-pages/man7/capabilities.7.html
   */
  readonly capabilities: readonly string[];
  /** Absolute paths of files and folders that it may write; all else is read-only for it. */
  readonly writablePaths: readonly string[];
}

/**
 * A program that must be on a host, at a version. How it gets there is the reader's business: a package or a release
 * archive on a cloud machine, an engine of the cache in the lab.
 */
export interface HostPackage {
  /** Which program: `cni-plugins` for bridge networks, `consul-cni` for transparent proxy. */
  readonly name: "consul" | "nomad" | "envoy" | "cni-plugins" | "consul-cni";
  /** Exact version, e.g. `1.21.0`. */
  readonly version: string;
  /** Directory where its program or programs are put, e.g. `/usr/local/bin`. */
  readonly installTo: string;
}

/**
 * One host as data: everything that is on it and runs on it, in an order that is safe to repeat.
 */
export interface HostData {
  /** Name of the host, and of its agents. */
  readonly name: string;
  /** Programs that must be there, at exact versions. */
  readonly packages: readonly HostPackage[];
  /**
   * Names of packages of the distribution's own, e.g. `python3-boto3`. The lab, whose hosts see the programs of the machine,
   * installs none.
   */
  readonly systemPackages: readonly string[];
  /** System users, made before directories and files. */
  readonly users: readonly HostUser[];
  /** Disks, mounted before directories and files are made. */
  readonly volumes: readonly HostVolume[];
  /** Directories, made before files, parents first. */
  readonly directories: readonly HostDirectory[];
  /** Files, written at every boot before any step runs. */
  readonly files: readonly HostFile[];
  /** Kernel modules, loaded at every boot. */
  readonly kernelModules: readonly string[];
  /** Kernel settings, e.g. `net.bridge.bridge-nf-call-iptables: "1"`. */
  readonly sysctls: Readonly<Record<string, string>>;
  /** Shell commands, run as root at every boot after the files are written and before the units start. */
  readonly steps: readonly string[];
  /** Processes, started by their `after`. */
  readonly units: readonly HostUnit[];
}
