import { Token } from "cdktf";
import { peerName, type Cluster } from "../../model/cluster";
import type { MemberRecord, Reference } from "../../model/records";
import type { Snapshot } from "../../model/snapshot";
import { referencesOf } from "../../model/traffic";
import type { Check } from "../check";
import { closestTo } from "../../core/closest";
import { describePath } from "../../core/errors";
import { upstreamsIn } from "./records";

const datacenterWithoutGateway: Check = {
  id: "datacenter-without-gateway",
  reason: "Between datacenters traffic goes through mesh gateways; without one, the way ends in a timeout.",
  level: "error",
  *find({ graph }) {
    const withGateway = graph.clusters.filter(({ gateways }) =>
      gateways.some(({ gatewayKind }) => gatewayKind === "mesh gateway"),
    );
    for (const { cluster, ...way } of waysIn(graph)) {
      // A federation's own datacenter is taken on trust: it may have a gateway that the app does not know.
      const federated = way.datacenter === cluster.datacenter ? [] : [way.datacenter];
      // Whether the cluster of another app has one, that app knows.
      const needed = way.isForeign
        ? [cluster.datacenter]
        : way.peer === undefined
          ? federated
          : [cluster.datacenter, way.peer.datacenter];
      const named = cluster.meshes.flatMap(({ gatewayDatacenters }) => gatewayDatacenters);
      for (const datacenter of needed.filter((it) => it !== undefined)) {
        const known = [...new Set([...withGateway.flatMap((it) => it.datacenter ?? []), ...named])];
        if (!known.includes(datacenter)) {
          yield {
            at: way.at,
            problem:
              datacenter === cluster.datacenter
                ? `${way.what} leads out of the datacenter "${datacenter}", which no mesh gateway leads out of.`
                : `${way.what} leads to the datacenter "${datacenter}", which no mesh gateway reaches.`,
            fix: `${closestTo(datacenter, known)} Add a mesh gateway there; one that others run is named in the mesh's gatewayDatacenters.`,
          };
        }
      }
    }
  },
};

const ruleAcrossDatacenters: Check = {
  id: "rule-across-datacenters",
  reason: "Consul's splits, routes and gateways name services of their own cluster only.",
  level: "error",
  *find({ graph }) {
    for (const { at, cluster, what, destination, peer, isDirect } of waysIn(graph)) {
      if (isDirect && peer !== undefined) {
        const name = `${destination}-${peer.datacenter ?? ""}`;
        yield {
          at,
          problem: `${what} leads to ${destination}, which is in the datacenter "${peer.datacenter ?? ""}".`,
          fix: `Give ${describePath(cluster.meshes[0].key)} a name for it, addVirtualService("${name}", { redirect: Redirect.to(…) }), and lead there.`,
        };
      }
    }
  },
};

const unnamedDatacenter: Check = {
  id: "unnamed-datacenter",
  reason: "Whether two meshes are one cluster or two is told by their datacenters.",
  level: "error",
  *find({ graph }) {
    for (const { at, cluster, other, what, destination } of waysIn(graph)) {
      const unnamed = [cluster, other].find((it) => it !== undefined && it.datacenter === undefined);
      const named = [cluster, other].find((it) => it?.datacenter !== undefined);
      if (other !== undefined && other !== cluster && unnamed !== undefined && named !== undefined) {
        yield {
          at,
          problem: `${what} leads to ${destination}, and only ${describePath(named.meshes[0].key)} says in which datacenter it is.`,
          fix: `Give ${describePath(unnamed.meshes[0].key)} its datacenter too.`,
        };
      }
    }
  },
};

const sharedStack: Check = {
  id: "two-datacenters-in-one-stack",
  reason: "A stack has one Consul provider, so all that is in it goes to one datacenter.",
  level: "error",
  *find({ graph }) {
    const owners = new Map<string, Cluster>();
    for (const cluster of graph.clusters) {
      for (const stack of new Set([...cluster.meshes, ...cluster.members].map(({ origin }) => origin.stack))) {
        const owner = owners.get(stack);
        if (owner !== undefined && peerName(owner, cluster) !== undefined) {
          yield {
            at: cluster.meshes[0].key,
            problem: `It is of the datacenter "${cluster.datacenter ?? ""}", and ${describePath(owner.meshes[0].key)} in the same stack is of "${owner.datacenter ?? ""}".`,
            fix: "Give each datacenter a stack of its own.",
          };
        }
        owners.set(stack, owner ?? cluster);
      }
    }
  },
};

const datacenterName: Check = {
  id: "datacenter-name",
  reason: "Consul writes its datacenters in lower case, and refuses a peer by a name that DNS would not take.",
  level: "error",
  *find({ graph }) {
    const reported = new Set<string>();
    for (const [at, kind, name] of placesNamedIn(graph)) {
      const isFit = kind === "datacenter" ? /^[a-z0-9_-]{1,63}$/ : /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;
      if (!Token.isUnresolved(name) && !isFit.test(name) && !reported.has(name)) {
        reported.add(name);
        yield {
          at,
          problem: `"${name}" cannot be the name of a ${kind}.`,
          fix: "Use lower-case letters, digits and dashes, at most 63, no dash at either end.",
        };
      }
    }
  },
};

/** The datacenters and peers that are named, and where. */
function* placesNamedIn(graph: Snapshot): Iterable<[at: string, kind: "datacenter" | "peer", name: string]> {
  const ofUpstreams = upstreamsIn(graph).map(
    ({ instances, upstream }) => [instances.key, upstream.destination] as const,
  );
  for (const cluster of graph.clusters) {
    const named: readonly (readonly [string, Pick<Reference, "datacenter" | "peer">])[] = [
      ...(cluster === graph.clusters[0] ? ofUpstreams : []),
      ...cluster.meshes.map((mesh) => [mesh.key, { datacenter: mesh.datacenter }] as const),
      ...cluster.trafficOwners.flatMap((owner) =>
        referencesOf(owner, graph.trafficOf(owner)).map((reference) => [owner.key, reference] as const),
      ),
      ...cluster.intentions.map(({ origin, source }) => [origin.path, source] as const),
    ];
    for (const [at, { datacenter, peer }] of named) {
      yield* datacenter === undefined ? [] : ([[at, "datacenter", datacenter]] as const);
      yield* peer === undefined ? [] : ([[at, "peer", peer]] as const);
    }
  }
}

/** One thing that leads from a cluster to a service, to another datacenter perhaps. */
interface Way {
  /** Path of the construct. */
  readonly at: string;
  readonly cluster: Cluster;
  /** What leads there, as the beginning of a sentence. */
  readonly what: string;
  readonly destination: string;
  /** The destination's cluster, as far as it was given. */
  readonly other: Cluster | undefined;
  /** The same, if it is of another datacenter that is joined by peering. */
  readonly peer: Cluster | undefined;
  /** Whether it leads to the mesh of another app. */
  readonly isForeign: boolean;
  /** A datacenter of a WAN federation that is named. */
  readonly datacenter: string | undefined;
  /** Whether Consul has no word for a peer there. */
  readonly isDirect: boolean;
}

function* waysIn(graph: Snapshot): Iterable<Way> {
  for (const cluster of graph.clusters) {
    const way = (at: string, what: string, reference: Reference, isDirect: boolean): Way => {
      const { service, member, datacenter } = reference;
      const given: MemberRecord | undefined = member === undefined ? undefined : graph.data.members.get(member);
      const other = given && graph.home(given);
      const isPeer = datacenter === undefined && peerName(other, cluster) !== undefined;
      const isForeign = given?.kind === "imported service" && reference.peer !== undefined;
      const peer = isPeer ? other : undefined;
      return { at, cluster, what, destination: service, other, peer, isForeign, datacenter, isDirect };
    };
    for (const { instances, upstream, cluster: own } of upstreamsIn(graph)) {
      const { destination } = upstream;
      // In a WAN federation sidecars may reach each other by themselves.
      if (own === cluster && destination.datacenter === undefined) {
        yield way(instances.key, `The upstream ${destination.service}`, destination, false);
      }
    }
    for (const owner of cluster.trafficOwners) {
      for (const { kind, ...reference } of referencesOf(owner, graph.trafficOf(owner))) {
        yield way(owner.key, `The ${kind} of ${owner.name}`, reference, kind === "split" || kind === "route");
      }
    }
    for (const gateway of cluster.gateways) {
      for (const target of graph.routesOf(gateway.key).flatMap(({ targets }) => targets)) {
        yield way(gateway.key, "Its route", target, true);
      }
    }
  }
}

export const datacenterChecks: readonly Check[] = [
  datacenterWithoutGateway,
  ruleAcrossDatacenters,
  unnamedDatacenter,
  sharedStack,
  datacenterName,
];
