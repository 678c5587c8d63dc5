import { isUnknown, knownEntries } from "../../core/collections";
import { Protocol } from "../../consul/protocol";
import { fitsAll } from "../../consul/service-router";
import { SubsetFilter } from "../../consul/subset-filter";
import type * as consul from "../../consul/generated/config-entries";
import { statedTenancy } from "../../consul/tenancy";
import { isTrafficOwner, sourceKeyOf, sourceSeenIn } from "../../model/cluster";
import { cyclesIn } from "../../model/cycles";
import type { GatewayRecord, MemberRecord, Reference, TrafficOwnerRecord } from "../../model/records";
import type { Snapshot } from "../../model/snapshot";
import { filterOf, referencesOf, type TrafficReference } from "../../model/traffic";
import { upstreamKey } from "../../model/upstream";
import { renderUpstreamPolicy } from "../../consul/upstream-config";
import type * as nomad from "../../nomad/generated/job";
import type { Check } from "../check";
import { closestAmong, closestTo } from "../../core/closest";
import { describePath } from "../../core/errors";
import { instancesIn, once } from "./records";
import { isToken } from "../../core/token";

const splitWeights: Check = {
  id: "split-weights",
  reason: "Consul accepts weights with two decimals, and they must sum to 100.",
  level: "error",
  *find({ graph }) {
    for (const owner of ownersIn(graph)) {
      const { splits } = graph.trafficOf(owner);
      const weights = (splits ?? []).map(({ weight }) => weight);
      if (weights.some(isUnknown)) {
        continue; // Consul computes the sum when the values are known.
      }
      const odd = weights.find((weight) => !(weight >= 0 && weight <= 100 && isHundredths(weight)));
      // In hundredths, because in floating-point arithmetic 33.3 + 33.3 + 33.4 is not exactly 100.
      const sum = weights.reduce((total, weight) => total + Math.round(weight * 100), 0) / 100;
      if (odd !== undefined) {
        yield {
          at: owner.key,
          problem: `A split of ${owner.name} has the weight ${odd}.`,
          fix: "Use percent, from 0 to 100, with at most two decimals.",
        };
      } else if (splits !== undefined && sum !== 100) {
        yield {
          at: owner.key,
          problem: `The weights of ${owner.name} sum to ${sum} (${weights.join(" + ")}).`,
          fix: "Make them sum to 100.",
        };
      }
    }
  },
};

const duplicateSplit: Check = {
  id: "duplicate-split",
  reason: "Consul refuses a splitter with two splits to the same destination.",
  level: "error",
  *find({ graph }) {
    for (const owner of ownersIn(graph)) {
      const seen = new Set<string>();
      for (const { to } of graph.trafficOf(owner).splits ?? []) {
        const place = placeOf(to);
        if (seen.has(place)) {
          yield {
            at: owner.key,
            problem: `Two splits of ${owner.name} go to ${place}.`,
            fix: "Add up their weights.",
          };
        }
        seen.add(place);
      }
    }
  },
};

const unknownDestination: Check = {
  id: "unknown-destination",
  reason: "Consul accepts any service name in a rule, also a misspelled one, which has no instances.",
  level: "error",
  *find({ graph }) {
    for (const cluster of graph.clusters) {
      const closest = closestAmong(cluster.trafficOwners.map(({ name }) => name));
      for (const { owner, reference } of graph.ruleOwnersOf(cluster).flatMap((it) => referencesOfOwner(graph, it))) {
        if (reference.peer === undefined && targetOf(graph, owner, reference) === undefined) {
          yield {
            at: owner.key,
            problem: `The ${reference.kind} of ${owner.name} refers to "${reference.service}", which is not a service of this mesh.`,
            fix: `${closest(reference.service)} For a service of another team, use MeshService.fromServiceName.`,
          };
        }
      }
    }
  },
};

const unknownSubset: Check = {
  id: "unknown-subset",
  reason: "Consul refuses a rule with a subset that the service does not have.",
  level: "error",
  *find({ graph }) {
    for (const { owner, reference } of referencesIn(graph)) {
      const { kind, subset } = reference;
      const target = targetOf(graph, owner, reference);
      // The subsets of another team's service are not known here, nor those of a name whose resolver belongs to another owner.
      const isOwn = target !== undefined && target.kind !== "imported service" && !lacksResolver(graph, target);
      const subsets = isOwn ? graph.subsetsOf(target) : undefined;
      if (subset !== undefined && isOwn && subsets?.has(subset) === false) {
        yield {
          at: owner.key,
          problem: `The ${kind} of ${owner.name} refers to the subset "${subset}", which ${target.name} does not have.`,
          fix: `${closestTo(subset, [...subsets.keys()])} Declare it at ${describePath(target.key)} with addSubset.`,
        };
      }
    }
    for (const owner of ownersIn(graph)) {
      const { subsets, resolve } = graph.trafficOf(owner);
      for (const subset of Object.keys(resolve.failover ?? {})) {
        if (subset !== "*" && !subsets.has(subset)) {
          yield {
            at: owner.key,
            problem: `A failover is set for the subset "${subset}", which ${owner.name} does not have.`,
            fix: `${closestTo(subset, [...subsets.keys()])} For all subsets, use "*".`,
          };
        }
      }
    }
  },
};

/** Whether only config entries that are written manually name a service, and none of them is a resolver. */
function lacksResolver(graph: Snapshot, member: MemberRecord): boolean {
  return (
    member.kind === "virtual service" &&
    member.isGiven === true &&
    graph.entryOf(graph.clusterOf(member.mesh), { kind: "service-resolver", name: member.name }) === undefined
  );
}

const trafficRuleOnTcp: Check = {
  id: "traffic-rule-on-tcp",
  reason: "With the protocol tcp Envoy does not parse requests, and Consul refuses splitters and routers.",
  level: "error",
  *find({ graph }) {
    for (const owner of ownersIn(graph)) {
      const { name, protocol } = owner;
      const { splits, routes, testers, resolve } = graph.trafficOf(owner);
      if (protocol !== Protocol.TCP) {
        continue;
      }
      const { RequestTimeout, LoadBalancer } = resolve.fields;
      const rules = [
        ...(splits === undefined ? [] : ["splits"]),
        ...(routes.length > 0 || testers !== undefined || (splits !== undefined && RequestTimeout !== undefined)
          ? ["routes"]
          : []),
        ...(RequestTimeout === undefined ? [] : ["requestTimeout"]),
        // All hash policies except the client's address depend on requests.
        ...(LoadBalancer?.HashPolicies?.some(({ Field }) => Field !== undefined) ? ["hash policies"] : []),
      ];
      if (rules.length > 0) {
        yield {
          at: owner.key,
          problem: `The ${rules.join(" and ")} of ${name} need HTTP requests, but the protocol of ${name} is tcp.`,
          fix: "Set protocol: Protocol.HTTP (or HTTP2, GRPC), or omit them.",
        };
      }
    }
  },
};

const protocolMismatch: Check = {
  id: "protocol-mismatch",
  reason: "Consul refuses rules between services with different protocols.",
  level: "error",
  *find({ graph }) {
    for (const { owner, reference } of referencesIn(graph)) {
      const target = targetOf(graph, owner, reference);
      if (target !== undefined && target.protocol !== owner.protocol) {
        yield {
          at: owner.key,
          problem: `The ${reference.kind} of ${owner.name}, which has the protocol ${owner.protocol}, refers to ${target.name}, which has ${target.protocol}.`,
          fix: `Use the same protocol for both, here or at ${describePath(target.key)}.`,
        };
      }
    }
  },
};

const peerWithSubset: Check = {
  id: "peer-with-subset",
  reason: "Consul refuses a rule that names both a peer and a subset or datacenter of it.",
  level: "error",
  *find({ graph }) {
    for (const { owner, reference } of referencesIn(graph)) {
      const { kind, peer, subset, datacenter } = reference;
      if (peer !== undefined && (subset !== undefined || datacenter !== undefined)) {
        yield {
          at: owner.key,
          problem: `The ${kind} of ${owner.name} refers to the peer "${peer}" and ${subset === undefined ? `the datacenter "${datacenter ?? ""}"` : `the subset "${subset}"`}.`,
          fix: "Set only the peer, or the peer and a service.",
        };
      }
    }
  },
};

const redirectBesideRules: Check = {
  id: "redirect-beside-rules",
  reason: "Consul ignores the rest of a resolver with a redirect, and refuses a redirect together with failover.",
  level: "error",
  *find({ graph }) {
    for (const owner of ownersIn(graph)) {
      const { subsets, resolve } = graph.trafficOf(owner);
      const { redirect, given } = resolve;
      if (redirect === undefined) {
        continue;
      }
      const elsewhere = redirect.service;
      const isAway = elsewhere !== owner.name || redirect.tenancy !== undefined;
      const said = given.filter((name) => !["redirect", "override"].includes(name) && (isAway || name === "failover"));
      const idle = [...(isAway && subsets.size > 0 ? ["subsets"] : []), ...said];
      if (idle.length > 0) {
        yield {
          at: owner.key,
          problem: `${owner.name} is redirected to ${elsewhere}, so its ${idle.join(" and ")} would have no effect.`,
          fix: `Declare them at ${elsewhere}, or omit the redirect.`,
        };
      }
    }
  },
};

const trafficCycle: Check = {
  id: "traffic-cycle",
  reason: "Requests that are redirected in a cycle reach no service, and Consul refuses such rules.",
  level: "error",
  *find({ graph: snapshot }) {
    const owners = ownersIn(snapshot);
    const graph = (
      kinds: readonly TrafficReference["kind"][],
      counts: (it: TrafficReference) => boolean = () => true,
    ) =>
      new Map(
        owners.map((owner) => [
          owner,
          referencesOf(owner, snapshot.trafficOf(owner))
            .filter((it) => kinds.includes(it.kind) && counts(it))
            .flatMap((it) => ownerOf(snapshot, owner, it) ?? [])
            .filter((target) => target !== owner),
        ]),
      );
    const isPlain = ({ subset, datacenter, peer }: TrafficReference) =>
      subset === undefined && datacenter === undefined && peer === undefined;

    const redirects = cyclesIn(graph(["redirect"]));
    const splits = cyclesIn(graph(["split"], isPlain));
    // A redirect that leads back to the service where the request came from. Without a redirect there is an end, because a
    // service that a route or a failover names responds itself. Two services can therefore be failovers of each other.
    const returns = cyclesIn(graph(["redirect", "split", "route", "failover"], isPlain), (from, to) =>
      referencesOf(from, snapshot.trafficOf(from)).some(
        (it) => it.kind === "redirect" && isPlain(it) && ownerOf(snapshot, from, it) === to,
      ),
    );
    const reported = new Set<TrafficOwnerRecord>();
    for (const cycle of [...redirects, ...splits, ...returns]) {
      if (!cycle.some((owner) => reported.has(owner))) {
        cycle.forEach((owner) => reported.add(owner));
        yield {
          at: cycle[0].key,
          problem: `Its rules send requests in a cycle: ${[...cycle, cycle[0]].map(({ name }) => name).join(" → ")}.`,
          fix: "Let one of them handle requests: remove its redirect or split, or refer to a subset of the next one.",
        };
      }
    }
    for (const cycle of cyclesIn(graph(["redirect", "failover"], ({ subset }) => subset !== undefined))) {
      if (!cycle.some((owner) => reported.has(owner))) {
        yield {
          at: cycle[0].key,
          problem: `The resolvers of ${cycle.map(({ name }) => name).join(" and ")} refer to subsets of each other, and Consul accepts neither before the other.`,
          fix: "Let one of them refer to the service without a subset.",
        };
      }
    }
  },
};

const shadowedRoute: Check = {
  id: "shadowed-route",
  reason: "The first matching route applies, so routes after one that matches every request are never used.",
  level: "error",
  *find({ graph }) {
    for (const owner of ownersIn(graph)) {
      const { routes } = graph.trafficOf(owner);
      const index = routes.findIndex(({ match }) => fitsAll(match));
      if (index >= 0 && index < routes.length - 1) {
        yield {
          at: owner.key,
          problem: `Route ${index + 1} of ${owner.name} matches every request, so the ${routes.length - 1 - index} after it are never used.`,
          fix: "Move it to the end, or add a match.",
        };
      }
    }
  },
};

const rewrittenPermissions: Check = {
  id: "rewritten-permissions",
  reason: "Permissions are evaluated at the destination of a request, with the path after rewriting.",
  level: "error",
  *find({ graph }) {
    for (const owner of graph.clusters.flatMap((it) => (it.hasPermissions ? it.trafficOwners : []))) {
      const cluster = graph.clusterOf(owner.mesh);
      const intentions = cluster.intentionsFor(owner.name).filter(({ permissions }) => permissions !== undefined);
      const rewritten = intentions.length === 0 ? [] : graph.destinationsOf(owner).filter((it) => it.isRewritten);
      for (const { cluster: end, service } of rewritten) {
        const known = new Set(end.intentionsFor(service).map(({ source }) => sourceKeyOf(source)));
        for (const { source } of intentions) {
          if (!known.has(sourceKeyOf(sourceSeenIn(end, source, cluster)))) {
            yield {
              at: owner.key,
              problem: `The permissions of ${source.service} on ${owner.name} depend on the path, and a route to ${service} rewrites it.`,
              fix: `Declare the permissions for the rewritten path at ${service}, with allowFrom.`,
            };
          }
        }
      }
    }
  },
};

/** All members with traffic rules. */
const ownersIn = once((graph): readonly TrafficOwnerRecord[] =>
  graph.clusters.flatMap((cluster) => graph.ruleOwnersOf(cluster)),
);

function* referencesIn(graph: Snapshot) {
  for (const owner of ownersIn(graph)) {
    yield* referencesOfOwner(graph, owner);
  }
}

function referencesOfOwner(graph: Snapshot, owner: TrafficOwnerRecord) {
  return referencesOf(owner, graph.trafficOf(owner)).map((reference) => ({ owner, reference }));
}

/** Returns the service that a rule names, which can be another team's. */
function targetOf(
  graph: Snapshot,
  owner: TrafficOwnerRecord,
  reference: TrafficReference,
): Exclude<MemberRecord, GatewayRecord> | undefined {
  return reference.service === owner.name && reference.member === undefined && reference.tenancy === undefined
    ? owner
    : graph.resolve(graph.clusterOf(owner.mesh), reference);
}

/** Returns the service that a rule names, if its rules are in the app. */
function ownerOf(
  graph: Snapshot,
  owner: TrafficOwnerRecord,
  reference: TrafficReference,
): TrafficOwnerRecord | undefined {
  const target = targetOf(graph, owner, reference);
  return target !== undefined && isTrafficOwner(target) ? target : undefined;
}

function placeOf({ service, subset, tenancy }: Reference): string {
  const name = sourceKeyOf({ service, tenancy });
  return subset === undefined ? name : `${name}, subset ${subset}`;
}

function isHundredths(weight: number): boolean {
  return Math.abs(weight * 100 - Math.round(weight * 100)) < 1e-6;
}

const conflictingUpstreamConfig: Check = {
  id: "conflicting-upstream-config",
  reason: "Consul has one configuration per upstream name, for all instances and versions of a service.",
  level: "error",
  *find({ graph }) {
    for (const service of graph.data.members.values()) {
      if (service.kind !== "service") {
        continue;
      }
      const overrides = service.upstreamConfig?.Overrides ?? [];
      const said = new Map(overrides.map((override) => [keyOfOverride(override), "its serviceDefaults"]));
      for (const instances of graph.instancesOf(service.key)) {
        for (const upstream of graph.ownUpstreamsOf(instances)) {
          const { limits, passiveHealthCheck, connectTimeout } = upstream.options;
          if ([limits, passiveHealthCheck, connectTimeout].every((it) => it === undefined)) {
            continue;
          }
          const config = JSON.stringify(renderUpstreamPolicy(upstream.options));
          const key = upstreamKey(upstream);
          const other = said.get(key);
          if (other !== undefined && other !== config) {
            yield {
              at: instances.key,
              problem: `Two connections of ${service.name} to ${upstream.destination.service} have different limits, checks or timeouts.`,
              fix: "Set them once, at one of the connections and not in serviceDefaults.",
            };
          } else {
            said.set(key, config);
          }
        }
      }
    }
  },
};

function keyOfOverride({ Name = "", Peer = "", ...place }: consul.UpstreamConfig): string {
  return sourceKeyOf({ service: Name, peer: Peer, tenancy: statedTenancy(place) });
}

const versionMetadata: Check = {
  id: "version-metadata",
  reason: "Consul selects versions by the metadata of instances: wrong metadata sends requests to the wrong version.",
  level: "error",
  *find({ graph }) {
    for (const { instances, definition } of instancesIn(graph)) {
      const others = graph.instancesOf(instances.service).flatMap(({ version }) => version ?? []);
      for (const { version, where } of others.length === 0 ? [] : registeredMetadata(definition)) {
        if (instances.version === undefined && others.some((other) => other === version)) {
          yield {
            at: instances.key,
            problem: `${where} has the version "${version ?? ""}", which belongs to other instances.`,
            fix: "Set another version, or none.",
          };
        } else if (instances.version !== undefined && version !== instances.version) {
          yield {
            at: instances.key,
            problem: `${where} has ${version === undefined ? "no version" : `the version "${version}"`}, so rules for "${instances.version}" do not match its instances.`,
            fix: "Omit version in meta, canaryMeta and override.",
          };
        }
      }
    }
  },
};

/** Yields the metadata of instances that traffic rules use: that of the Envoy, which is the service's unless its own is set. */
function* registeredMetadata({
  Name,
  Meta,
  CanaryMeta,
  Connect,
}: nomad.Service): Iterable<{ readonly where: string; readonly version?: string }> {
  if (Name === undefined) {
    return; // It could not be rendered; this is already reported.
  }
  const ofSidecar = Connect?.SidecarService?.Meta;
  const isGiven = (meta: Readonly<Record<string, string>> | undefined) => knownEntries(meta).length > 0;
  if (isGiven(ofSidecar)) {
    yield { where: "The metadata of its sidecar", version: ofSidecar?.version };
    return;
  }
  if (!isToken(Meta)) {
    yield { where: "Its metadata", version: Meta?.version };
  }
  if (isGiven(CanaryMeta)) {
    yield { where: "The metadata of its canaries", version: CanaryMeta?.version };
  }
}

const sidecarTags: Check = {
  id: "sidecar-tags",
  reason: "Traffic rules use the tags of an instance's sidecar, which lacks the tags of the service if it has its own.",
  level: "error",
  *find({ graph }) {
    for (const { instances, name, definition } of instancesIn(graph)) {
      const owner = graph.data.members.get(instances.service);
      const traffic = owner?.kind === "service" ? graph.trafficOf(owner) : undefined;
      const own = definition.Connect?.SidecarService?.Tags ?? [];
      if (traffic === undefined || traffic.subsets.size === 0 || own.length === 0) {
        continue;
      }
      const filters = [...traffic.subsets.keys()].map((subset) => filterOf(traffic, subset));
      const lost = instances.tags.find(
        (tag) => !own.includes(tag) && filters.some((filter) => filter.includes(SubsetFilter.tag(tag))),
      );
      if (lost !== undefined) {
        yield {
          at: instances.key,
          problem: `A subset of ${name} selects by the tag "${lost}", which its sidecar lacks, since it has its own tags.`,
          fix: "Omit the sidecar's tags, or select the subset by metadata.",
        };
      }
    }
  },
};

export const trafficChecks: readonly Check[] = [
  splitWeights,
  duplicateSplit,
  unknownDestination,
  unknownSubset,
  trafficRuleOnTcp,
  protocolMismatch,
  peerWithSubset,
  redirectBesideRules,
  trafficCycle,
  shadowedRoute,
  rewrittenPermissions,
  conflictingUpstreamConfig,
  versionMetadata,
  sidecarTags,
];
