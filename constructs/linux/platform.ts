import type { HostRole } from "./compose-host";

/**
 * The interface between the hosts of a cluster and the cloud in which they run. The code of hosts uses a cloud only through this
 * interface; to support another cloud, implement it in a separate folder.
 */
export interface CloudPlatform {
  /** Name of the cloud in messages. */
  readonly name: string;
  /** The size limit of user data. */
  readonly userData: UserDataLimit;
  /** An example of a cloud auto-join string, for messages. */
  readonly autoJoin: string;
  /**
   * Name of the cloud's module in `host-tool/meshform_host/clouds`, which opens its stores. Hosts get no other cloud's module.
   */
  readonly hostToolModule: string;
  /** The kinds of secret stores of the cloud, by their `type`. */
  readonly secretStores: Readonly<Record<string, CloudStoreKind>>;
  /** The kinds of snapshot stores of the cloud, by their `type`. */
  readonly snapshotStores: Readonly<Record<string, CloudStoreKind>>;
  /** The kinds of stores for metrics of the cloud, by their `type`. */
  readonly metricStores: Readonly<Record<string, CloudStoreKind>>;
  /** The kinds of stores for logs of the cloud, by their `type`. @default none */
  readonly logStores?: Readonly<Record<string, CloudStoreKind>>;
  /** How machines read instance facts. */
  readonly instanceFacts: InstanceFactSource;
  /**
   * Returns how machines fetch assets from a store of the cloud.
   *
   * @returns `undefined` if the location is not in a store of the cloud
   */
  assetSource(location: string): AssetSource | undefined;
  /**
   * Returns a role that reacts to lifecycle notices of the cloud. The host leaves the cluster before it is interrupted. If the
   * groups of the cloud have lifecycle hooks, it completes them when it is ready or has left the cluster.
   */
  lifecycleNotices(): HostRole;
  /** An example of a location of assets in the cloud, for messages. */
  readonly assetLocation: string;
}

/** The maximum size of user data. */
export interface UserDataLimit {
  /** In bytes, before base64. */
  readonly bytes: number;
  /** The cloud's rule as one sentence, for messages. */
  readonly rule: string;
}

/** A store of a cloud, as it is set for hosts: its kind and settings. */
export interface CloudStore {
  /** The kind of store, as the platform names it. */
  readonly type: string;
  /** Settings, which the platform defines. */
  readonly [setting: string]: string | undefined;
}

/** A kind of store of a cloud. */
export interface CloudStoreKind {
  /**
   * Its settings in addition to `type`: `name` is a text that must not be empty, `text` is any text, and `optional` is a text
   * that can be omitted. For names with further rules of the cloud, use a {@link CloudStoreName}.
   */
  readonly settings: Readonly<Record<string, "name" | "text" | "optional" | CloudStoreName>>;
  /** Packages of the distribution that the host tool needs to access the store. */
  readonly needs: readonly string[];
}

/** A setting that must be set, to a text that follows the naming rules of a cloud. */
export interface CloudStoreName {
  /** What matches the whole text. */
  readonly pattern: RegExp;
  /** What is allowed, for messages, e.g. `letters and digits`. */
  readonly allowed: string;
  /** What to do about another text, as one sentence, e.g. `Use "prod".` */
  readonly fix: string;
}

/** How machines of a cloud read their own instance facts: from the metadata service, which needs no permission. */
export interface InstanceFactSource {
  /** Name of the machine's tag (or label, or attribute) that holds a fact. */
  tagOf(fact: string): string;
  /** Bash functions that {@link lines} calls. They can use the programs that every image with cloud-init has, such as Python. */
  readonly functions: string;
  /**
   * Lines of a bash script that write the value of each fact to a file with its name in the directory `$facts`, or fail with a
   * sentence that names what is missing.
   */
  lines(facts: readonly string[]): readonly string[];
}

/** How machines fetch assets from one location. */
export interface AssetSource {
  /** Packages of the distribution that the command needs. */
  readonly needs: readonly string[];
  /** A bash command line that fetches the asset `"$1"` to the file `"$2"`. */
  readonly command: string;
}
