import type * as consul from "./generated/config-entries";

/** Who of another cluster may reach a service. */
export interface PeerAccess {
  readonly destination: string;
  /** Cluster of the source, where that is another one. */
  readonly peer?: string;
}

/**
 * What is made known to peered clusters: each service that lets in somebody from there.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/exported-services
 */
export function renderExportedServices(
  accesses: readonly PeerAccess[],
): Omit<consul.ExportedServicesConfigEntry, "Kind" | "Name"> | undefined {
  const peersOf = new Map<string, Set<string>>();
  for (const { destination, peer } of accesses) {
    if (peer !== undefined) {
      peersOf.set(destination, (peersOf.get(destination) ?? new Set()).add(peer));
    }
  }
  if (peersOf.size === 0) {
    return undefined;
  }
  return {
    Services: [...peersOf].map(([Name, peers]) => ({ Name, Consumers: [...peers].map((Peer) => ({ Peer })) })),
  };
}
