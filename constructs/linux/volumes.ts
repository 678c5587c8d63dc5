import { ValueError } from "../core/errors";
import * as is from "../core/shape";
import type { HostVolume } from "./host";
import { LONGEST_VOLUME_NAME } from "./volume-lines";

const isName = (value: unknown) =>
  typeof value === "string" && /^[a-z][a-z0-9-]*$/.test(value) && value.length <= LONGEST_VOLUME_NAME;
const isPath = (value: unknown) => typeof value === "string" && /^(\/[^/]+)+$/.test(value);
const path = is.rule("an absolute path below /", "Use such a path, for example /opt/nomad.", isPath);

/** @internal */
export const HOST_VOLUME_SHAPE: is.Shape<HostVolume> = {
  name: is.required(
    is.rule(
      `lower-case letters, digits and dashes, at most ${LONGEST_VOLUME_NAME} characters`,
      "Correct the name; an example is nomad.",
      isName,
    ),
  ),
  mountPoint: is.required(path),
  sizeGib: is.required(
    is.rule("a whole number of GiB, 1 or more", "Set it.", (value) => Number.isInteger(value) && Number(value) >= 1),
  ),
  owner: is.name,
  mode: is.name,
  device: path,
};

/**
 * Throws an error for volumes that a machine could not distinguish.
 *
 * @throws ValueError
 */
export function refuseWrongVolumes(host: string, volumes: readonly HostVolume[]): void {
  for (const [index, volume] of volumes.entries()) {
    for (const other of volumes.slice(0, index)) {
      if (other.mountPoint === volume.mountPoint) {
        throw new ValueError(
          `Host ${host}: the volumes ${other.name} and ${volume.name} are both mounted at ${volume.mountPoint}.`,
          "Use a different mount point for each.",
        );
      }
      const areNamed = other.device !== undefined && volume.device !== undefined && other.device !== volume.device;
      if (other.sizeGib === volume.sizeGib && !areNamed) {
        throw new ValueError(
          `Host ${host}: the volumes ${other.name} and ${volume.name} both have ${volume.sizeGib} GiB, but a machine distinguishes blank disks by their size.`,
          "Use different sizes, or set the device of each.",
        );
      }
    }
  }
}
