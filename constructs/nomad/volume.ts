import type * as nomad from "./generated/job";

/** What every kind of volume takes. */
export interface VolumeOptions {
  /** Whether tasks may only read it. @default false */
  readonly readOnly?: boolean;
  /** Anything else of Nomad's volume block. @default none */
  readonly override?: nomad.VolumeRequest;
}

/** What a CSI or dynamic host volume takes beside. */
export interface SharedVolumeOptions extends VolumeOptions {
  /** @default "single-node-writer" */
  readonly accessMode?: string;
  /** @default "file-system" */
  readonly attachmentMode?: "file-system" | "block-device";
  /** Whether each allocation has a volume of its own, named with its index. @default false */
  readonly perAlloc?: boolean;
}

/**
 * A volume of a group, which its tasks mount by name.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/volume
 */
export class Volume {
  private constructor(private readonly request: nomad.VolumeRequest) {}

  /** A host volume, as a client's configuration or `nomad volume create` declares it. */
  static host(source: string, options: VolumeOptions = {}): Volume {
    return new Volume({ Type: "host", Source: source, ReadOnly: options.readOnly, ...options.override });
  }

  /** A volume of a CSI plugin. */
  static csi(source: string, options: SharedVolumeOptions = {}): Volume {
    return new Volume({
      Type: "csi",
      Source: source,
      ReadOnly: options.readOnly,
      AccessMode: options.accessMode ?? "single-node-writer",
      AttachmentMode: options.attachmentMode ?? "file-system",
      PerAlloc: options.perAlloc,
      ...options.override,
    });
  }

  /** @internal */
  render(name: string): nomad.VolumeRequest {
    return { Name: name, ...this.request };
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
}

/** @internal */
export function renderVolumeMount(mount: VolumeMountOptions): nomad.VolumeMount {
  return { Volume: mount.volume, Destination: mount.destination, ReadOnly: mount.readOnly };
}
