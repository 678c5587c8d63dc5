import { existsSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { LabError } from "./errors";

/** Where labs live. Root's, since hosts are made of namespaces and mounts. */
export const labsRoot = "/var/lib/meshform/labs";

type SecretDocument = "cluster" | "client" | "operator" | "management" | "prometheus";

/**
 * The paths of one lab. Everything that a lab writes on the machine is inside `folder`, and `down` removes that.
 */
export class LabFiles {
  readonly folder: string;

  /** @throws LabError if the name could not be part of a path and of a control group */
  constructor(readonly name: string) {
    if (!/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(name)) {
      throw new LabError(
        `"${name}" cannot be the name of a lab.`,
        "Use at most 32 lower-case letters, digits and dashes, with no dash at either end.",
      );
    }
    this.folder = join(labsRoot, name);
  }

  get state(): string {
    return join(this.folder, "state.json");
  }

  /** Held by whichever command changes the lab. Next to the folder, since the folder comes and goes. */
  get lock(): string {
    return join(labsRoot, `.${this.name}.lock`);
  }

  get log(): string {
    return join(this.folder, "log");
  }

  /** What the app synthesizes, until it is known to be whole. Next to the folder too: an app that fails makes no lab. */
  get incoming(): string {
    return join(labsRoot, `.${this.name}.cdktf.out`);
  }

  /** What the app synthesized last. */
  get synthesized(): string {
    return join(this.folder, "cdktf.out");
  }

  /** What the apply remembers. */
  get applied(): string {
    return join(this.folder, "apply");
  }

  /** The secret store of a secure datacenter's servers; its folder `client` is that of the other hosts. */
  secrets(datacenter: string): string {
    return join(this.folder, "datacenters", datacenter, "secrets");
  }

  /** One document of that store. */
  secret(datacenter: string, document: SecretDocument): string {
    return join(this.secrets(datacenter), document, `${document}.json`);
  }

  /** The certificates of the servers of a plain WAN federation, and their CA. */
  get federation(): string {
    return join(this.folder, "federation");
  }

  /** The certificate of the lab's Vault, and its CA. */
  get vaultTls(): string {
    return join(this.folder, "vault", "tls");
  }

  /** What the lab's own commands show to Vault. */
  get vaultCredentials(): string {
    return join(this.folder, "vault", "credentials.json");
  }

  /** The key that unseals Vault. Its folder is shared with Vault's host. */
  get vaultUnsealKey(): string {
    return join(this.folder, "vault", "unseal", "key");
  }

  /** The access rules that the lab applies to a datacenter before any app, as synthesized. */
  access(datacenter: string): string {
    return join(this.folder, "datacenters", datacenter, "access.cdktf.out");
  }

  /** What the apply of the access rules remembers. */
  accessApplied(datacenter: string): string {
    return join(this.folder, "datacenters", datacenter, "access");
  }

  /** Where the servers of a datacenter keep snapshots of their state. */
  snapshots(datacenter: string): string {
    return join(this.folder, "datacenters", datacenter, "snapshots");
  }

  host(name: string): string {
    return join(this.folder, "hosts", name);
  }

  /** Where the Docker daemon of a host keeps images and containers. */
  docker(host: string): string {
    return join(this.host(host), "docker");
  }

  /** Which images a host has, and of what they were made. */
  hostImages(host: string): string {
    return join(this.host(host), "images.json");
  }

  /** What the Docker daemon needs that fetches and builds images. */
  get builder(): string {
    return join(this.folder, "images");
  }

  /** The controllers of control groups that were switched on for this lab; none on cgroup v1. */
  controllers(): string[] {
    const hosts = join(this.folder, "hosts");
    if (!existsSync(hosts)) return [];
    return readdirSync(hosts)
      .map((host) => join(hosts, host, "controllers"))
      .filter((file) => existsSync(file))
      .flatMap((file) => readFileSync(file, "utf8").split("\n"))
      .filter((line) => line !== "");
  }

  hostLogs(host: string): string {
    return join(this.host(host), "log");
  }

  hostLog(host: string, unit: string): string {
    return join(this.hostLogs(host), `${unit}.log`);
  }
}

/** The names of the labs that have a folder on this machine, be it only one of an `up` that has just begun. */
export function labNames(root = labsRoot): string[] {
  if (!existsSync(root)) return [];
  const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [...new Set(folders.map(({ name }) => /^\.(.+)\.cdktf\.out$/.exec(name)?.[1] ?? name))];
}

/** Removes the folders above the labs once the last lab is gone. */
export function removeEmptyRoots(): void {
  for (const folder of [labsRoot, dirname(labsRoot)]) {
    try {
      rmdirSync(folder);
    } catch {
      return; // Another lab is in it, or somebody was faster.
    }
  }
}
