import type * as consul from "../constructs/consul/generated/config-entries";
import { isOfPartition, isSameTenancy } from "../constructs/consul/tenancy";
import { configEntries, type World } from "../constructs/model/config-entries";
import type { MeshDocuments } from "../lab/apply/documents";
import { Peerings } from "./peerings";
import { datacenterOf, isOfPartitionOnly, partitionPlaceOf, tenancyOf } from "./tenancies";

/**
 * The config entries of an app, by datacenter; the one that needs no name is `""`. Datacenters that are not peers are joined by
 * WAN federation: their entries are replicated, so that an entry of one holds in those that do not say otherwise.
 */
export function worldOf(documents: MeshDocuments, peerings = new Peerings(documents)): World {
  const { jobs, entries, catalog } = documents;
  const own = entries.filter((document) => !isOfPartitionOnly(document));
  const names = new Set([...jobs, ...own, ...catalog].map(({ datacenter }) => datacenter));
  const federatedWith = (name: string | undefined) =>
    [...names].filter((it) => it === name || !peerings.arePeers(it, name));
  const isReplicated = (name: string | undefined, other: string | undefined) =>
    datacenterOf(other) !== datacenterOf(name) && isSameTenancy(tenancyOf(other), tenancyOf(name));
  const byDatacenter = [...names].map((name): [string, ReturnType<typeof configEntries>] => {
    const shared = partitionPlaceOf(name);
    const own = entries.filter(
      ({ datacenter, entry }) => datacenter === name || (datacenter === shared && isOfPartition(entry.Kind)),
    );
    const replicated = federatedWith(name).flatMap((other) =>
      isReplicated(name, other) ? entries.filter(({ datacenter }) => datacenter === other) : [],
    );
    return [name ?? "", configEntries(withSourcesMerged([...own, ...replicated].map(({ entry }) => entry)))];
  });
  return {
    entries: new Map(byDatacenter),
    federated: [...names].map((name) => federatedWith(name).map((it) => datacenterOf(it) ?? "")),
  };
}

/** Intentions are looked up by source: what one entry does not say of a source may be said by another of the same name. */
function withSourcesMerged(entries: readonly consul.ConfigEntry[]): consul.ConfigEntry[] {
  const intentions = new Map<string, consul.ServiceIntentionsConfigEntry>();
  const others: consul.ConfigEntry[] = [];
  for (const entry of entries) {
    if (entry.Kind !== "service-intentions") {
      others.push(entry);
      continue;
    }
    const { Name = "", Sources } = entry;
    const earlier = intentions.get(Name);
    intentions.set(Name, earlier ? { ...earlier, Sources: [...(earlier.Sources ?? []), ...(Sources ?? [])] } : entry);
  }
  return [...others, ...intentions.values()];
}
