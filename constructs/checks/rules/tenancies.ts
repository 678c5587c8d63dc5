import { partitionOf, DEFAULT_NAME } from "../../consul/tenancy";
import { areOtherPartitions, peerName, type Cluster } from "../../model/cluster";
import type { Reference } from "../../model/records";
import type { Snapshot } from "../../model/snapshot";
import { referencesOf } from "../../model/traffic";
import type { Check } from "../check";
import { describePath } from "../../core/errors";
import { once, upstreamsIn } from "./records";

const partitionWithoutGateway: Check = {
  id: "partition-without-gateway",
  reason:
    "With a mesh gateway in the partition of the source, traffic to other partitions goes through it to a gateway of the other partition.",
  level: "error",
  *find({ graph }) {
    const ways = waysBetween(graph);
    const served = new Set(ways.length === 0 ? [] : graph.clusters.flatMap(servedByGateway));
    for (const { at, what, cluster, other } of ways) {
      if (areOtherPartitions(cluster, other) && served.has(cluster) && !served.has(other)) {
        yield {
          at,
          problem: `${what} goes to the partition "${partitionOf(other.tenancy)}", which has no mesh gateway, and that of the source has one.`,
          fix: `Add a mesh gateway to ${describePath(other.meshes[0].key)}. If another app runs one there, silence(…, "partition-without-gateway", "who runs it").`,
        };
      }
    }
  },
};

const partitionAcrossDatacenters: Check = {
  id: "partition-across-datacenters",
  reason: "Cluster peerings belong to a partition, and those that Meshform expects join the default ones.",
  level: "error",
  *find({ graph }) {
    for (const { at, what, cluster, other } of waysBetween(graph)) {
      const outside = [cluster, other].find(({ tenancy }) => partitionOf(tenancy) !== DEFAULT_NAME);
      if (outside !== undefined && peerName(other, cluster) !== undefined) {
        yield {
          at,
          problem: `${what} goes to another datacenter, and ${describePath(outside.meshes[0].key)} is in the partition "${partitionOf(outside.tenancy)}".`,
          fix: "Connect the default partitions of the two datacenters. Their namespaces can differ.",
        };
      }
    }
  },
};

/** Returns the clusters of the partition of a mesh gateway. */
function servedByGateway({ gateways, partitionMates }: Cluster): readonly Cluster[] {
  return gateways.some(({ gatewayKind }) => gatewayKind === "mesh gateway") ? partitionMates : [];
}

/** A connection or rule that leads from one cluster of the app to another one. */
interface WayBetween {
  /** Path of the construct. */
  readonly at: string;
  /** What leads there, as the beginning of a sentence. */
  readonly what: string;
  readonly cluster: Cluster;
  readonly other: Cluster;
}

const waysBetween = once((graph): readonly WayBetween[] =>
  graph.clusters.every(({ datacenterMates, peers }) => datacenterMates.length === 1 && peers.size === 0)
    ? []
    : [...waysIn(graph)],
);

function* waysIn(graph: Snapshot): Iterable<WayBetween> {
  function* to(cluster: Cluster, at: string, what: string, { member }: Reference): Iterable<WayBetween> {
    const given = member === undefined ? undefined : graph.data.members.get(member);
    const other = given && graph.home(given);
    if (other !== undefined && other !== cluster) {
      yield { at, what, cluster, other };
    }
  }
  for (const { cluster, instances, upstream } of upstreamsIn(graph)) {
    const { destination } = upstream;
    yield* to(cluster, instances.key, `The upstream ${destination.service}`, destination);
  }
  for (const cluster of graph.clusters) {
    for (const owner of graph.ruleOwnersOf(cluster)) {
      for (const reference of referencesOf(owner, graph.trafficOf(owner))) {
        yield* to(cluster, owner.key, `The ${reference.kind} of ${owner.name}`, reference);
      }
    }
    for (const { key } of cluster.gateways) {
      for (const target of graph.routesOf(key).flatMap(({ targets }) => targets)) {
        yield* to(cluster, key, "Its route", target);
      }
    }
  }
}

export const tenancyChecks: readonly Check[] = [partitionWithoutGateway, partitionAcrossDatacenters];
