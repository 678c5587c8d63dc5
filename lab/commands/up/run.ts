import type { ListrTaskWrapper } from "listr2";
import { resolve } from "node:path";
import type { Profile } from "../../../constructs/linux/profile";
import type { AppSource } from "../../app/app-source";
import type { Runtime } from "../../app/synthesize-app";
import type { ApplyOptions, ApplyResult } from "../../apply";
import type { JobDocument } from "../../apply/documents";
import { Cluster } from "../../cluster/cluster";
import type { MeshPicture } from "../../cluster/mesh-picture";
import type { JobStatus } from "../../cluster/job-status";
import { LabError } from "../../core/errors";
import type { WaitOptions } from "../../core/wait";
import type { Daemon } from "../../hosts/docker/daemon";
import type { ImageSource } from "../../hosts/docker/image-sources";
import type { NeededImage, PreparedImage } from "../../hosts/docker/images";
import { envoyImage } from "../../hosts/docker/lab-images";
import type { WantedListener } from "../../hosts/forwarder/forwarder";
import type { BootableHost } from "../../hosts/host";
import { labHosts } from "../../hosts/host-data";
import type { Lab } from "../../hosts/lab";
import { hostDaemon } from "../../hosts/namespaces";
import { labVaultHost } from "../../hosts/vault-host";
import { hostsOf, topologyOf, type Datacenter, type Join, type LabHost, type Topology } from "../../hosts/topology";
import type { Engines } from "../../machine/engines/engine";
import { findProgram } from "../../machine/find-program";

export interface UpOptions {
  /** Name of the lab. */
  readonly name: string;
  /** What is deployed. */
  readonly app: AppSource;
  readonly engine: ApplyOptions["engine"];
  /** Time limit of each wait for agents, services and answers, in milliseconds. */
  readonly timeoutMs: number;
  /** @default what the lab is, else plain */
  readonly profile?: Profile;
  /** Folders of the machine that clients see read-only at their own paths. @default what the lab shows, else none */
  readonly shown?: readonly string[];
  /** Whether the agents of each host have their data on disks of their own, in a new lab. @default as the lab is, else not */
  readonly disks?: boolean;
  /** How many datacenters the lab has. @default what the lab has, else 1 */
  readonly datacenters?: number;
  /** How they are joined, in a new lab. @default as the lab's are, else by peering */
  readonly join?: Join;
  /** Whether the lab has a Vault. @default as the lab is, else not */
  readonly vault?: boolean;
  /** Path of a program that prepares Vault for the app. @default none */
  readonly vaultSetup?: string;
  /**
   * What runs the services of an app that asks for the setting `runtime`. @default what it was the last time, else programs, or
   * containers where the app has some whatever the setting is
   */
  readonly runtime?: Runtime;
  /** Stops at the next safe point. The lab stays as it is then, for another `up` or for `down`. @default never */
  readonly signal?: AbortSignal;
}

/** What the steps tell each other. */
export interface Results {
  /** What there is for containers; undefined where the app has none. */
  docker?: DockerNeeds;
  warnings: string;
  dangers: readonly string[];
  /** The jobs that the app was synthesized to. */
  documents: readonly JobDocument[];
  /** When the images were loaded, in milliseconds. */
  loadedAt?: number;
  booted: boolean;
  sites: readonly Site[];
  applied: ApplyResult;
  jobs: readonly JobStatus[];
  mesh: MeshPicture;
  /** Which datacenters are not joined, and why, as a sentence. */
  apart?: readonly string[];
  problems: readonly string[];
}

export interface DockerNeeds {
  readonly dockerd: string;
  readonly needed: readonly NeededImage[];
  /** What the app says of where its images come from. */
  readonly sources: ReadonlyMap<string, ImageSource>;
  /** Those that a host lacks. */
  images: readonly PreparedImage[];
}

/** A datacenter, as it is reached. */
export interface Site {
  readonly datacenter: Datacenter;
  readonly cluster: Cluster;
}

export type Task = ListrTaskWrapper<Results, never, never>;

/** One run of `up`: what its steps have in common. */
export class Run {
  topology: Topology;
  /** When the apply began, in milliseconds: earlier failures are those of an earlier app, or put right since. */
  appliedAt = 0;
  /** Names of the hosts that this run has booted. */
  readonly booted = new Set<string>();

  constructor(
    readonly lab: Lab,
    readonly engines: Engines,
    readonly options: UpOptions,
  ) {
    const earlier = lab.topology;
    const { profile = earlier?.profile ?? "plain", datacenters = earlier?.datacenters.length ?? 1 } = options;
    const shown = options.shown?.map((folder) => resolve(folder)) ?? earlier?.shown;
    const runtime = options.runtime ?? earlier?.runtime;
    const disks = earlier === undefined ? options.disks : earlier.disks;
    const join = options.join ?? earlier?.join ?? "peering";
    this.topology = {
      ...topologyOf(profile, datacenters, join),
      ...(shown && { shown }),
      ...(runtime && { runtime }),
      ...(disks && { disks }),
      ...(options.vault !== false && (options.vault || earlier?.vault) && { vault: true }),
      // What runs containers goes on to do so: other apps may come.
      ...(earlier?.docker && { docker: true }),
    };
    if (options.vaultSetup !== undefined && !this.topology.vault) {
      throw new LabError("--vault-setup is set, but the lab has no Vault.", "Add --vault, or omit --vault-setup.");
    }
    const fix = "Remove it first, or use another name.";
    if (earlier !== undefined && earlier.profile !== profile) {
      throw new LabError(`Lab ${lab.name} is ${earlier.profile}; its data cannot be converted to ${profile}.`, fix);
    }
    if (earlier?.vault && options.vault === false) {
      throw new LabError(`Lab ${lab.name} has a Vault, whose secrets would be lost.`, fix);
    }
    if (earlier !== undefined && (earlier.join ?? "peering") !== join) {
      throw new LabError(`The datacenters of lab ${lab.name} are joined by ${nameOf(earlier.join)}.`, fix);
    }
    if (earlier !== undefined && earlier.datacenters.length > datacenters) {
      throw new LabError(
        `Lab ${lab.name} has ${earlier.datacenters.length} datacenters; the workloads of the last ones would be lost.`,
        fix,
      );
    }
  }

  get isSecure(): boolean {
    return this.topology.profile === "secure";
  }

  /** How long each wait may take, and what ends it. */
  get patience(): WaitOptions {
    const { timeoutMs, signal } = this.options;
    return { timeoutMs, signal };
  }

  /** The hosts that run tasks. */
  get clients(): readonly LabHost[] {
    return this.topology.datacenters.flatMap((datacenter) => hostsOf(datacenter, "client"));
  }

  get envoyImage(): string {
    return envoyImage(this.engines.envoy);
  }

  daemonOf(host: string): Daemon | undefined {
    const init = this.lab.initOf(host);
    return init && hostDaemon(init);
  }

  /** All hosts of the lab, as they boot. */
  bootable(): BootableHost[] {
    const { datacenters, shown, disks, docker, vault } = this.topology;
    const dockerd = docker ? findProgram("dockerd") : undefined;
    const { engines } = this;
    const { files } = this.lab;
    return [
      ...datacenters.flatMap((it) => labHosts(it, engines, files, { shown, disks, dockerd, vault })),
      ...(vault && engines.vault ? [labVaultHost(engines.vault, this.topology, engines, files)] : []),
    ];
  }

  /** Publishes these on the machine. */
  async reach(listeners: readonly WantedListener[]): Promise<Site[]> {
    await this.lab.ensureForwarder(listeners);
    const clusters = Cluster.all(this.lab);
    return this.topology.datacenters.map((datacenter, index) => ({ datacenter, cluster: clusters[index] }));
  }

  /** What is done in all datacenters at once. One that fails does not leave the others at it unattended. */
  async atEach<T>(sites: readonly Site[], act: (site: Site, index: number) => Promise<T>): Promise<T[]> {
    const acts = sites.map(act);
    await Promise.allSettled(acts);
    return Promise.all(acts);
  }

  /** ` in dc2`, where there is more than one. */
  in({ name }: Datacenter): string {
    return this.topology.datacenters.length > 1 ? ` in ${name}` : "";
  }
}

function nameOf(join: Join = "peering"): string {
  return join === "wan" ? "WAN federation" : "peering";
}

export function clustersOf(sites: readonly Site[]): Cluster[] {
  return sites.map(({ cluster }) => cluster);
}
