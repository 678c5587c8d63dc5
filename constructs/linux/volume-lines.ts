import type { HostVolume } from "./host";
import { commandLine } from "./shell";

/** Prefix of the label of a volume's file system, so that no other disk of the machine has the same label. */
const LABEL_PREFIX = "mf-";

/** Maximum length of a name: a label of ext4 has at most 16 characters. */
export const LONGEST_VOLUME_NAME = 13;

/** The label by which a machine identifies a volume, independent of the name of its device. */
export function labelOf({ name }: HostVolume): string {
  return `${LABEL_PREFIX}${name}`;
}

/** Size of a volume in bytes. */
export function bytesOfVolume({ sizeGib }: HostVolume): number {
  return sizeGib * 2 ** 30;
}

/**
 * Returns shell lines that find the disk of each volume, format it if it is blank, grow its file system to the size of the disk,
 * and mount it. They need {@link VOLUME_FUNCTIONS}. Disks with other contents are not changed.
 */
export function volumeLines(volumes: readonly HostVolume[]): string[] {
  // Parents first.
  return [...volumes]
    .sort(byMountPoint)
    .map((volume) =>
      commandLine(["volume", volume.mountPoint, labelOf(volume), String(bytesOfVolume(volume)), volume.device ?? ""]),
    );
}

function byMountPoint(a: HostVolume, b: HostVolume): number {
  return a.mountPoint < b.mountPoint ? -1 : 1;
}

/** Returns shell lines that set the owner and the mode of each volume's root directory, after its user was created. */
export function volumeOwnerLines(volumes: readonly HostVolume[]): string[] {
  return volumes.flatMap(({ mountPoint, owner = "root:root", mode = "0755" }) => [
    commandLine(["chown", owner, mountPoint]),
    commandLine(["chmod", mode, mountPoint]),
  ]);
}

/** Device names can change between boots, so a disk is identified by its label, or by its size if it has none yet. */
export const VOLUME_FUNCTIONS = `is_blank() { # <disk>: no file system, no partition, nothing at all in its first MiB
  local code=0
  blkid --probe "$1" >/dev/null 2>&1 || code=$?
  [ "$code" -eq 2 ] && [ "$(lsblk --noheadings --list --output NAME "$1" | wc -l)" -eq 1 ] &&
    cmp --silent --bytes=1048576 "$1" /dev/zero
}
label_of() { # <disk>
  blkid --probe --match-tag LABEL --output value "$1" 2>/dev/null || true
}
find_disk() { # <label> <bytes> [<disk>]: sets disk
  local name size type blank=() seen=()
  while read -r name size type; do
    case "$type" in disk | loop) ;; *) continue ;; esac
    [ -b "$name" ] || continue
    if [ -n "$3" ] && [ "$name" != "$(readlink --canonicalize "$3")" ]; then continue; fi
    if [ "$(label_of "$name")" = "$1" ]; then
      disk=$name
      return
    fi
    seen+=("$name of $size bytes")
    if is_blank "$name" && { [ -n "$3" ] || [ "$size" -eq "$2" ]; }; then blank+=("$name"); fi
  done < <(lsblk --nodeps --noheadings --bytes --paths --output NAME,SIZE,TYPE)
  if [ "\${#blank[@]}" -ne 1 ]; then
    echo "Of the disks \${#blank[@]} are blank and $2 bytes large, and none has the label $1. There are: \${seen[*]-none}." >&2
    return 1
  fi
  disk=\${blank[0]}
  mkfs.ext4 -q -L "$1" "$disk"
}
grow() { # <disk>: its file system to all of it
  local bytes
  bytes=$(dumpe2fs -h "$1" 2>/dev/null | awk -F: '$1 == "Block count" { n = $2 } $1 == "Block size" { s = $2 } END { printf "%.0f", n * s }')
  if [ $(($(blockdev --getsize64 "$1") - bytes)) -lt 16777216 ]; then return; fi
  e2fsck -f -p "$1" >/dev/null || [ $? -eq 1 ]
  resize2fs "$1" >/dev/null 2>&1
}
volume() { # <mount point> <label> <bytes> <disk or nothing>
  local disk
  if mountpoint --quiet "$1"; then return; fi
  if [ -n "$(ls --almost-all "$1" 2>/dev/null)" ]; then
    echo "$1 is not empty: the volume would hide what is in there. Move it away." >&2
    return 1
  fi
  find_disk "$2" "$3" "$4"
  e2fsck -p "$disk" >/dev/null || [ $? -eq 1 ]
  grow "$disk"
  mkdir --parents "$1"
  mount --types ext4 --options noatime "$disk" "$1"
}`;
