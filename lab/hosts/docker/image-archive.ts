import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { arch } from "node:process";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { runTool } from "../../machine/run-tool";

/** What an image is made of. */
export interface ImageContents {
  /** With its tag. */
  readonly name: string;
  /** Each one: path in the image → file of the machine, which may be a link. Images share equal layers. */
  readonly layers: readonly Layer[];
  readonly entrypoint: readonly string[];
  /** The signal that asks its program to end. @default "SIGTERM" */
  readonly stopSignal?: string;
}

type Layer = Readonly<Record<string, string>>;

const architectures: Readonly<Partial<Record<string, string>>> = { x64: "amd64", arm64: "arm64" };

/**
 * Writes images as `docker save` does, without a daemon and without a base.
 *
 * @param file where the archive goes
 * @see https://github.com/moby/moby/blob/master/image/spec/v1.2.md#combined-image-json--filesystem-changeset-format
 */
export async function writeImageArchive(
  images: readonly ImageContents[],
  file: string,
  signal?: AbortSignal,
): Promise<void> {
  const folder = await mkdtemp(`${file}.`);
  try {
    const layers = new Map<string, WrittenLayer>();
    const manifest = [];
    for (const image of images) {
      const own: WrittenLayer[] = [];
      for (const layer of image.layers) {
        const key = sha256(JSON.stringify(layer));
        const written = layers.get(key) ?? (await writeLayer(layer, folder, key, signal));
        layers.set(key, written);
        own.push(written);
      }
      const config = JSON.stringify(configOf(image, own));
      const Config = `${sha256(config)}.json`;
      await writeFile(join(folder, Config), config);
      manifest.push({ Config, RepoTags: [image.name], Layers: own.map((layer) => layer.file) });
    }
    await writeFile(join(folder, "manifest.json"), JSON.stringify(manifest));
    const entries = ["manifest.json", ...manifest.map(({ Config }) => Config)];
    const whole = join(folder, "image.tar");
    await tar([], folder, whole, [...entries, ...[...layers.values()].map((layer) => layer.file)], signal);
    await rename(whole, file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface WrittenLayer {
  /** Its name in the archive. */
  readonly file: string;
  readonly digest: string;
}

async function writeLayer(layer: Layer, folder: string, key: string, signal?: AbortSignal): Promise<WrittenLayer> {
  // Links, so that nothing is copied before it is in the archive.
  const root = join(folder, key);
  await mkdir(join(root, "tmp"), { recursive: true, mode: 0o755 });
  for (const [path, source] of Object.entries(layer)) {
    await mkdir(dirname(join(root, path)), { recursive: true, mode: 0o755 });
    await symlink(source, join(root, path));
  }
  const file = `${key}.tar`;
  const options = ["--dereference", "--sort=name", "--mtime=@0", "--owner=0", "--group=0"];
  await tar(options, root, join(folder, file), ["."], signal);
  const hash = createHash("sha256");
  await pipeline(createReadStream(join(folder, file)), hash);
  return { file, digest: `sha256:${hash.digest("hex")}` };
}

function configOf({ entrypoint, stopSignal }: ImageContents, layers: readonly WrittenLayer[]): object {
  const created = "1970-01-01T00:00:00Z";
  return {
    architecture: architectures[arch] ?? arch,
    os: "linux",
    created,
    config: {
      Entrypoint: entrypoint,
      Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      ...(stopSignal !== undefined && { StopSignal: stopSignal }),
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
    history: layers.map(() => ({ created, created_by: "meshform" })),
  };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

async function tar(
  options: readonly string[],
  folder: string,
  file: string,
  entries: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  await runTool(["tar", "--create", ...options, "--file", file, "--directory", folder, ...entries], {
    what: `Packing ${file}`,
    fix: "Make sure that the disk has enough space for the images, then try again.",
    timeoutMs: 120_000,
    signal,
  });
}
