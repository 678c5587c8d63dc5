import type { CloudStore } from "../platform";

/**
 * A directory that only root may enter. Where all servers share it, new servers find in it what lost ones have saved; otherwise each has the
 * snapshots that it has saved itself.
 */
export interface DirectorySnapshotStore {
  /** Tells it from a store of a cloud. */
  readonly type: "directory";
  /** Absolute path on each server. It is made where it is missing. */
  readonly path: string;
}

/** Where servers keep snapshots of their state: a directory, or what the platform of the hosts has. */
export type SnapshotStore = DirectorySnapshotStore | CloudStore;

/** How servers save what they know. */
export interface SnapshotOptions {
  /** @default the directory /var/lib/meshform/snapshots of each server */
  readonly store?: SnapshotStore;
  /** Seconds between two snapshots. @default 3600 */
  readonly everySeconds?: number;
  /** How many of each engine are kept. @default 48 */
  readonly retain?: number;
}

/** @internal */
export const DEFAULT_SNAPSHOT_STORE: SnapshotStore = { type: "directory", path: "/var/lib/meshform/snapshots" };
