import type { CloudStore } from "../platform";

/**
 * A directory that only root can access. If all servers share it, new servers find the snapshots of lost servers in it.
 * Otherwise, each server has only its own snapshots.
 */
export interface DirectorySnapshotStore {
  /** Distinguishes it from a store of a cloud. */
  readonly type: "directory";
  /** Absolute path on each server. It is created if it does not exist. */
  readonly path: string;
}

/** A store for snapshots: a directory, or a store that the platform of the hosts supports. */
export type SnapshotStore = DirectorySnapshotStore | CloudStore;

/** How servers save snapshots of their state. */
export interface SnapshotOptions {
  /** Where snapshots are saved. @default the directory /var/lib/meshform/snapshots of each server */
  readonly store?: SnapshotStore;
  /** Seconds between two snapshots. @default 3600 */
  readonly everySeconds?: number;
  /** Number of snapshots of each engine that are kept. @default 48 */
  readonly retain?: number;
}

/** @internal */
export const DEFAULT_SNAPSHOT_STORE: SnapshotStore = { type: "directory", path: "/var/lib/meshform/snapshots" };
