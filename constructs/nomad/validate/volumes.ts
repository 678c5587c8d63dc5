import { entriesOf, itemsOf, known, listOf, type Place } from "../../core/problems";
import type * as nomad from "../generated/job";

const HOST_ACCESS = [
  "single-node-writer",
  "single-node-reader-only",
  "single-node-single-writer",
  "single-node-multi-writer",
];

/** Access modes of CSI volumes that several allocations of a group cannot share. */
const ONE_ALLOCATION: Readonly<Record<string, string | undefined>> = {
  "single-node-reader-only": "one reader",
  "single-node-writer": "one reader or writer",
  "multi-node-single-writer": "one writer",
};

export function examineVolumes(
  place: Place,
  group: nomad.TaskGroup,
  surroundings: { readonly jobType: string; readonly count: number; readonly canaries: number },
): void {
  for (const [name, given] of entriesOf(group.Volumes)) {
    const volume = known(given);
    if (volume !== undefined) {
      const here = place.labelled("volume", name);
      here.oneOf("type", volume.Type ?? "", ["host", "csi"]);
      here.required("source", volume.Source, "Name the volume.");
      if (volume.PerAlloc === true) {
        examinePerAlloc(here, volume, surroundings);
      }
      if (volume.Type === "host") {
        examineHostVolume(here, volume);
      } else if (volume.Type === "csi") {
        examineCsiVolume(here, volume, surroundings.count);
      }
    }
  }
}

function examinePerAlloc(
  place: Place,
  volume: nomad.VolumeRequest,
  { jobType, canaries }: { readonly jobType: string; readonly canaries: number },
): void {
  const refuse = (allowed: string, fix: string, comparedWith: unknown) =>
    place.refuse("per_alloc", true, allowed, fix, { comparedWith });
  if (jobType === "system" || jobType === "sysbatch") {
    refuse(`false in a job of type ${jobType}, whose allocations have no index`, "Omit per_alloc.", jobType);
  }
  if (canaries > 0) {
    refuse("false with canaries, which would share an index", "Omit per_alloc, or update.canary.", canaries);
  }
  if (volume.Sticky === true) {
    refuse("false for a sticky volume", "Omit one of the two.", volume.Sticky);
  }
}

function examineHostVolume(place: Place, { AccessMode = "", MountOptions, ReadOnly }: nomad.VolumeRequest): void {
  if (known(MountOptions) !== undefined) {
    place.refuse("mount_options", MountOptions, "cannot be set for a host volume", "Omit it.");
  }
  if (AccessMode !== "") {
    place.oneOf("access_mode", AccessMode, HOST_ACCESS);
  }
  if (AccessMode === "single-node-reader-only") {
    requireReadOnly(place, AccessMode, ReadOnly);
  }
}

function examineCsiVolume(place: Place, volume: nomad.VolumeRequest, count: number): void {
  const { AttachmentMode, AccessMode, ReadOnly, MountOptions } = volume;
  place.required("attachment_mode", AttachmentMode, 'Set "file-system" or "block-device".');
  place.required(
    "access_mode",
    AccessMode,
    `Set ${listOf([...Object.keys(ONE_ALLOCATION), "multi-node-multi-writer"])}.`,
  );
  if (AttachmentMode === "block-device" && known(MountOptions) !== undefined) {
    place.refuse("mount_options", MountOptions, "cannot be set for a block device", "Omit it.");
  }
  if (AccessMode?.endsWith("reader-only") === true) {
    requireReadOnly(place, AccessMode, ReadOnly);
  }
  const limit = ONE_ALLOCATION[AccessMode ?? ""];
  const isShared = !(AccessMode === "multi-node-single-writer" && ReadOnly === true);
  if (limit !== undefined && isShared && count > 1 && volume.PerAlloc !== true) {
    place.refuse(
      "access_mode",
      AccessMode,
      `a mode for ${count} allocations, because this one allows ${limit}`,
      "Use a mode with more writers or readers, per_alloc, or a count of 1.",
      { comparedWith: [count, ReadOnly, volume.PerAlloc] },
    );
  }
}

function requireReadOnly(place: Place, mode: string, readOnly: boolean | undefined): void {
  if (readOnly !== true) {
    place.refuse("read_only", readOnly ?? false, `true with the access mode "${mode}"`, "Set read_only.");
  }
}

export function examineVolumeMounts(
  place: Place,
  mounts: readonly nomad.VolumeMount[] | undefined,
  volumes: nomad.TaskGroup["Volumes"],
): void {
  itemsOf(mounts).forEach((mount, index) => {
    const here = place.block(`volume_mount ${index + 1}`);
    const { Volume = "", PropagationMode = "", SELinuxLabel = "" } = mount;
    const names = entriesOf(volumes)
      .filter(([, volume]) => volume.Type === "host" || volume.Type === "csi")
      .map(([name]) => name);
    if (!names.includes(Volume)) {
      const allowed = names.length === 0 ? "a volume of the group, which has none" : listOf(names);
      here.refuse("volume", Volume, allowed, "Declare the volume in the group, or correct the name.", {
        comparedWith: volumes,
      });
    }
    if (PropagationMode !== "") {
      here.oneOf("propagation_mode", PropagationMode, ["private", "host-to-task", "bidirectional"]);
    }
    if (SELinuxLabel !== "") {
      here.oneOf("selinux_label", SELinuxLabel, ["z", "Z"]);
    }
  });
}
