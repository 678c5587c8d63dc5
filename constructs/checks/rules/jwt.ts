import { isIP } from "node:net";
import type * as consul from "../../consul/generated/config-entries";
import { providersOf } from "../../consul/jwt-requirement";
import { Protocol } from "../../consul/protocol";
import { nanoseconds } from "../../core/duration";
import { describePath } from "../../core/errors";
import { hostOf } from "../../core/network-address";
import { itemsOf, known } from "../../core/problems";
import { httpUrl } from "../../core/shape";
import { isToken } from "../../core/token";
import type { Cluster } from "../../model/cluster";
import type { MemberRecord } from "../../model/records";
import type { Snapshot } from "../../model/snapshot";
import type { Check, CheckedApp, Finding } from "../check";
import { entriesOf } from "./entries";
import { once } from "./records";

/** A service whose intentions require a token. */
export interface Guarded {
  readonly cluster: Cluster;
  readonly member: MemberRecord;
  /** The token that every request needs. */
  readonly ofService?: consul.IntentionJWTRequirement;
  /** Names of the providers of all its tokens. */
  readonly providers: readonly string[];
}

/** All services whose intentions require a token, of some requests or of all. */
export const guardedIn = once((graph): readonly Guarded[] =>
  graph.clusters.flatMap((cluster) =>
    cluster.members.flatMap((member): Guarded[] => {
      const entry = intentionsOf(graph, cluster, member.name);
      const ofService = graph.data.tokens.get(member.key) ?? entry?.JWT;
      const permissions = itemsOf(entry?.Sources).flatMap(({ Permissions }) => itemsOf(Permissions));
      const providers = [ofService, ...permissions.map(({ JWT }) => JWT)].flatMap(providersOf);
      return providers.length === 0 ? [] : [{ cluster, member, ofService, providers: [...new Set(providers)] }];
    }),
  ),
);

function intentionsOf(
  graph: Snapshot,
  cluster: Cluster,
  name: string,
): consul.ServiceIntentionsConfigEntry | undefined {
  return graph.entryOf(cluster, { kind: "service-intentions", name }) as
    consul.ServiceIntentionsConfigEntry | undefined;
}

const unknownProvider: Check = {
  id: "unknown-jwt-provider",
  reason: "Consul refuses intentions with a token of a provider that its datacenter does not have.",
  level: "error",
  *find({ graph }) {
    for (const { cluster, member, providers } of guardedIn(graph)) {
      for (const name of providers) {
        const isKnown = graph.entryOf(cluster, { kind: "jwt-provider", name }) !== undefined;
        if (!isKnown && !graph.data.importedJwtProviders.has(name)) {
          yield {
            at: member.key,
            problem: `The intentions of ${member.name} require a token of ${name}, which is no JWT provider of its datacenter in this app.`,
            fix: "Add it with addJwtProvider of a mesh of this datacenter, or reference one of another team with JwtProvider.fromName.",
          };
        }
      }
    }
  },
};

const unverifiedToken: Check = {
  id: "unverified-token",
  reason: "Tokens are verified by the sidecar of the destination, for HTTP requests.",
  level: "error",
  *find({ graph }) {
    for (const { member, ofService } of guardedIn(graph)) {
      const { key: at, name } = member;
      if (member.kind === "external service") {
        yield {
          at,
          problem: `The intentions of ${name} require a token, and Consul 1.21 then configures no listener of its terminating gateway.`,
          fix: "Require the token at a service of the mesh in front of it.",
        };
      } else if (graph.instancesOf(at).some(({ proxy }) => proxy === "native")) {
        yield {
          at,
          problem: `The intentions of ${name} require a token, which Connect-native services do not verify.`,
          fix: "Use a sidecar, or verify tokens in the service.",
        };
      } else if (member.kind === "service" && member.protocol === Protocol.TCP && ofService !== undefined) {
        yield {
          at,
          problem: `Every request to ${name} needs a token, but its protocol is tcp, so Envoy lets every connection of its sources in without one.`,
          fix: "Set protocol: Protocol.HTTP (or HTTP2, GRPC).",
        };
      }
    }
  },
};

/** All JWT providers of the app, including those that are written manually. */
function* providersIn(app: CheckedApp): Iterable<[at: Finding["at"], provider: consul.JWTProviderConfigEntry]> {
  for (const [at, entry] of entriesOf(app)) {
    if (entry.Kind === "jwt-provider") {
      yield [at, entry];
    }
  }
}

/** The remote keys of all JWT providers, with their address. */
function* remoteKeysIn(app: CheckedApp): Iterable<{
  readonly at: Finding["at"];
  readonly name: string;
  readonly url: URL;
  readonly keys: consul.RemoteJWKS;
}> {
  for (const [at, { Name: name = "", JSONWebKeySet }] of providersIn(app)) {
    const keys = known(known(JSONWebKeySet)?.Remote);
    const url = isToken(keys?.URI) ? undefined : httpUrl(keys?.URI);
    if (keys !== undefined && url !== undefined) {
      yield { at, name, url, keys };
    }
  }
}

const jwksSettings: Check = {
  id: "jwks-settings",
  reason: "Consul 1.21 passes some settings of JWT providers to Envoy wrongly or not at all, and reports nothing.",
  level: "error",
  *find(app) {
    for (const { at, name, url, keys } of remoteKeysIn(app)) {
      const host = hostOf(url);
      const type = known(keys.JWKSCluster)?.DiscoveryType;
      if (isIP(host) === 0 && (keys.JWKSCluster === undefined || type === "STATIC")) {
        yield {
          at,
          problem: `The keys of ${name} are at the host ${host}, and Envoy is configured for an IP address, so all Envoys of the mesh refuse their configuration.`,
          fix: "Set JWKSCluster.DiscoveryType to STRICT_DNS.",
        };
      }
      const cache = lengthOf(keys.CacheDuration);
      if (cache !== undefined && cache > 0) {
        yield {
          at,
          problem: `Keys of ${name} are cached for ${String(keys.CacheDuration)}, which Consul 1.21 passes as ${cache} seconds, and Envoy refuses such a configuration.`,
          fix: "Omit cacheDuration: Envoy requests the keys again every 10 minutes.",
        };
      }
      const timeout = keys.RequestTimeoutMs;
      if (timeout !== undefined && !isToken(timeout) && timeout % 1000 !== 0) {
        yield {
          at,
          problem: `The timeout of requests for the keys of ${name} is ${timeout} ms, of which Consul passes the whole seconds.`,
          fix: "Set whole seconds.",
        };
      }
    }
    for (const [at, { Name: name = "", Issuer, Locations }] of providersIn(app)) {
      if (Issuer === undefined || Issuer === "") {
        yield {
          at,
          problem: `The JWT provider ${name} has no issuer, so no token is ever valid.`,
          fix: "Set the issuer.",
        };
      }
      const forwards = new Set(itemsOf(Locations).flatMap(({ Header }) => (Header ? [Header.Forward === true] : [])));
      if (forwards.size > 1) {
        yield {
          at,
          problem: `Only some of the headers of ${name} are forwarded, but Envoy has one setting, for which Consul uses the last header.`,
          fix: "Set forward to the same value for all headers.",
        };
      }
    }
  },
};

const jwtClockSkew: Check = {
  id: "jwt-clock-skew",
  reason: "Consul 1.21 does not pass the setting to Envoy, which allows for 60 s and keeps no results.",
  level: "warning",
  *find(app) {
    for (const [at, { Name: name = "", ClockSkewSeconds: skew = 30, CacheConfig }] of providersIn(app)) {
      const given = [
        ...(isToken(skew) || skew === 30 || skew === 60 ? [] : ["clockSkew"]),
        ...((CacheConfig?.Size ?? 0) > 0 ? ["cacheSize"] : []),
      ];
      if (given.length > 0) {
        yield {
          at,
          problem: `${given.join(" and ")} of the JWT provider ${name} ${given.length === 1 ? "has" : "have"} no effect.`,
          fix: "Omit it, or silence this check for a newer Consul.",
        };
      }
    }
  },
};

const jwksUnverified: Check = {
  id: "jwks-unverified",
  reason: "If Envoy does not verify the server of the keys, anyone between them can supply keys and sign tokens.",
  level: "error",
  *find(app) {
    for (const { at, name, url, keys } of remoteKeysIn(app)) {
      const isOwnHost = ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
      if (!isOwnHost && (url.protocol === "http:" || known(keys.JWKSCluster)?.TLSCertificates === undefined)) {
        yield {
          at,
          problem: `Envoys request the keys of ${name} from ${url.host} ${url.protocol === "http:" ? "without TLS" : "and accept any certificate"}.`,
          fix: "Use https, and set authority to the CA of the server; or use JwtKeys.local.",
        };
      }
    }
  },
};

const jwksInMesh: Check = {
  id: "jwks-in-mesh",
  reason: "Envoy requests keys directly, without mutual TLS and without a gateway, so a sidecar refuses it.",
  level: "error",
  *find(app) {
    const { graph } = app;
    const members = graph.clusters.flatMap((cluster) => cluster.members);
    for (const { at, name, url } of remoteKeysIn(app)) {
      const outside = members.find(
        (member) =>
          member.kind === "external service" && member.instances.some(({ address }) => address === url.hostname),
      );
      if (url.hostname.endsWith(".consul")) {
        yield {
          at,
          problem: `The keys of ${name} are at ${url.hostname}, a name of the mesh, which Envoy does not reach as a service would.`,
          fix: "Use an address that is reachable without the mesh, or JwtKeys.local.",
        };
      } else if (outside !== undefined) {
        yield {
          at,
          problem: `The keys of ${name} are at ${url.hostname}, which services reach through a terminating gateway (${describePath(outside.key)}), and Envoys do not.`,
          fix: 'Make sure that every node can reach it directly, and silence(…, "jwks-in-mesh", "why"); or use JwtKeys.local.',
        };
      }
    }
  },
};

function lengthOf(duration: unknown): number | undefined {
  if (typeof duration === "number") {
    return duration;
  }
  return typeof duration === "string" && !isToken(duration) ? nanoseconds(duration) : undefined;
}

export const jwtChecks: readonly Check[] = [
  unknownProvider,
  unverifiedToken,
  jwksSettings,
  jwtClockSkew,
  jwksUnverified,
  jwksInMesh,
];
