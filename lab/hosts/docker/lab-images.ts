import { existsSync } from "node:fs";
import { basename } from "node:path";
import { execPath } from "node:process";
import type { Engine } from "../../machine/engines/engine";
import { librariesOf } from "../exec-chroot";
import { findProgram } from "../../machine/find-program";
import { LabError } from "../../core/errors";
import type { ImageContents } from "./image-archive";

/** The image whose container holds the network of an allocation; Nomad's own comes from a registry. */
export const pauseImage = "meshform/pause:1";

/** The image of Envoy that Envoy's project publishes, of the version that the lab runs. */
export function envoyImage({ version }: Pick<Engine, "version">): string {
  return `envoyproxy/envoy:v${version}`;
}

/** The lab's own Envoy as an image: of the very name that the published one has. */
export function envoyContents(envoy: Engine): ImageContents {
  const authorities = "/etc/ssl/certs/ca-certificates.crt";
  const image = programContents(envoyImage(envoy), envoy.path, "/usr/local/bin/envoy");
  return { ...image, layers: [...image.layers, ...(existsSync(authorities) ? [{ [authorities]: authorities }] : [])] };
}

/** Does nothing until it is killed, at once. */
export function pauseContents(): ImageContents {
  const sleep = findProgram("sleep");
  if (sleep === undefined) throw new LabError("The program sleep is not on PATH.", "Install the package coreutils.");
  return {
    ...programContents(pauseImage, sleep, "/bin/sleep"),
    entrypoint: ["/bin/sleep", "infinity"],
    stopSignal: "SIGKILL",
  };
}

/** A program of this machine with its shared libraries. */
export function programContents(
  name: string,
  program: string,
  path = `/usr/local/bin/${basename(program)}`,
): ImageContents {
  return { name, layers: [withLibraries(program, path)], entrypoint: [path] };
}

/** A script of one file, with the Node that runs Meshform. */
export function nodeContents(name: string, script: string): ImageContents {
  const [node, path] = ["/usr/local/bin/node", `/app/${basename(script)}`];
  return { name, layers: [withLibraries(execPath, node), { [path]: script }], entrypoint: [node, path] };
}

function withLibraries(program: string, path: string): Record<string, string> {
  return { ...Object.fromEntries(librariesOf(program).map((library) => [library, library])), [path]: program };
}
