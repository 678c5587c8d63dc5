import type { HostRole } from "./compose-host";

/**
 * What the hosts of a cluster need of the cloud that they run in, and all that this library's hosts know of it. Another cloud is
 * another implementation, in a folder of its own.
 */
export interface CloudPlatform {
  /** How messages call it. */
  readonly name: string;
  /** How much user data its machines take. */
  readonly userData: UserDataLimit;
  /** A cloud auto-join string, as an example for messages. */
  readonly autoJoin: string;
  /** The kinds of secret stores that the cloud has, by the `type` that tells them. The host tool has a module for each. */
  readonly secretStores: Readonly<Record<string, CloudStoreKind>>;
  /** The kinds of stores of snapshots that it has, likewise. */
  readonly snapshotStores: Readonly<Record<string, CloudStoreKind>>;
  /** How machines tell what only Terraform knew. */
  readonly instanceFacts: InstanceFactSource;
  /**
   * How machines fetch assets from a store of the cloud's own.
   *
   * @returns `undefined` for a location that is none of its own
   */
  assetSource(location: string): AssetSource | undefined;
  /**
   * Follows what the cloud has in store for a machine: completes the hooks of its group when the host is ready or has left, and has it leave
   * before it is interrupted.
   */
  lifecycleNotices(): HostRole;
  /** What such a location looks like, as an example for messages. */
  readonly assetLocation: string;
}

/** The most user data that a cloud's machines take. */
export interface UserDataLimit {
  /** In bytes, before base64. */
  readonly bytes: number;
  /** One sentence with the cloud's own words, for messages. */
  readonly rule: string;
}

/** A store that a cloud has, as the hosts are told of it: which kind, and its settings. */
export interface CloudStore {
  /** Its kind, as the platform calls it. */
  readonly type: string;
  /** Texts, which the platform names. */
  readonly [setting: string]: string | undefined;
}

/** A kind of store that a cloud has. */
export interface CloudStoreKind {
  /** Its settings in addition to `type`: a text that is not empty (`name`), any text, or a text that may be omitted. */
  readonly settings: Readonly<Record<string, "name" | "text" | "optional">>;
  /** Packages of the distribution with which the host tool reaches it. */
  readonly needs: readonly string[];
}

/** How a machine of a cloud learns facts of its own: from its metadata service, without any permission. */
export interface InstanceFactSource {
  /** The tag (or label, or attribute) of a machine that holds a fact. */
  tagOf(fact: string): string;
  /** Functions of bash that {@link lines} uses. Of the distribution they may use what is on every image with cloud-init, such as Python. */
  readonly functions: string;
  /**
   * Lines of a bash script that write the value of each fact to the file of its name in the folder `$facts`, or end with a sentence that says
   * what is missing.
   */
  lines(facts: readonly string[]): readonly string[];
}

/** How machines fetch assets from one location. */
export interface AssetSource {
  /** Packages of the distribution that it takes. */
  readonly needs: readonly string[];
  /** A command line of bash that fetches the asset `"$1"` to the file `"$2"`. */
  readonly command: string;
}
