import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./lab";

const script = "cloud-machine.sh";

/** Packages of the distribution in addition to those of this machine, for the images of several machines. */
export class MachineImage {
  private constructor(readonly folder: string) {}

  /** Downloads packages, and installs them where only machines with this image see them. */
  static async with(...packages: readonly string[]): Promise<MachineImage> {
    const image = new MachineImage(mkdtempSync(join(tmpdir(), "meshform-image-")));
    copyFileSync(join(__dirname, script), join(image.folder, script));
    const archives = join(image.folder, "archives");
    mkdirSync(join(archives, "partial"), { recursive: true });
    const cache = ["--option", `Dir::Cache::archives=${archives}`, "--download-only"];
    const namespaces = [
      "--net",
      "--mount",
      "--uts",
      "--ipc",
      "--pid",
      "--fork",
      "--kill-child=SIGKILL",
      "--mount-proc",
    ];
    for (const command of [
      ["apt-get", "--quiet", "--yes", "--no-install-recommends", ...cache, "install", ...packages],
      ["unshare", ...namespaces, "sh", join(image.folder, script), "image", image.folder],
    ]) {
      const { code, output } = await run(command[0], command.slice(1), { timeoutMs: 300_000 });
      if (code !== 0) throw new Error(output);
    }
    return image;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}
