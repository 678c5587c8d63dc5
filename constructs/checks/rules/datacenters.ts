import { peerName, type Cluster } from "../../model/cluster";
import type { MemberRecord, Reference } from "../../model/records";
import type { Snapshot } from "../../model/snapshot";
import { referencesOf } from "../../model/traffic";
import type { Check } from "../check";
import { closestTo } from "../../core/closest";
import { describePath } from "../../core/errors";
import { once, upstreamsIn } from "./records";
import { isToken } from "../../core/token";

const datacenterWithoutGateway: Check = {
  id: "datacenter-without-gateway",
  reason: "Traffic between datacenters goes through mesh gateways; without one, connections time out.",
  level: "error",
  *find({ graph }) {
    const own = graph.clusters
      .filter(({ gateways }) => gateways.some(({ gatewayKind }) => gatewayKind === "mesh gateway"))
      .flatMap(({ datacenter }) => datacenter ?? []);
    const knownIn = new Map(
      graph.clusters.map((cluster) => {
        const named = cluster.meshes.flatMap(({ gatewayDatacenters }) => gatewayDatacenters);
        return [cluster, [...new Set([...own, ...named])]];
      }),
    );
    for (const way of waysIn(graph)) {
      const { cluster } = way;
      // The check `federation-without-gateway` looks at the datacenters of a federation of this app.
      if (cluster.federated.some(({ datacenter }) => datacenter === way.datacenter)) {
        continue;
      }
      // In a federation, the gateway of the cluster's own datacenter is not required, because it may be unknown to the app.
      const federated = way.datacenter === cluster.datacenter ? [] : [way.datacenter];
      // Only the other app knows whether its cluster has a gateway.
      const needed = way.isForeign
        ? [cluster.datacenter]
        : way.peer === undefined
          ? federated
          : [cluster.datacenter, way.peer.datacenter];
      const known = knownIn.get(cluster) ?? [];
      for (const datacenter of needed.filter((it) => it !== undefined)) {
        if (!known.includes(datacenter)) {
          yield {
            at: way.at,
            problem:
              datacenter === cluster.datacenter
                ? `${way.what} leaves the datacenter "${datacenter}", which has no mesh gateway.`
                : `${way.what} goes to the datacenter "${datacenter}", which has no mesh gateway.`,
            fix: `${closestTo(datacenter, known)} Add a mesh gateway there. If another app runs one, add the datacenter to gatewayDatacenters of the mesh.`,
          };
        }
      }
    }
  },
};

const ruleAcrossDatacenters: Check = {
  id: "rule-across-datacenters",
  reason: "Splits, routes and gateways can only refer to services of the same Consul datacenter.",
  level: "error",
  *find({ graph }) {
    for (const { at, cluster, what, destination, peer, datacenter = peer?.datacenter, isDirect } of waysIn(graph)) {
      if (isDirect && datacenter !== undefined && datacenter !== cluster.datacenter) {
        const name = `${destination}-${datacenter}`;
        yield {
          at,
          problem: `${what} goes to ${destination}, which is in the datacenter "${datacenter}".`,
          fix: `Add a virtual service to ${describePath(cluster.meshes[0].key)}, addVirtualService("${name}", { redirect: Redirect.to(…) }), and use that.`,
        };
      }
    }
  },
};

const unnamedDatacenter: Check = {
  id: "unnamed-datacenter",
  reason: "Meshes with the same datacenter are in the same Consul cluster, so each needs its datacenter.",
  level: "error",
  *find({ graph }) {
    for (const { at, cluster, other, what, destination } of waysIn(graph)) {
      const unnamed = [cluster, other].find((it) => it !== undefined && it.datacenter === undefined);
      const named = [cluster, other].find((it) => it?.datacenter !== undefined);
      if (other !== undefined && other !== cluster && unnamed !== undefined && named !== undefined) {
        yield {
          at,
          problem: `${what} goes to ${destination}, but only ${describePath(named.meshes[0].key)} sets its datacenter.`,
          fix: `Set the datacenter of ${describePath(unnamed.meshes[0].key)} too.`,
        };
      }
    }
  },
};

const sharedStack: Check = {
  id: "two-datacenters-in-one-stack",
  reason: "A stack has one Consul provider, so all of its resources go to one datacenter.",
  level: "error",
  *find({ graph }) {
    const owners = new Map<string, Cluster>();
    for (const cluster of graph.clusters) {
      for (const stack of new Set([...cluster.meshes, ...cluster.members].map(({ origin }) => origin.stack))) {
        const owner = owners.get(stack);
        if (owner !== undefined && peerName(owner, cluster) !== undefined) {
          yield {
            at: cluster.meshes[0].key,
            problem: `Its datacenter is "${cluster.datacenter ?? ""}", but that of ${describePath(owner.meshes[0].key)} in the same stack is "${owner.datacenter ?? ""}".`,
            fix: "Use a separate stack for each datacenter.",
          };
        }
        owners.set(stack, owner ?? cluster);
      }
    }
  },
};

const federationWithoutGateway: Check = {
  id: "federation-without-gateway",
  reason: "In a WAN federation, Consul's servers reach the other datacenters only through mesh gateways.",
  level: "error",
  *find({ graph }) {
    const hasGateway = ({ gateways, datacenter, meshes }: Cluster) =>
      gateways.some(({ gatewayKind }) => gatewayKind === "mesh gateway") ||
      meshes.some(({ gatewayDatacenters }) => gatewayDatacenters.some((it) => it === datacenter));
    for (const cluster of graph.clusters) {
      const { datacenter, primaryDatacenter } = cluster;
      if (primaryDatacenter !== undefined && datacenter !== undefined && !hasGateway(cluster)) {
        yield {
          at: cluster.meshes[0].key,
          problem: `Its datacenter "${datacenter}" is in the WAN federation of "${primaryDatacenter}", but has no mesh gateway.`,
          fix: "Add one with addMeshGateway. If another app runs one, add the datacenter to gatewayDatacenters of the mesh.",
        };
      }
    }
  },
};

const entryInSecondary: Check = {
  id: "entry-in-secondary",
  reason: "The primary datacenter of a WAN federation owns all config entries; the others have copies.",
  level: "error",
  *find({ graph }) {
    for (const emission of graph.emissions) {
      const { subject, origin } = emission;
      const cluster = graph.clusterOfStack(origin.stack);
      if (cluster === undefined || cluster === cluster.entryHome || "job" in subject) {
        continue;
      }
      if (graph.contentOf(emission) !== undefined) {
        const primary = describePath(cluster.entryHome.meshes[0].key);
        yield {
          at: origin.path,
          problem: `The config entry ${subject.entry.kind}/${subject.entry.name} is in a stack of the datacenter "${cluster.datacenter ?? ""}", but ${cluster.primaryDatacenter ?? ""} is the primary.`,
          fix: `Create ${primary} before the meshes of other datacenters. Put entries that you write manually in its stack.`,
        };
      }
    }
  },
};

const federatedEntry: Check = {
  id: "different-entries-in-federation",
  reason: "Services of the same name in a WAN federation share their config entries.",
  level: "error",
  *find({ graph }) {
    for (const { entry, owner, other } of graph.differentEntries()) {
      yield {
        at: other.path,
        problem: `Its config entry ${entry.kind}/${entry.name} differs from that of ${describePath(owner.path)} in the same WAN federation.`,
        fix: "Set the same options for both, or set the options of traffic rules only in the primary datacenter.",
      };
    }
  },
};

const datacenterName: Check = {
  id: "datacenter-name",
  reason: "Names of datacenters are lower case in Consul, and names of peers must be valid DNS labels.",
  level: "error",
  *find({ graph }) {
    const reported = new Set<string>();
    for (const [at, kind, name] of placesNamedIn(graph)) {
      const isFit = kind === "datacenter" ? /^[a-z0-9_-]{1,63}$/ : /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;
      if (!isToken(name) && !isFit.test(name) && !reported.has(name)) {
        reported.add(name);
        yield {
          at,
          problem: `"${name}" cannot be the name of a ${kind}.`,
          fix: "Use lower-case letters, digits and dashes, at most 63 characters, no dash at either end.",
        };
      }
    }
  },
};

/** Yields the names of datacenters and peers, and where they are used. */
function* placesNamedIn(graph: Snapshot): Iterable<[at: string, kind: "datacenter" | "peer", name: string]> {
  for (const { instances, upstream } of upstreamsIn(graph)) {
    const { datacenter, peer } = upstream.destination;
    if (datacenter !== undefined || peer !== undefined) {
      yield* placesOf(instances.key, upstream.destination);
    }
  }
  for (const cluster of graph.clusters) {
    for (const mesh of cluster.meshes) {
      yield* placesOf(mesh.key, { datacenter: mesh.datacenter });
    }
    for (const owner of graph.ruleOwnersOf(cluster)) {
      for (const reference of referencesOf(owner, graph.trafficOf(owner))) {
        yield* placesOf(owner.key, reference);
      }
    }
    for (const { origin, source } of cluster.intentions) {
      if (source.datacenter !== undefined || source.peer !== undefined) {
        yield* placesOf(origin.path, source);
      }
    }
  }
}

function* placesOf(
  at: string,
  { datacenter, peer }: Pick<Reference, "datacenter" | "peer">,
): Iterable<[at: string, kind: "datacenter" | "peer", name: string]> {
  if (datacenter !== undefined) {
    yield [at, "datacenter", datacenter];
  }
  if (peer !== undefined) {
    yield [at, "peer", peer];
  }
}

/** A connection from a cluster to a service, which can be in another datacenter. */
interface Way {
  /** Path of the construct. */
  readonly at: string;
  readonly cluster: Cluster;
  /** What makes the connection, as the beginning of a sentence. */
  readonly what: string;
  readonly destination: string;
  /** The cluster of the destination, if it was given. */
  readonly other: Cluster | undefined;
  /** The cluster of the destination, if it is another datacenter that is connected by peering. */
  readonly peer: Cluster | undefined;
  /** Whether the destination is in the mesh of another app. */
  readonly isForeign: boolean;
  /** The datacenter of a WAN federation, if one is named. */
  readonly datacenter: string | undefined;
  /** Whether Consul does not support a peer here. */
  readonly isDirect: boolean;
}

/** Connections that leave a cluster or name a datacenter. These checks ignore connections within one cluster. */
const waysIn = once((graph): readonly Way[] => {
  const ways = new Map(graph.clusters.map((cluster): [Cluster, Way[]] => [cluster, []]));
  const add = (at: string, cluster: Cluster, reference: Reference, what: () => string, isDirect = false): void => {
    const { service, member, datacenter } = reference;
    const given: MemberRecord | undefined = member === undefined ? undefined : graph.data.members.get(member);
    const other = given && graph.home(given);
    const isForeign = given?.kind === "imported service" && reference.peer !== undefined;
    if (isForeign || datacenter !== undefined || (other !== undefined && other !== cluster)) {
      const isPeer = datacenter === undefined && peerName(other, cluster) !== undefined;
      const peer = isPeer ? other : undefined;
      const destination = service;
      ways.get(cluster)?.push({ at, cluster, what: what(), destination, other, peer, isForeign, datacenter, isDirect });
    }
  };
  for (const { instances, upstream, cluster } of upstreamsIn(graph)) {
    const { destination } = upstream;
    // In a WAN federation, sidecars can reach each other without a gateway.
    if (destination.datacenter === undefined) {
      add(instances.key, cluster, destination, () => `The upstream ${destination.service}`);
    }
  }
  for (const cluster of graph.clusters) {
    for (const owner of graph.ruleOwnersOf(cluster)) {
      for (const { kind, ...reference } of referencesOf(owner, graph.trafficOf(owner))) {
        const what = () => `The ${kind} of ${owner.name}`;
        add(owner.key, cluster, reference, what, kind === "split" || kind === "route");
      }
    }
    for (const gateway of cluster.gateways) {
      for (const target of graph.routesOf(gateway.key).flatMap(({ targets }) => targets)) {
        add(gateway.key, cluster, target, () => "Its route", true);
      }
    }
  }
  return [...ways.values()].flat();
});

export const datacenterChecks: readonly Check[] = [
  datacenterWithoutGateway,
  ruleAcrossDatacenters,
  unnamedDatacenter,
  sharedStack,
  federationWithoutGateway,
  entryInSecondary,
  federatedEntry,
  datacenterName,
];
