import type * as consul from "../consul/generated/config-entries";
import { placeOfName } from "./place-name";

/** The config entries of one Consul datacenter; with Consul Enterprise, of one namespace of a partition, including those of the partition. */
export interface ConfigEntries {
  /** Returns the entry of this kind and name, if it exists. Names are not case-sensitive, as in Consul. */
  find<Kind extends ConfigEntryKind>(kind: Kind, name: string): ConfigEntryOf<Kind> | undefined;
}

/** `service-defaults`, `service-intentions` and so on. */
export type ConfigEntryKind = consul.ConfigEntry["Kind"];
/** The type of the entries of a kind. */
export type ConfigEntryOf<Kind extends ConfigEntryKind> = Extract<consul.ConfigEntry, Record<"Kind", Kind>>;

/** Creates a lookup for a list of entries. Of two entries with the same kind and name, the first one is used. */
export function configEntries(entries: Iterable<consul.ConfigEntry>): ConfigEntries {
  const byKey = new Map<string, consul.ConfigEntry>();
  for (const entry of entries) {
    // Consul has one entry of the kind `mesh`, with this name.
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

/** The config entries of all known datacenters. */
export interface World {
  /**
   * By datacenter. A cluster peer has the name of its datacenter. Datacenters that are missing here belong to another team. With Consul
   * Enterprise, by the name of the place: see {@link placeName}.
   */
  readonly entries: ReadonlyMap<string, ConfigEntries>;
  /**
   * Datacenters that are joined by WAN federation: they are one cluster, whose services refer to each other by name and
   * datacenter. All others are cluster peers of each other.
   *
   * @default none
   */
  readonly federated?: readonly (readonly string[])[];
}

/** Whether the datacenters of two places are the same, or belong to one WAN federation. */
export function areOneCluster({ federated = [] }: World, left: string, right: string): boolean {
  const [one, other] = [left, right].map((name) => placeOfName(name).datacenter);
  return one === other || federated.some((names) => names.includes(one) && names.includes(other));
}

function keyOf(kind: string, name: string): string {
  return `${kind}/${name.toLowerCase()}`;
}
