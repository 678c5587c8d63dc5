import { ANY_SERVICE } from "../../consul/service-intentions";
import { isTrafficOwner, placeSeenFrom, sourceKeyOf, type Cluster } from "../../model/cluster";
import type { IntentionRecord, MemberRecord, Reference, VirtualServiceRecord } from "../../model/records";
import type { Snapshot } from "../../model/snapshot";
import { contradictionOf } from "../../model/upstream";
import type { Check } from "../check";
import { closestAmong } from "../../core/closest";
import { describePath } from "../../core/errors";
import { allocationsIn, linksIn, upstreamsIn } from "./records";

const unknownService: Check = {
  id: "unknown-service",
  reason: "Consul accepts any name for an upstream or a source, also a misspelled one, which has no instances.",
  level: "error",
  *find({ graph }) {
    const leadingNowhere = linksIn(graph).filter(({ destination }) => destination === undefined);
    for (const cluster of graph.clusters) {
      const services = cluster.members.filter(({ kind }) => kind !== "gateway");
      const closestService = closestAmong(services.map(({ name }) => name));
      const closestMember = closestAmong(cluster.members.map(({ name }) => name));
      for (const { at, destinationName, cluster: own } of leadingNowhere) {
        if (own === cluster) {
          yield {
            at,
            problem: `It connects to "${destinationName}", which is not a service of this mesh.`,
            fix: `${closestService(destinationName)} For a service of another team, use MeshService.fromServiceName.`,
          };
        }
      }
      for (const { origin, source } of cluster.intentions) {
        const isHere = source.peer === undefined && source.tenancy === undefined;
        const isNamed = source.member === undefined && source.service !== ANY_SERVICE && isHere;
        const isUnknown = isNamed && cluster.find(source.service) === undefined;
        if (isUnknown && graph.importedService(source.service) === undefined) {
          yield {
            at: origin.path,
            problem: `It allows "${source.service}", which is not a service of this mesh.`,
            fix: `${closestMember(source.service)} For a service of another team, use MeshService.fromServiceName.`,
          };
        }
      }
      for (const { origin, source, destination: name, isGiven } of cluster.intentions) {
        const destination = cluster.find(name);
        if (isGiven !== true && destination?.kind === "virtual service" && endsAtGiven(graph, destination)) {
          yield {
            at: origin.path,
            problem: `It allows ${source.service} to reach ${name}, whose config entries are written manually, so no intention is rendered for it.`,
            fix: `Use addUpstream, and write service-intentions/${name} manually; or declare the service with addVirtualService or MeshService.fromServiceName.`,
          };
        }
      }
    }
  },
};

const upstreamWithoutIntention: Check = {
  id: "upstream-without-intention",
  reason: "The mesh denies by default, so connections to an upstream without an intention are refused.",
  level: "error",
  *find({ graph }) {
    const admitted = new Map(graph.clusters.map((cluster) => [cluster, pairsOf(cluster, false)]));
    const refused = new Map(graph.clusters.map((cluster) => [cluster, pairsOf(cluster, true)]));
    for (const { cluster, at, sourceName, destination, isRoute, isOfMany } of linksIn(graph)) {
      const home = destination && graph.home(destination);
      if (destination === undefined || home === undefined || isOfMany === true) {
        continue; // Either unknown, which another check reports, or in another team's app, which defines its own intentions.
      }
      const place = placeSeenFrom(home, cluster);
      const sources = admitted.get(home);
      const { name } = destination;
      const denied = refused.get(home);
      const pairs =
        denied?.has({ ...place, service: sourceName }, name) === true
          ? []
          : [name, ANY_SERVICE].flatMap((to) => [sourceName, ANY_SERVICE].map((from) => [from, to] as const));
      if (!pairs.some(([from, to]) => sources?.has({ ...place, service: from }, to) === true)) {
        yield {
          at,
          problem: `It ${isRoute ? "routes" : "has an upstream"} to ${destination.name}, but no intention allows it.`,
          fix: `Use connectTo, or allow it at ${describePath(destination.key)} with allowFrom.`,
        };
      }
    }
  },
};

const intentionWithoutUpstream: Check = {
  id: "intention-without-upstream",
  reason: "Access that is not used is an unnecessary risk.",
  level: "error",
  *find({ graph }) {
    const connected = connectedIn(graph);
    for (const cluster of graph.clusters) {
      for (const { origin, source, destination, isDenied } of cluster.intentions) {
        const from = sourceOf(graph, cluster, source);
        if (
          from === undefined ||
          isDenied === true ||
          destination === ANY_SERVICE ||
          source.service === ANY_SERVICE ||
          reachesByItself(graph, from) ||
          connected.get(cluster)?.has(source, destination)
        ) {
          continue;
        }
        yield from.kind === "gateway"
          ? {
              at: origin.path,
              problem: `The ${from.gatewayKind} ${from.name} can reach ${destination}, but has no route to it.`,
              fix: "Use connectTo, add a route with addRoute, or remove the intention.",
            }
          : {
              at: origin.path,
              problem: `${from.name} can reach ${destination}, but has no upstream to it.`,
              fix: "Use connectTo, add the upstream with addUpstream, or remove the intention.",
            };
      }
    }
  },
};

/** Returns the source of an intention, if it is in the app. */
function sourceOf(
  graph: Snapshot,
  cluster: Cluster,
  { member, service, peer, tenancy }: IntentionRecord["source"],
): MemberRecord | undefined {
  const given = member === undefined ? undefined : graph.data.members.get(member);
  // A member of another team is looked up by its name, because the app may contain it too.
  if (given !== undefined && given.kind !== "imported service") {
    return given;
  }
  return peer === undefined ? graph.clusterAt(cluster, tenancy)?.find(service) : undefined;
}

const nativeWithLocalBind: Check = {
  id: "native-with-local-bind",
  reason: "A Connect-native service has no sidecar that listens for its upstreams.",
  level: "error",
  *find({ graph }) {
    for (const { instances, upstream } of upstreamsIn(graph)) {
      const { localBindPort, destination } = upstream;
      if (instances.proxy === "native" && localBindPort !== undefined) {
        yield {
          at: instances.key,
          problem: `It is Connect native, so nothing listens on the local port ${localBindPort} for ${destination.service}.`,
          fix: "Omit localBindPort, or use a sidecar.",
        };
      }
    }
  },
};

const environmentClash: Check = {
  id: "environment-clash",
  reason: "A variable has one value, so one of the upstreams would not be found.",
  level: "error",
  *find({ graph }) {
    for (const allocation of allocationsIn(graph)) {
      const owners = new Map<string, string>();
      for (const instances of allocation) {
        for (const { options, destination } of graph.upstreamsOf(instances)) {
          if (options.env === undefined) {
            continue;
          }
          // Two services in different tasks have separate variables.
          const key = `${options.env}\n${instances.task ?? ""}`;
          const owner = owners.get(key);
          if (owner !== undefined) {
            yield {
              at: instances.key,
              problem: `The variable ${options.env} is set for both ${owner} and ${destination.service}.`,
              fix: "Use another env for one of the connections.",
            };
          }
          owners.set(key, destination.service);
        }
      }
    }
  },
};

const conflictingUpstream: Check = {
  id: "conflicting-upstream",
  reason: "An instance has each upstream once, so the options of a version must agree with those of its service.",
  level: "error",
  *find({ graph }) {
    for (const instances of graph.data.instances.values()) {
      const inherited = graph.inheritedUpstreamsOf(instances);
      for (const [id, own] of inherited.size === 0 ? [] : (graph.data.upstreams.get(instances.key) ?? [])) {
        const earlier = inherited.get(id);
        const contradiction = earlier && contradictionOf(earlier, own);
        if (contradiction !== undefined) {
          yield {
            at: instances.key,
            problem: `Its upstream ${own.destination.service}, which ${describePath(instances.inherits ?? "")} also declares, has ${contradiction}.`,
            fix: "Keep one of the two, or set inheritConnections: false.",
          };
        }
      }
    }
  },
};

const unreachableService: Check = {
  id: "unreachable-service",
  reason: "The mesh denies by default, so nothing can reach a service without intentions.",
  level: "warning",
  *find({ graph }) {
    for (const cluster of graph.clusters) {
      for (const { kind, key, name } of cluster.members) {
        const offering = kind === "service" ? graph.instancesOf(key).filter(({ port }) => port !== undefined) : [];
        const isPublished = offering.some(({ port, publish }) => publish !== undefined || typeof port === "string");
        if (offering.length > 0 && !isPublished && cluster.intentionsFor(name).every((it) => it.isDenied)) {
          yield {
            at: key,
            problem: `Nothing can reach ${name}: no intention allows a service, and it publishes no port.`,
            fix: "Connect a service to it with x.connectTo(…), allow one of another app with allowFrom(MeshService.fromServiceName(…)), or publish it.",
          };
        }
      }
    }
  },
};

/** Whether requests for a name end at instances of that name, which only config entries that are written manually name. */
function endsAtGiven(graph: Snapshot, owner: VirtualServiceRecord): boolean {
  return owner.isGiven === true && graph.destinationsOf(owner).some(({ service }) => service === owner.name);
}

/** Returns which sources are allowed or denied by name. It uses sets, because each upstream is looked up once. */
function pairsOf({ intentions, derivedIntentions }: Cluster, areDenied: boolean): Pairs {
  const pairs = new Pairs();
  for (const { source, destination, isDenied } of [...intentions, ...derivedIntentions]) {
    if ((isDenied === true) === areDenied) {
      pairs.add(source, destination);
    }
  }
  return pairs;
}

/**
 * Returns the connections to a service of each cluster, or to a name that leads to it. It uses sets, because each intention is
 * looked up once.
 */
function connectedIn(graph: Snapshot): ReadonlyMap<Cluster, Pairs> {
  const connected = new Map(graph.clusters.map((cluster) => [cluster, new Pairs()]));
  for (const { cluster, sourceName, destinationName, destination } of linksIn(graph)) {
    const end = (destination && graph.home(destination)) ?? cluster;
    connected.get(end)?.add({ ...placeSeenFrom(end, cluster), service: sourceName }, destinationName);
    const owner = end.find(destinationName);
    const isOwner = owner !== undefined && isTrafficOwner(owner);
    for (const { cluster: last, service } of isOwner ? graph.destinationsOf(owner) : []) {
      if (last !== end || service !== destinationName) {
        connected.get(last)?.add({ ...placeSeenFrom(last, cluster), service: sourceName }, service);
      }
    }
  }
  return connected;
}

/** Pairs of sources, as the cluster of the destination names them, and destinations. */
class Pairs {
  private readonly sources = new Map<string, Set<string>>();

  add(source: Reference, destination: string): void {
    const known = this.sources.get(destination) ?? new Set();
    this.sources.set(destination, known.add(sourceKeyOf(source)));
  }

  has(source: Reference, destination: string): boolean {
    return this.sources.get(destination)?.has(sourceKeyOf(source)) === true;
  }
}

/** Whether a member of the mesh is a service that can reach others without an upstream. */
function reachesByItself(graph: Snapshot, member: MemberRecord): boolean {
  if (member.kind !== "service") {
    return member.kind !== "gateway";
  }
  return graph.instancesOf(member.key).some(({ proxy, isTransparent }) => proxy === "native" || isTransparent);
}

export const connectionChecks: readonly Check[] = [
  unknownService,
  upstreamWithoutIntention,
  intentionWithoutUpstream,
  nativeWithLocalBind,
  environmentClash,
  conflictingUpstream,
  unreachableService,
];
