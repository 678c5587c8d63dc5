import type { Place } from "../core/problems";
import * as is from "../core/shape";
import type { Override } from "../core/override";
import type * as nomad from "./generated/job";
import { overridden } from "./override";

/** Options of all kinds of volumes. */
export interface VolumeOptions {
  /** Whether tasks can only read the volume. @default false */
  readonly readOnly?: boolean;
  /** Other fields of Nomad's volume block. @default none */
  readonly override?: Override<nomad.VolumeRequest>;
}

/** @internal */
export const VOLUME_SHAPE: is.Shape<VolumeOptions> = {
  readOnly: is.flag,
  override: is.fields,
};

/** Options of {@link Volume.host}. */
export interface HostVolumeOptions extends VolumeOptions {
  /** Which allocations can use the volume at the same time. Only for dynamic host volumes. @default "single-node-writer" */
  readonly accessMode?:
    "single-node-writer" | "single-node-reader-only" | "single-node-single-writer" | "single-node-multi-writer";
  /** How the volume is attached. Only for dynamic host volumes. @default "file-system" */
  readonly attachmentMode?: "file-system" | "block-device";
  /** Whether each allocation has a separate volume, named `<source>[<index>]`. @default false */
  readonly perAlloc?: boolean;
  /** Whether a new allocation gets the volume of the previous one. Only for dynamic host volumes. @default false */
  readonly sticky?: boolean;
}

/** @internal */
export const HOST_VOLUME_SHAPE: is.Shape<HostVolumeOptions> = {
  ...VOLUME_SHAPE,
  accessMode: is.oneOf([
    "single-node-writer",
    "single-node-reader-only",
    "single-node-single-writer",
    "single-node-multi-writer",
  ]),
  attachmentMode: is.oneOf(["file-system", "block-device"]),
  perAlloc: is.flag,
  sticky: is.flag,
};

/** Options of {@link Volume.csi}. */
export interface SharedVolumeOptions extends VolumeOptions {
  /** Which nodes and allocations can use the volume at the same time. @default "single-node-writer" */
  readonly accessMode?:
    | "single-node-reader-only"
    | "single-node-writer"
    | "multi-node-reader-only"
    | "multi-node-single-writer"
    | "multi-node-multi-writer";
  /** How the volume is attached. @default "file-system" */
  readonly attachmentMode?: "file-system" | "block-device";
  /** Whether each allocation has a separate volume, named `<source>[<index>]`. @default false */
  readonly perAlloc?: boolean;
  /** How the volume is mounted. @default the mount options of the volume */
  readonly mountOptions?: {
    /** File system of the volume, such as `"ext4"`. @default the default of the plugin */
    readonly fsType?: string;
    /** Mount flags, such as `["noatime"]`. @default none */
    readonly mountFlags?: readonly string[];
  };
}

/** @internal */
export const SHARED_VOLUME_SHAPE: is.Shape<SharedVolumeOptions> = {
  ...VOLUME_SHAPE,
  accessMode: is.oneOf([
    "single-node-reader-only",
    "single-node-writer",
    "multi-node-reader-only",
    "multi-node-single-writer",
    "multi-node-multi-writer",
  ]),
  attachmentMode: is.oneOf(["file-system", "block-device"]),
  perAlloc: is.flag,
  mountOptions: is.block({ fsType: is.text, mountFlags: is.list(is.text) }),
};

/**
 * A volume of a group, which its tasks mount by name.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/volume
 */
export class Volume {
  private constructor(
    private readonly request: nomad.VolumeRequest,
    private readonly override: Override<nomad.VolumeRequest> | undefined,
    private readonly examineOptions: (place: Place) => void,
  ) {}

  /**
   * A host volume, which the configuration of a client or `nomad volume create` declares.
   *
   * @param source name of the volume
   */
  static host(source: string, options: HostVolumeOptions = {}): Volume {
    is.optionsOf("Volume.host", options);
    const rendered: nomad.VolumeRequest = {
      Type: "host",
      Source: source,
      ReadOnly: options.readOnly,
      AccessMode: options.accessMode,
      AttachmentMode: options.attachmentMode,
      PerAlloc: options.perAlloc,
      Sticky: options.sticky,
    };
    return new Volume(rendered, options.override, (place) => {
      is.text(place, "source", source);
      is.examineProperties(place, options, HOST_VOLUME_SHAPE);
    });
  }

  /**
   * A volume of a CSI plugin.
   *
   * @param source id of the volume
   */
  static csi(source: string, options: SharedVolumeOptions = {}): Volume {
    is.optionsOf("Volume.csi", options);
    const rendered: nomad.VolumeRequest = {
      Type: "csi",
      Source: source,
      ReadOnly: options.readOnly,
      AccessMode: options.accessMode ?? "single-node-writer",
      AttachmentMode: options.attachmentMode ?? "file-system",
      PerAlloc: options.perAlloc,
      MountOptions: options.mountOptions && {
        FSType: options.mountOptions.fsType,
        MountFlags: options.mountOptions.mountFlags,
      },
    };
    return new Volume(rendered, options.override, (place) => {
      is.text(place, "source", source);
      is.examineProperties(place, options, SHARED_VOLUME_SHAPE);
    });
  }

  /** @internal */
  examine(place: Place): void {
    this.examineOptions(place);
  }

  /** @internal */
  render(name: string): nomad.VolumeRequest {
    return { Name: name, ...overridden(this.request, this.override, `the volume ${name}`) };
  }
}

/**
 * Mount of a group's volume in a task.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/volume_mount
 */
export interface VolumeMountOptions {
  /** Name of the volume in the group. */
  readonly volume: string;
  /** Path at which the task sees the volume. */
  readonly destination: string;
  /** Whether the task can only read the volume. @default false */
  readonly readOnly?: boolean;
  /** Whether mounts below the path propagate from the node to the task, or in both directions. @default "private": in neither */
  readonly propagationMode?: "private" | "host-to-task" | "bidirectional";
  /** SELinux label: `"z"` for a label that tasks share, `"Z"` for a private label. @default none */
  readonly selinuxLabel?: "z" | "Z";
}

/** @internal */
export const VOLUME_MOUNT_SHAPE: is.Shape<VolumeMountOptions> = {
  volume: is.required(is.text),
  destination: is.required(is.text),
  readOnly: is.flag,
  propagationMode: is.oneOf(["private", "host-to-task", "bidirectional"]),
  selinuxLabel: is.oneOf(["z", "Z"]),
};

/** @internal */
export function renderVolumeMount(mount: VolumeMountOptions): nomad.VolumeMount {
  return {
    Volume: mount.volume,
    Destination: mount.destination,
    ReadOnly: mount.readOnly,
    PropagationMode: mount.propagationMode,
    SELinuxLabel: mount.selinuxLabel,
  };
}
