import type { Place } from "../core/problems";
import * as is from "../core/shape";
import type { Override } from "../core/override";
import type * as nomad from "./generated/job";
import { overridden } from "./override";

/** What every kind of volume takes. */
export interface VolumeOptions {
  /** Whether tasks may only read it. @default false */
  readonly readOnly?: boolean;
  /** Anything else of Nomad's volume block. @default none */
  readonly override?: Override<nomad.VolumeRequest>;
}

/** @internal */
export const VOLUME_SHAPE: is.Shape<VolumeOptions> = {
  readOnly: is.flag,
  override: is.fields,
};

/** What a host volume takes. */
export interface HostVolumeOptions extends VolumeOptions {
  /** Which allocations use it at a time; only of a dynamic host volume. @default "single-node-writer" */
  readonly accessMode?:
    "single-node-writer" | "single-node-reader-only" | "single-node-single-writer" | "single-node-multi-writer";
  /** Only of a dynamic host volume. @default "file-system" */
  readonly attachmentMode?: "file-system" | "block-device";
  /** Whether each allocation has a volume of its own, named `<source>[<index>]`. @default false */
  readonly perAlloc?: boolean;
  /** Whether a new allocation gets the volume that the old one had; only of a dynamic host volume. @default false */
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

/** What a volume of a CSI plugin takes. */
export interface SharedVolumeOptions extends VolumeOptions {
  /** Which nodes and allocations use it at a time. @default "single-node-writer" */
  readonly accessMode?:
    | "single-node-reader-only"
    | "single-node-writer"
    | "multi-node-reader-only"
    | "multi-node-single-writer"
    | "multi-node-multi-writer";
  /** @default "file-system" */
  readonly attachmentMode?: "file-system" | "block-device";
  /** Whether each allocation has a volume of its own, named `<source>[<index>]`. @default false */
  readonly perAlloc?: boolean;
  /** How it is mounted. @default as the volume itself says */
  readonly mountOptions?: {
    /** File system that it is formatted with, e.g. `"ext4"`. @default the plugin's */
    readonly fsType?: string;
    /** Flags of the mount, e.g. `["noatime"]`. @default none */
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

  /** A host volume, as a client's configuration or `nomad volume create` declares it. */
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

  /** A volume of a CSI plugin. */
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
 * Where a task sees a volume of its group.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/volume_mount
 */
export interface VolumeMountOptions {
  /** The volume's name in the group. */
  readonly volume: string;
  /** Path inside the task. */
  readonly destination: string;
  /** @default false */
  readonly readOnly?: boolean;
  /** Which mounts below it the task and the node see of each other. @default "private" */
  readonly propagationMode?: "private" | "host-to-task" | "bidirectional";
  /** SELinux label: `"z"` for one that tasks share, `"Z"` for one of its own. @default none */
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
