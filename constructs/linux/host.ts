/**
 * A file on a host, written before any step runs and before any unit starts.
 */
export interface HostFile {
  /** Absolute path on the host. */
  readonly path: string;
  /** The whole content, UTF-8. Never a secret: this text reaches user data and the synthesized output. */
  readonly content: string;
  /** Permissions in octal, as `chmod` takes them. @default "0644" */
  readonly mode?: string;
  /** `user:group`. @default "root:root" */
  readonly owner?: string;
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
 * A long-running process of a host. On a cloud machine it is a systemd unit; the lab runs the same command line under a
 * supervisor of its own.
 *
 * @see https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html
 */
export interface HostUnit {
  /** Name without `.service`. */
  readonly name: string;
  readonly description: string;
  /** The command line, one element per argument; the first is an absolute path. */
  readonly command: readonly string[];
  /** The user that runs it. @default "root" */
  readonly user?: string;
  /** Environment of the process. Never a secret. @default none */
  readonly environment?: Readonly<Record<string, string>>;
  /** Names of units which start earlier. @default none */
  readonly after?: readonly string[];
  /** The signal that asks it to end. @default "SIGTERM" */
  readonly killSignal?: "SIGTERM" | "SIGINT";
  /** Seconds between a failure and the next start. @default 2 */
  readonly restartSeconds?: number;
}

/**
 * A program that must be on a host, at a version. How it gets there is the reader's business: a package or a release
 * archive on a cloud machine, an engine of the cache in the lab.
 */
export interface HostPackage {
  readonly name: "consul" | "nomad" | "envoy" | "cni-plugins";
  /** Exact version, e.g. `1.21.0`. */
  readonly version: string;
  /** Where its program or programs are put. */
  readonly installTo: string;
}

/**
 * One host as data: everything that is on it and runs on it, in an order that is safe to repeat.
 */
export interface HostData {
  /** Name of the host, and of its agents. */
  readonly name: string;
  readonly packages: readonly HostPackage[];
  readonly directories: readonly HostDirectory[];
  readonly files: readonly HostFile[];
  /** Kernel modules, loaded at every boot. */
  readonly kernelModules: readonly string[];
  /** Kernel settings, e.g. `net.bridge.bridge-nf-call-iptables: "1"`. */
  readonly sysctls: Readonly<Record<string, string>>;
  /** Shell commands, run as root at every boot after the files are written and before the units start. */
  readonly steps: readonly string[];
  readonly units: readonly HostUnit[];
}
