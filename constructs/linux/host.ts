/**
 * A file on a host, written before any step runs and before any unit starts.
 */
export interface HostFile {
  /** Absolute path on the host. */
  readonly path: string;
  /** The whole content. It must not contain secrets, because it is part of the user data and the synthesized output. */
  readonly content: string;
  /** Encoding of `content`: UTF-8 text or base64. @default "utf8" */
  readonly encoding?: "utf8" | "base64";
  /** Permissions in octal, as `chmod` takes them. @default "0644" */
  readonly mode?: string;
  /** `user:group`. @default "root:root" */
  readonly owner?: string;
}

/** @internal The bytes of a file. */
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
 * A disk of a host with a file system that is kept when the machine's image is replaced. The machine identifies the disk by the
 * label of its file system, or by its size if it is blank. A blank disk is formatted; other disks are not changed. If the disk
 * was enlarged, the file system grows at the next boot.
 */
export interface HostVolume {
  /** Lower-case letters, digits and dashes, 13 characters at most. The label of the file system is `mf-<name>`. */
  readonly name: string;
  /** Absolute path of the directory where the disk is mounted, before directories and files are created. It must be empty. */
  readonly mountPoint: string;
  /** Size of the disk in GiB, a whole number. Volumes of one host must have different sizes, unless each has a `device`. */
  readonly sizeGib: number;
  /** `user:group` of the directory. @default "root:root", or the owner in `directories` for the same path */
  readonly owner?: string;
  /** Permissions of the directory, in octal. @default "0755", or the mode in `directories` for the same path */
  readonly mode?: string;
  /**
   * Path of the disk's device, if its size is not unique. Prefer a path that identifies the disk, such as one in
   * `/dev/disk/by-id`.
   * @default the one blank disk of that size
   */
  readonly device?: string;
}

/**
 * A system user of a host. Users are created first, because files and directories belong to them.
 */
export interface HostUser {
  /** Login name, which is also the name of the primary group. */
  readonly name: string;
  /** Absolute path of its home, which is not created. */
  readonly home: string;
}

/**
 * A process of a host, which runs permanently unless set otherwise. On a cloud machine it is a systemd unit. The lab runs the
 * same command line with its own supervisor.
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
  /** Environment variables of the process. They must not contain secrets. @default none */
  readonly environment?: Readonly<Record<string, string>>;
  /** Names of units that start earlier. Units that run once have succeeded before this unit starts. @default none */
  readonly after?: readonly string[];
  /** Whether it starts before all other units of the host, and stops after them. @default false */
  readonly first?: boolean;
  /**
   * Whether it runs once at boot instead of permanently. Exit status 0 means success; after any other status, it is retried.
   * @default false
   */
  readonly oneshot?: boolean;
  /**
   * Runs again this many seconds after it has succeeded, one run at a time.
   * @default once
   */
  readonly everySeconds?: number;
  /**
   * TCP ports on 127.0.0.1 that must accept connections before the process starts, e.g. 8501 for a Nomad agent, which looks for
   * its local Consul agent once at start and after that only every 15 seconds.
   * @default none
   */
  readonly waitForPorts?: readonly number[];
  /**
   * Whether it notifies systemd when it is ready, so that units that name it in `after` start only then. The lab ignores these
   * notifications.
   * @default false
   * @see https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
   */
  readonly notify?: boolean;
  /** The signal that stops it. @default "SIGTERM" */
  readonly killSignal?: "SIGTERM" | "SIGINT";
  /**
   * What is stopped with it: all processes that it started, or only the process itself. Nomad clients need `process`, so that
   * tasks continue to run when the agent restarts.
   * @default "control-group"
   */
  readonly killMode?: "control-group" | "process";
  /** Seconds between a failure and the next start. @default 2 */
  readonly restartSeconds?: number;
  /**
   * Command line that runs before the unit stops, and before the units named in `after` are stopped, also at shutdown. The lab
   * does not run it.
   * @default none
   */
  readonly stopCommand?: readonly string[];
  /** Seconds until it is killed if it does not stop, including `stopCommand`. @default 30 */
  readonly stopSeconds?: number;
  /**
   * The privileges that a unit of root keeps. It is then sandboxed like the units of other users, except for these privileges.
   * @default all privileges, as a Nomad client needs
   */
  readonly rights?: HostUnitRights;
  /** Whether it stays stopped on a host that has left its cluster permanently. @default false */
  readonly downAfterLeave?: boolean;
}

/** Privileges of a unit of root, in addition to those of an unprivileged user. */
export interface HostUnitRights {
  /**
   * Linux capabilities, e.g. `CAP_CHOWN`.
   * @see https://man7.org/linux/man-pages/man7/capabilities.7.html
   */
  readonly capabilities: readonly string[];
  /** Absolute paths of the files and directories that it can write. All others are read-only for it. */
  readonly writablePaths: readonly string[];
}

/**
 * A program that a host needs, at an exact version. On a cloud machine it is installed from a package or a release archive; the
 * lab uses programs from its cache.
 */
export interface HostPackage {
  /** The program. `cni-plugins` is for bridge networks, `consul-cni` for transparent proxy. */
  readonly name: "consul" | "nomad" | "vault" | "envoy" | "cni-plugins" | "consul-cni";
  /** Exact version, e.g. `1.21.0`. */
  readonly version: string;
  /** Directory in which its program or programs are installed, e.g. `/usr/local/bin`. */
  readonly installTo: string;
}

/**
 * One host as data: its files, programs and processes, in an order that can be applied repeatedly.
 */
export interface HostData {
  /** Name of the host, and of its agents. */
  readonly name: string;
  /** Programs with exact versions. */
  readonly packages: readonly HostPackage[];
  /**
   * Packages of the distribution, e.g. `python3-boto3`. The lab installs none, because its hosts use the programs of the machine.
   */
  readonly systemPackages: readonly string[];
  /** System users, created before directories and files. */
  readonly users: readonly HostUser[];
  /** Disks, mounted before directories and files are created. */
  readonly volumes: readonly HostVolume[];
  /** Directories, created before files, parents first. */
  readonly directories: readonly HostDirectory[];
  /** Files, written at every boot before any step runs. */
  readonly files: readonly HostFile[];
  /** Kernel modules, loaded at every boot. */
  readonly kernelModules: readonly string[];
  /** Kernel settings, e.g. `net.bridge.bridge-nf-call-iptables: "1"`. */
  readonly sysctls: Readonly<Record<string, string>>;
  /** Shell commands, run as root at every boot after the files are written and before the units start. */
  readonly steps: readonly string[];
  /** Processes, started in the order of their `after`. */
  readonly units: readonly HostUnit[];
}
