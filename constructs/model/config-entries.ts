import type * as consul from "../consul/generated/config-entries";

/** The config entries of one Consul datacenter. */
export interface ConfigEntries {
  /** The entry of this kind and name, if there is one. Names are compared as Consul does: without regard to case. */
  find<Kind extends ConfigEntryKind>(kind: Kind, name: string): ConfigEntryOf<Kind> | undefined;
}

/** `service-defaults`, `service-intentions` and so on. */
export type ConfigEntryKind = consul.ConfigEntry["Kind"];
/** The type of the entries of a kind. */
export type ConfigEntryOf<Kind extends ConfigEntryKind> = Extract<consul.ConfigEntry, Record<"Kind", Kind>>;

/** Looks entries up in a list. Of two with the same kind and name the first counts. */
export function configEntries(entries: Iterable<consul.ConfigEntry>): ConfigEntries {
  const byKey = new Map<string, consul.ConfigEntry>();
  for (const entry of entries) {
    // Consul knows one entry of the kind `mesh`, by this name.
    const key = keyOf(entry.Kind, "Name" in entry ? (entry.Name ?? "") : "mesh");
    if (!byKey.has(key)) {
      byKey.set(key, entry);
    }
  }
  return {
    find: <Kind extends ConfigEntryKind>(kind: Kind, name: string) =>
      byKey.get(keyOf(kind, name)) as ConfigEntryOf<Kind> | undefined,
  };
}

/** The config entries of all datacenters that are known. */
export interface World {
  /** By datacenter. A cluster peer has the name of its datacenter; one that is missing here belongs to somebody else. */
  readonly entries: ReadonlyMap<string, ConfigEntries>;
  /**
   * Datacenters that are joined by WAN federation: they are one cluster, whose services know each other by name and
   * datacenter. All others are each other's cluster peers.
   *
   * @default none
   */
  readonly federated?: readonly (readonly string[])[];
}

/** Whether two datacenters are one cluster. */
export function areOneCluster({ federated = [] }: World, left: string, right: string): boolean {
  return left === right || federated.some((names) => names.includes(left) && names.includes(right));
}

function keyOf(kind: string, name: string): string {
  return `${kind}/${name.toLowerCase()}`;
}
