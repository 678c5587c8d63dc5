import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { librariesOf } from "../../lab/hosts/exec-chroot";

/**
 * Makes a folder with a Dockerfile that needs no image to build on.
 *
 * @param program of this machine, which the image runs with its shared libraries
 * @param args of the program
 * @param files go to the root of the image
 */
export function writeImageFolder(
  folder: string,
  program: string,
  args: readonly string[],
  files: readonly string[] = [],
): void {
  const copies = new Map([
    ...[program, ...librariesOf(program)].map((file): [string, string] => [file, file]),
    ...files.map((file): [string, string] => [file, `/${basename(file)}`]),
  ]);
  for (const [file, path] of copies) {
    mkdirSync(join(folder, "root", dirname(path)), { recursive: true });
    copyFileSync(file, join(folder, "root", path));
  }
  const lines = ["FROM scratch", "COPY root /", `ENTRYPOINT ${JSON.stringify([program, ...args])}`, ""];
  writeFileSync(join(folder, "Dockerfile"), lines.join("\n"));
}
