import type * as consul from "../constructs/consul/generated/config-entries";
import type * as nomad from "../constructs/nomad/generated/job";
import type { MeshDocuments } from "../lab/apply/documents";
import { datacenterOf } from "./tenancies";

/**
 * Which datacenters of an app are each other's cluster peers. A peer that bears the name of a datacenter of the same app is
 * that datacenter.
 */
export class Peerings {
  private readonly pairs: ReadonlySet<string>;

  constructor({ jobs, entries, catalog }: MeshDocuments) {
    const datacenters = new Set([...jobs, ...entries, ...catalog].map(({ datacenter }) => datacenterOf(datacenter)));
    const named = [
      ...jobs.map(({ datacenter, job }) => ({ datacenter, peers: peersOfJob(job) })),
      ...entries.map(({ datacenter, entry }) => ({ datacenter, peers: peersOfEntry(entry) })),
    ];
    this.pairs = new Set(
      named.flatMap(({ datacenter: here, peers }) =>
        peers
          .filter((peer) => here !== undefined && here !== peer && datacenters.has(peer))
          .flatMap((peer) => [keyOf(here, peer), keyOf(peer, here)]),
      ),
    );
  }

  /** Whether the two are datacenters of the app that know each other as peers. */
  arePeers(left: string | undefined, right: string | undefined): boolean {
    return this.pairs.has(keyOf(left, right));
  }
}

function peersOfJob({ TaskGroups }: nomad.Job): readonly (string | undefined)[] {
  return (TaskGroups ?? [])
    .flatMap(({ Services }) => Services ?? [])
    .flatMap(({ Connect }) => Connect?.SidecarService?.Proxy?.Upstreams ?? [])
    .map(({ DestinationPeer }) => DestinationPeer);
}

function peersOfEntry(entry: consul.ConfigEntry): readonly (string | undefined)[] {
  switch (entry.Kind) {
    case "service-intentions":
      return (entry.Sources ?? []).map(({ Peer }) => Peer);
    case "exported-services":
      return (entry.Services ?? []).flatMap(({ Consumers }) => Consumers ?? []).map(({ Peer }) => Peer);
    case "service-resolver": {
      const targets = Object.values(entry.Failover ?? {}).flatMap(({ Targets }) => Targets ?? []);
      return [entry.Redirect, ...targets].map((target) => target?.Peer);
    }
    default:
      return [];
  }
}

function keyOf(one: string | undefined, other: string | undefined): string {
  const [left, right] = [one, other].map((place) => datacenterOf(place));
  return JSON.stringify([left, right]);
}
