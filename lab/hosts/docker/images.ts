import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Engines } from "../../machine/engines/engine";
import { LabError } from "../../core/errors";
import { findProgram } from "../../machine/find-program";
import type { LabFiles } from "../../core/lab-files";
import { runTool } from "../../machine/run-tool";
import { ImageBuilder } from "./builder";
import { DaemonRefusal, plainName, type Daemon } from "./daemon";
import { writeImageArchive, type ImageContents } from "./image-archive";
import { keyOf, keyOfArchive, type ImageSource } from "./image-sources";
import { envoyContents, envoyImage, pauseContents, pauseImage } from "./lab-images";
import { machineDaemon } from "./machine-daemon";

/** How long a build may take, in milliseconds. */
const buildMs = 20 * 60_000;

/** An image that a task needs. */
export interface NeededImage {
  readonly name: string;
  /** The construct whose task needs it. */
  readonly construct: string;
}

export interface PrepareImagesOptions {
  readonly needed: readonly NeededImage[];
  /** What the app says of where its images come from. */
  readonly sources: ReadonlyMap<string, ImageSource>;
  readonly engines: Engines;
  readonly files: LabFiles;
  /** Hosts that run containers, each with its daemon if that runs. */
  readonly hosts: readonly { readonly name: string; readonly daemon?: Daemon }[];
  readonly dockerd: string;
  /** Sees what is being done. */
  readonly onProgress: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** An image that is ready to be loaded. */
export interface PreparedImage {
  readonly name: string;
  /** Changes when the image does. */
  readonly key: string;
  /** What `docker save` would write, with this image or with several. */
  readonly file: string;
  /** Whether the file is there for this load alone. */
  readonly isTemporary: boolean;
  /** Hosts that do not have it yet. */
  readonly hosts: readonly string[];
  /** Whether one of them has another image of this name. */
  readonly replaces: boolean;
}

/**
 * Brings the images that an app needs, and those of the lab itself, into files that the daemons of the hosts can load, as far as a
 * host lacks them. In this order: from where the app says; the lab's own Envoy; from the machine's daemon; from a registry.
 *
 * @throws LabError that names each image which cannot be had, the construct that needs it, and the fix
 */
export async function prepareImages(options: PrepareImagesOptions): Promise<PreparedImage[]> {
  const preparation = new Preparation(options);
  try {
    return await preparation.run();
  } finally {
    await preparation.end();
  }
}

/** What an image is made from, before it is known whether it has to be made. */
interface Candidate {
  readonly key: string;
  /** An archive that is there already. */
  readonly archive?: string;
  /** What it is made of. */
  readonly contents?: ImageContents;
  /** Writes an archive. */
  readonly write?: (file: string) => Promise<void>;
}

class Preparation {
  private builder: ImageBuilder | undefined;
  private machine: Promise<Daemon | undefined> | undefined;
  /** What is still to be written into one archive. */
  private readonly contents: ImageContents[] = [];

  constructor(private readonly options: PrepareImagesOptions) {}

  async run(): Promise<PreparedImage[]> {
    const { needed } = this.options;
    const names = new Set([...needed.map(({ name }) => plainName(name)), pauseImage]);
    const prepared: PreparedImage[] = [];
    const problems: string[] = [];
    for (const name of names) {
      this.options.signal?.throwIfAborted();
      try {
        prepared.push(...(await this.prepare(name)));
      } catch (error) {
        if (!(error instanceof DaemonRefusal || error instanceof LabError)) throw error;
        const users = needed.filter((it) => plainName(it.name) === name).map(({ construct }) => construct);
        const problem = error instanceof LabError ? `${error.problem} ${error.fix}` : error.message;
        problems.push(`\n  - ${[...new Set(users)].join(", ") || "the lab"}: ${problem}`);
      }
    }
    if (problems.length === 0) {
      const { signal, onProgress } = this.options;
      if (this.contents.length > 0) {
        onProgress(`packs ${this.contents.map(({ name }) => name).join(", ")}`);
        await writeImageArchive(this.contents, this.ownArchive, signal);
      }
      return prepared;
    }
    for (const { file, isTemporary } of prepared) if (isTemporary) rmSync(file, { force: true });
    throw new LabError(
      `The lab lacks ${problems.length === 1 ? "an image" : `${problems.length} images`} that the app needs:${problems.join("")}`,
      "Nothing was deployed.",
    );
  }

  async end(): Promise<void> {
    await this.builder?.stop();
  }

  private async prepare(name: string): Promise<PreparedImage[]> {
    const candidate = await this.candidate(name);
    // Nothing but the hosts' own daemons has it, which is enough.
    if (candidate === undefined) return [];
    const { key, archive, contents, write } = candidate;
    const has = await Promise.all(this.options.hosts.map((host) => this.has(host, name, key)));
    const hosts = this.options.hosts.filter((_, index) => !has[index]).map((host) => host.name);
    if (hosts.length === 0) return [];
    const replaces = hosts.some((host) => name in readHostImages(this.options.files, host));
    if (archive !== undefined) return [{ name, key, file: archive, isTemporary: false, hosts, replaces }];
    mkdirSync(this.options.files.builder, { recursive: true, mode: 0o700 });
    if (contents !== undefined) {
      this.contents.push(contents);
      return [{ name, key, file: this.ownArchive, isTemporary: true, hosts, replaces }];
    }
    this.options.onProgress(`saves ${name}`);
    const file = join(this.options.files.builder, `${name.replaceAll(/\W/g, "-")}.tar`);
    await write?.(file);
    return [{ name, key, file, isTemporary: true, hosts, replaces }];
  }

  private async has(host: PrepareImagesOptions["hosts"][number], name: string, key: string): Promise<boolean> {
    if (readHostImages(this.options.files, host.name)[name] !== key) return false;
    return host.daemon === undefined || (await host.daemon.imageId(name)) !== undefined;
  }

  private async candidate(name: string): Promise<Candidate | undefined> {
    const { engines, sources, signal } = this.options;
    const source = sources.get(name);
    const contents = contentsOf(name, source, engines);
    if (contents) return { key: keyOf(contents), contents };
    if (source?.kind === "archive") {
      await idInArchive(source.file, name);
      return { key: keyOfArchive(source.file), archive: source.file };
    }
    const machine = await this.machineDaemon();
    if (source?.kind === "folder") {
      const daemon = machine ?? (await this.ownDaemon());
      const id = await this.build(name, source.folder, daemon, machine === undefined);
      return { key: id, write: (file) => daemon.save(id, file, signal) };
    }
    const kept = machine ?? (this.hasBuilt ? await this.ownDaemon() : undefined);
    const id = await kept?.imageId(name);
    if (kept && id !== undefined) return { key: id, write: (file) => kept.save(name, file, signal) };
    if (await this.isOnAllHosts(name)) return undefined;
    const daemon = machine ?? (await this.ownDaemon());
    await this.pull(name, daemon, machine !== undefined);
    const pulled = (await daemon.imageId(name)) ?? "";
    return { key: pulled, write: (file) => daemon.save(name, file, signal) };
  }

  private async isOnAllHosts(name: string): Promise<boolean> {
    const found = await Promise.all(
      this.options.hosts.map(async ({ daemon }) => daemon?.imageId(name).catch(() => undefined)),
    );
    return found.length > 0 && found.every((id) => id !== undefined);
  }

  private async pull(name: string, daemon: Daemon, isMachines: boolean): Promise<void> {
    this.options.onProgress(`fetches the image ${name}`);
    try {
      await daemon.pull(name, this.options.signal);
    } catch (error) {
      this.options.signal?.throwIfAborted();
      const reason = (error as Error).message;
      const own = `or set a source for it: "images": { "${name}": "<folder with a Dockerfile, archive, program or Node.js script>" } in the context of cdktf.json.`;
      throw new LabError(
        `the image ${name} is ${isMachines ? "not in the machine's Docker daemon" : "not on this machine, where no Docker daemon answers"}, and its registry does not provide it: ${reason.replace(/\.?$/, ".")}`,
        isMachines
          ? `Pull or build it with \`docker pull ${name}\` or \`docker build --tag ${name}\`, ${own}`
          : `Make its registry reachable, or start the Docker daemon that has it, ${own}`,
        { cause: error },
      );
    }
  }

  /** @returns the id of the image */
  private async build(name: string, folder: string, daemon: Daemon, isOwn: boolean): Promise<string> {
    const docker = findProgram("docker");
    if (docker === undefined) {
      throw new LabError(
        `the image ${name} must be built from ${folder}, but docker is not on PATH.`,
        "Install the package docker-cli.",
      );
    }
    this.options.onProgress(`builds the image ${name}`);
    mkdirSync(this.options.files.builder, { recursive: true, mode: 0o700 });
    const idFile = join(this.options.files.builder, "built");
    rmSync(idFile, { force: true });
    const command: [string, ...string[]] = [
      docker,
      ...["build", "--iidfile", idFile, "--label", imageLabel(this.options.files.name)],
      // Without a bridge of its own the lab's daemon has no other network to give to a build.
      ...(isOwn ? ["--network", "host"] : []),
      folder,
    ];
    await runTool(command, {
      what: `The build of the image ${name}`,
      fix: `Correct ${join(folder, "Dockerfile")}; its base image must be in this daemon or in a reachable registry.`,
      timeoutMs: buildMs,
      signal: this.options.signal,
      onLine: (line) => {
        if (/^(Step \d|#\d+ )/.test(line)) this.options.onProgress(`${name}: ${line}`);
      },
      env: { DOCKER_HOST: `unix://${daemon.socket}`, ...(isOwn && { DOCKER_BUILDKIT: "0" }) },
    });
    if (!isOwn) writeFileSync(usedMachineDaemon(this.options.files), daemon.socket);
    return readFileSync(idFile, "utf8").trim();
  }

  private get ownArchive(): string {
    return join(this.options.files.builder, "lab.tar");
  }

  private machineDaemon(): Promise<Daemon | undefined> {
    return (this.machine ??= machineDaemon());
  }

  /** Whether the lab's own daemon has fetched or built anything before. */
  private get hasBuilt(): boolean {
    return existsSync(join(this.options.files.builder, "data"));
  }

  private async ownDaemon(): Promise<Daemon> {
    const { files, dockerd, signal } = this.options;
    this.builder ??= await ImageBuilder.start(files, dockerd, signal);
    return this.builder.daemon;
  }
}

/** What an image is made of that needs no daemon: as the app says, or the lab's own. */
function contentsOf(name: string, source: ImageSource | undefined, { envoy }: Engines): ImageContents | undefined {
  if (source !== undefined) return source.kind === "contents" ? source.contents : undefined;
  if (name === envoyImage(envoy)) return envoyContents(envoy);
  return name === pauseImage ? pauseContents() : undefined;
}

/**
 * Loads images into the daemons of hosts.
 *
 * @param daemonOf the daemon of a host
 */
export async function loadImages(
  images: readonly PreparedImage[],
  files: LabFiles,
  daemonOf: (host: string) => Daemon,
  onProgress: (line: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  for (const file of new Set(images.map((image) => image.file))) {
    const ofFile = images.filter((image) => image.file === file);
    const ids = new Map<string, string>();
    for (const { name } of ofFile) ids.set(name, await idInArchive(file, name));
    onProgress(ofFile.map(({ name }) => name).join(", "));
    const loads = [...new Set(ofFile.flatMap(({ hosts }) => hosts))].map(async (host) => {
      const daemon = daemonOf(host);
      await daemon.load(file, signal);
      const loaded = ofFile.filter(({ hosts }) => hosts.includes(host));
      for (const { name } of loaded) await daemon.tag(ids.get(name) ?? "", name);
      const keys = Object.fromEntries(loaded.map(({ name, key }) => [name, key]));
      writeFileSync(files.hostImages(host), JSON.stringify({ ...readHostImages(files, host), ...keys }));
    });
    await Promise.allSettled(loads);
    await Promise.all(loads);
    if (ofFile.some(({ isTemporary }) => isTemporary)) rmSync(file, { force: true });
  }
}

/** Removes what builds for a lab have left in the machine's daemon. */
export async function removeBuilds(files: LabFiles): Promise<void> {
  if (!existsSync(usedMachineDaemon(files))) return;
  const daemon = await machineDaemon();
  await daemon?.removeUnnamed(imageLabel(files.name));
}

function imageLabel(lab: string): string {
  return `meshform.lab=${lab}`;
}

function usedMachineDaemon(files: LabFiles): string {
  return join(files.builder, "machine-daemon");
}

function readHostImages(files: LabFiles, host: string): Record<string, string> {
  try {
    return JSON.parse(readFileSync(files.hostImages(host), "utf8")) as Record<string, string>;
  } catch {
    return {}; // It has none yet.
  }
}

interface ManifestEntry {
  readonly Config: string;
  readonly RepoTags: readonly string[] | null;
}

/** The id of the image of this name in an archive, or of the only one that is in it. */
async function idInArchive(file: string, name: string): Promise<string> {
  const { stdout } = await promisify(execFile)("tar", [
    "--extract",
    "--to-stdout",
    "--file",
    file,
    "manifest.json",
  ]).catch((error: unknown) => {
    throw new LabError(
      `${file} is not an archive of \`docker save\`.`,
      `Create it with \`docker save --output ${file} ${name}\`.`,
      {
        cause: error,
      },
    );
  });
  const images = JSON.parse(stdout) as ManifestEntry[];
  const named = images.find(({ RepoTags }) => RepoTags?.some((tag) => plainName(tag) === name));
  const image = named ?? (images.length === 1 ? images[0] : undefined);
  const id = image && /([0-9a-f]{64})(\.json)?$/.exec(image.Config)?.[1];
  if (id !== undefined) return `sha256:${id}`;
  const names = images.flatMap(({ RepoTags }) => RepoTags ?? []).join(", ");
  throw new LabError(
    `${file} has the images ${names}, but not ${name}.`,
    `Create it with \`docker save --output ${file} ${name}\`.`,
  );
}
