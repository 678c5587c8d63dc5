import type * as consul from "./generated/config-entries";

/** A source that can reach a service, which can be in another cluster. */
export interface PeerAccess {
  readonly destination: string;
  /** Cluster of the source, if it is another one. */
  readonly peer?: string;
}

/**
 * Returns the exported services: every service that a source in a peered cluster can reach.
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
