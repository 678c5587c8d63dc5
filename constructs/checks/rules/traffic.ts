import { Token } from "cdktf";
import { isUnknown, knownEntries, knownItems } from "../../core/collections";
import { Protocol } from "../../consul/protocol";
import { fitsAll } from "../../consul/service-router";
import { SubsetFilter } from "../../consul/subset-filter";
import { describe } from "../../core/errors";
import type { IMeshService } from "../../mesh/mesh-member";
import type { ServiceJob } from "../../mesh/service-job";
import { destinationsOf } from "../../mesh/traffic/chain";
import { namesOf } from "../../mesh/traffic/destination";
import { isTrafficOwner, type TrafficOwner, type TrafficReference } from "../../mesh/traffic/service-traffic";
import type * as nomad from "../../nomad/generated/job";
import type { Check, CheckedApp } from "../check";
import { closestAmong, closestTo } from "../closest";
import { cyclesIn } from "../cycles";

const splitWeights: Check = {
  id: "split-weights",
  reason: "Consul takes shares in hundredths of a percent, and only such as make a whole.",
  level: "error",
  *find(app) {
    for (const owner of ownersIn(app)) {
      const weights = owner.traffic.splits.map(({ weight }) => weight);
      if (weights.some(isUnknown)) {
        continue; // Consul sums them up when they are known.
      }
      const odd = weights.find((weight) => !(weight >= 0 && weight <= 100 && isHundredths(weight)));
      // In hundredths, since to a computer 33.3 + 33.3 + 33.4 is not quite 100.
      const sum = weights.reduce((total, weight) => total + Math.round(weight * 100), 0) / 100;
      if (odd !== undefined) {
        yield {
          construct: owner,
          problem: `A split of ${owner.serviceName} has the weight ${odd}.`,
          fix: "Use percent, from 0 to 100, with at most two decimals.",
        };
      } else if (owner.traffic.splitter !== undefined && sum !== 100) {
        yield {
          construct: owner,
          problem: `The weights of ${owner.serviceName} sum to ${sum} (${weights.join(" + ")}).`,
          fix: "Make them sum to 100.",
        };
      }
    }
  },
};

const duplicateSplit: Check = {
  id: "duplicate-split",
  reason: "Consul refuses a splitter that names a place twice.",
  level: "error",
  *find(app) {
    for (const owner of ownersIn(app)) {
      const seen = new Set<string>();
      for (const { to } of owner.traffic.splits) {
        const place = placeOf(namesOf(to));
        if (seen.has(place)) {
          yield {
            construct: owner,
            problem: `Two splits of ${owner.serviceName} go to ${place}.`,
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
  reason: "Consul takes any name for a service in a rule; a misspelt one answers nobody.",
  level: "error",
  *find({ meshes }) {
    for (const mesh of meshes) {
      const closest = closestAmong(mesh.trafficOwners.map(({ serviceName }) => serviceName));
      for (const { owner, reference } of referencesIn({ meshes: [mesh] })) {
        if (reference.peer === undefined && targetOf(owner, reference) === undefined) {
          yield {
            construct: owner,
            problem: `The ${reference.kind} of ${owner.serviceName} names "${reference.service}", which is no service of this mesh.`,
            fix: `${closest(reference.service)} A service of another team comes from MeshService.fromServiceName.`,
          };
        }
      }
    }
  },
};

const unknownSubset: Check = {
  id: "unknown-subset",
  reason: "Consul refuses a rule that names a subset which the service does not have.",
  level: "error",
  *find(app) {
    for (const { owner, reference } of referencesIn(app)) {
      const { kind, subset } = reference;
      const target = ownerOf(owner, reference);
      if (subset !== undefined && target !== undefined && !target.traffic.subsets.has(subset)) {
        yield {
          construct: owner,
          problem: `The ${kind} of ${owner.serviceName} names the subset "${subset}", which ${target.serviceName} does not have.`,
          fix: `${closestTo(subset, [...target.traffic.subsets.keys()])} Declare it at ${describe(target)} with addSubset.`,
        };
      }
    }
    for (const owner of ownersIn(app)) {
      for (const subset of owner.traffic.failovers.keys()) {
        if (subset !== "*" && !owner.traffic.subsets.has(subset)) {
          yield {
            construct: owner,
            problem: `A failover is said for the subset "${subset}", which ${owner.serviceName} does not have.`,
            fix: `${closestTo(subset, [...owner.traffic.subsets.keys()])} For all subsets, say "*".`,
          };
        }
      }
    }
  },
};

const trafficRuleOnTcp: Check = {
  id: "traffic-rule-on-tcp",
  reason: "Envoy sees no requests in a tcp stream, and Consul refuses such splitters and routers.",
  level: "error",
  *find(app) {
    for (const owner of ownersIn(app)) {
      const { serviceName, protocol, traffic } = owner;
      if (protocol !== Protocol.TCP) {
        continue;
      }
      const rules = [
        ...(traffic.splitter ? ["splits"] : []),
        ...(traffic.router ? ["routes"] : []),
        ...(traffic.options.requestTimeout === undefined ? [] : ["requestTimeout"]),
        ...(traffic.options.loadBalancer?.hashPolicies.some((policy) => policy.isAboutRequests)
          ? ["hash policies"]
          : []),
      ];
      if (rules.length > 0) {
        yield {
          construct: owner,
          problem: `The ${rules.join(" and ")} of ${serviceName} look at requests, but ${serviceName} speaks tcp.`,
          fix: "Set protocol: Protocol.HTTP (or HTTP2, GRPC), or leave them away.",
        };
      }
    }
  },
};

const protocolMismatch: Check = {
  id: "protocol-mismatch",
  reason: "One listener of Envoy speaks one protocol, so Consul refuses rules between services of different ones.",
  level: "error",
  *find(app) {
    for (const { owner, reference } of referencesIn(app)) {
      const target = targetOf(owner, reference);
      if (target !== undefined && target.protocol !== owner.protocol) {
        yield {
          construct: owner,
          problem: `The ${reference.kind} of ${owner.serviceName}, which speaks ${owner.protocol}, leads to ${target.serviceName}, which speaks ${target.protocol}.`,
          fix: `Give both the same protocol, here or at ${describe(target)}.`,
        };
      }
    }
  },
};

const peerWithSubset: Check = {
  id: "peer-with-subset",
  reason: "The subsets and datacenters of another cluster are its own affair, and Consul refuses to name them.",
  level: "error",
  *find(app) {
    for (const { owner, reference } of referencesIn(app)) {
      const { kind, peer, subset, datacenter } = reference;
      if (peer !== undefined && (subset !== undefined || datacenter !== undefined)) {
        yield {
          construct: owner,
          problem: `The ${kind} of ${owner.serviceName} names the peer "${peer}" and ${subset === undefined ? `the datacenter "${datacenter ?? ""}"` : `the subset "${subset}"`}.`,
          fix: "Name the peer alone, or with a service.",
        };
      }
    }
  },
};

const redirectBesideRules: Check = {
  id: "redirect-beside-rules",
  reason:
    "Consul sends everything elsewhere and reads nothing else of the resolver; together with failover it refuses it.",
  level: "error",
  *find(app) {
    for (const owner of ownersIn(app)) {
      const { redirect, ...others } = owner.traffic.options;
      if (redirect === undefined) {
        continue;
      }
      const elsewhere = redirect.destination === undefined ? owner.serviceName : namesOf(redirect.destination).service;
      const isAway = elsewhere !== owner.serviceName;
      const said = Object.keys(others).filter(
        (name) =>
          others[name as keyof typeof others] !== undefined && name !== "override" && (isAway || name === "failover"),
      );
      const idle = [...(isAway && owner.traffic.subsets.size > 0 ? ["subsets"] : []), ...said];
      if (idle.length > 0) {
        yield {
          construct: owner,
          problem: `${owner.serviceName} is redirected to ${elsewhere}, so its ${idle.join(" and ")} would not hold.`,
          fix: `Say them at ${elsewhere}, or leave the redirect away.`,
        };
      }
    }
  },
};

const trafficCycle: Check = {
  id: "traffic-cycle",
  reason: "Requests that are sent in a circle arrive nowhere, and Consul refuses such rules.",
  level: "error",
  *find(app) {
    const owners = [...ownersIn(app)];
    const graph = (
      kinds: readonly TrafficReference["kind"][],
      counts: (it: TrafficReference) => boolean = () => true,
    ) =>
      new Map(
        owners.map((owner) => [
          owner,
          owner.traffic.references
            .filter((it) => kinds.includes(it.kind) && counts(it))
            .flatMap((it) => ownerOf(owner, it) ?? [])
            .filter((target) => target !== owner),
        ]),
      );
    const isPlain = ({ subset, datacenter, peer }: TrafficReference) =>
      subset === undefined && datacenter === undefined && peer === undefined;

    const redirects = cyclesIn(graph(["redirect"]));
    const splits = cyclesIn(graph(["split"], isPlain));
    // A redirect that leads back to where the request came from. Where there is none there is an end, since a service that
    // a route or a failover names answers itself: two services may well stand in for each other.
    const returns = cyclesIn(graph(["redirect", "split", "route", "failover"], isPlain), (from, to) =>
      from.traffic.references.some((it) => it.kind === "redirect" && isPlain(it) && ownerOf(from, it) === to),
    );
    const reported = new Set<TrafficOwner>();
    for (const cycle of [...redirects, ...splits, ...returns]) {
      if (!cycle.some((owner) => reported.has(owner))) {
        cycle.forEach((owner) => reported.add(owner));
        yield {
          construct: cycle[0],
          problem: `Its rules send requests in a circle: ${[...cycle, cycle[0]].map(({ serviceName }) => serviceName).join(" → ")}.`,
          fix: "Let one of them answer itself: take its redirect or its split away, or name a subset of the next one.",
        };
      }
    }
    for (const cycle of cyclesIn(graph(["redirect", "failover"], ({ subset }) => subset !== undefined))) {
      if (!cycle.some((owner) => reported.has(owner))) {
        yield {
          construct: cycle[0],
          problem: `The resolvers of ${cycle.map(({ serviceName }) => serviceName).join(" and ")} name subsets of each other, and Consul takes neither before the other.`,
          fix: "Let one of them name the service without a subset.",
        };
      }
    }
  },
};

const shadowedRoute: Check = {
  id: "shadowed-route",
  reason: "The first route that fits decides, so nothing ever comes to one behind a route that fits everything.",
  level: "error",
  *find(app) {
    for (const owner of ownersIn(app)) {
      const { routes } = owner.traffic;
      const index = routes.findIndex(({ match }) => fitsAll(match));
      if (index >= 0 && index < routes.length - 1) {
        yield {
          construct: owner,
          problem: `Route ${index + 1} of ${owner.serviceName} fits every request, so the ${routes.length - 1 - index} after it never count.`,
          fix: "Put it last, or give it a match.",
        };
      }
    }
  },
};

const rewrittenPermissions: Check = {
  id: "rewritten-permissions",
  reason: "Permissions are asked where a request ends, with the path that it has there.",
  level: "error",
  *find({ meshes }) {
    for (const mesh of meshes) {
      for (const owner of mesh.trafficOwners) {
        const rewritten = destinationsOf(owner).filter(({ isRewritten }) => isRewritten);
        for (const { mesh: end, service } of rewritten) {
          const known = new Set(end.intentionsFor(service).map(({ origin }) => origin));
          for (const intention of mesh.intentionsFor(owner.serviceName)) {
            const { sourceName, options } = intention;
            if (options.permissions !== undefined && !known.has(end.asSeenHere(intention, mesh).origin)) {
              yield {
                construct: owner,
                problem: `${sourceName} may ask ${owner.serviceName} for some paths only, and a route sends it to ${service} with another path.`,
                fix: `Say what it may ask there, at ${service} with allowFrom and permissions.`,
              };
            }
          }
        }
      }
    }
  },
};

function* ownersIn({ meshes }: Pick<CheckedApp, "meshes">): Iterable<TrafficOwner> {
  for (const mesh of meshes) {
    yield* mesh.trafficOwners;
  }
}

function* referencesIn(app: Pick<CheckedApp, "meshes">) {
  for (const owner of ownersIn(app)) {
    for (const reference of owner.traffic.references) {
      yield { owner, reference };
    }
  }
}

/** The service that a rule names, also one of another team. */
function targetOf(owner: TrafficOwner, { service, given, peer }: TrafficReference): IMeshService | undefined {
  return (
    given ?? (service === owner.serviceName ? owner : peer === undefined ? owner.mesh.findService(service) : undefined)
  );
}

/** The service that a rule names, where its rules are known here. */
function ownerOf(owner: TrafficOwner, reference: TrafficReference): TrafficOwner | undefined {
  const target = targetOf(owner, reference);
  return target !== undefined && isTrafficOwner(target) ? target : undefined;
}

function placeOf({ service, subset }: { readonly service: string; readonly subset?: string }): string {
  return subset === undefined ? service : `${service}, subset ${subset}`;
}

function isHundredths(weight: number): boolean {
  return Math.abs(weight * 100 - Math.round(weight * 100)) < 1e-6;
}

const conflictingUpstreamConfig: Check = {
  id: "conflicting-upstream-config",
  reason: "Consul keeps one configuration for an upstream's name, for all instances and versions of its source.",
  level: "error",
  *find({ meshes }) {
    for (const service of meshes.flatMap((mesh) => mesh.services)) {
      const overrides = service.props.serviceDefaults?.UpstreamConfig?.Overrides ?? [];
      const said = new Map(overrides.map(({ Name, Peer }) => [`${Peer ?? ""}/${Name ?? ""}`, "its serviceDefaults"]));
      for (const job of [service, ...service.versions]) {
        for (const upstream of job.upstreams.filter(({ source }) => source === job)) {
          const defaults = upstream.renderDefaults();
          if (defaults === undefined) {
            continue;
          }
          const config = JSON.stringify(defaults);
          const other = said.get(upstream.key);
          if (other !== undefined && other !== config) {
            yield {
              construct: job,
              problem: `Two connections of ${service.serviceName} to ${upstream.destinationName} have limits, checks or timeouts that differ.`,
              fix: "Say them once, at one of the connections and not in serviceDefaults.",
            };
          } else {
            said.set(upstream.key, config);
          }
        }
      }
    }
  },
};

const versionMetadata: Check = {
  id: "version-metadata",
  reason:
    "Consul knows an instance's version by the metadata of its registration: a wrong one sends it another's requests.",
  level: "error",
  *find({ meshes }) {
    for (const service of meshes.flatMap((mesh) => mesh.services)) {
      const { versions } = service;
      for (const { version: other, ...found } of versions.length === 0 ? [] : registeredMetadata(service)) {
        if (versions.some(({ version }) => version === other)) {
          yield {
            construct: service,
            problem: `${found.where} has the version "${other ?? ""}", which is that of other instances.`,
            fix: "Give it another version, or none.",
          };
        }
      }
      for (const version of versions) {
        for (const { version: other, ...found } of registeredMetadata(version)) {
          if (other !== version.version) {
            yield {
              construct: version,
              problem: `${found.where} has ${other === undefined ? "no version" : `the version "${other}"`}, so that rules for "${version.version}" miss its instances.`,
              fix: "Leave version away in meta, canaryMeta and override.",
            };
          }
        }
      }
    }
  },
};

/** What traffic rules see of instances: metadata of the Envoy, which has that of the service unless it is given its own. */
function* registeredMetadata(job: ServiceJob): Iterable<{ readonly where: string; readonly version?: string }> {
  const { Meta, CanaryMeta, Connect } = registrationOf(job);
  const ofSidecar = Connect?.SidecarService?.Meta;
  const isGiven = (meta: Readonly<Record<string, string>> | undefined) => knownEntries(meta).length > 0;
  if (isGiven(ofSidecar)) {
    yield { where: "The metadata of its sidecar", version: ofSidecar?.version };
    return;
  }
  if (!Token.isUnresolved(Meta)) {
    yield { where: "Its metadata", version: Meta?.version };
  }
  if (isGiven(CanaryMeta)) {
    yield { where: "The metadata of its canaries", version: CanaryMeta?.version };
  }
}

function registrationOf(job: ServiceJob): nomad.Service {
  const services = job.renderJob().TaskGroups?.flatMap(({ Services = [] }) => Services);
  return services?.find(({ Name }) => Name === job.serviceName) ?? {};
}

const sidecarTags: Check = {
  id: "sidecar-tags",
  reason: "Traffic rules see the tags of an instance's Envoy: with tags of its own it has none of the service's.",
  level: "error",
  *find({ meshes }) {
    for (const service of meshes.flatMap((mesh) => mesh.services)) {
      const filters = [...service.traffic.subsets.values()].flatMap(({ filter }) => filter?.() ?? []);
      for (const job of filters.length === 0 ? [] : [service, ...service.versions]) {
        const own = registrationOf(job).Connect?.SidecarService?.Tags ?? [];
        const { tags = [], canaryTags = [] } = job.props;
        const lost = [...knownItems(tags), ...knownItems(canaryTags)].find(
          (tag) => !own.includes(tag) && filters.some((filter) => filter.includes(SubsetFilter.tag(tag))),
        );
        if (own.length > 0 && lost !== undefined) {
          yield {
            construct: job,
            problem: `A subset of ${service.serviceName} is told by the tag "${lost}", which its sidecar, having tags of its own, never has.`,
            fix: "Leave the sidecar's tags away, or tell the subset by metadata.",
          };
        }
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
