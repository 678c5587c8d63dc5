import type * as consul from "../consul/generated/config-entries";
import { HttpPermission } from "../consul/http-permission";
import { Protocol } from "../consul/protocol";
import { ANY_SERVICE } from "../consul/service-intentions";
import { tenancyIn, type Tenancy } from "../consul/tenancy";
import { append } from "../core/collections";
import { itemsOf } from "../core/problems";
import { isToken } from "../core/token";
import { withoutUndefined } from "../core/without-undefined";
import { placeSeenFrom, type Cluster } from "./cluster";
import { failoverTargets } from "./discovery-chain";
import type {
  GatewayKind,
  GatewayRecord,
  GatewayRouteRecord,
  IntentionRecord,
  ListenerRecord,
  Origin,
  Reference,
  ResolveRecord,
  TrafficRecord,
  VirtualServiceRecord,
} from "./records";
import { noTraffic } from "./traffic";

/** A config entry that no construct of this library renders: a `ConsulConfigEntry` of the app, or a plain resource of the provider. */
export interface GivenEntry {
  /** The construct of the entry. */
  readonly origin: Origin;
  /** Key of the mesh around it. @default none */
  readonly mesh?: string;
  /** Partition and namespace of the entry. @default those of the mesh */
  readonly tenancy?: Tenancy;
  /** The content of the entry. */
  readonly entry: consul.ConfigEntry;
}

/** What config entries that are written manually add to the records of a cluster. */
export interface GivenRecords {
  /** Services and gateways that only such entries name. */
  readonly members: readonly (VirtualServiceRecord | GatewayRecord)[];
  /** Traffic rules, by the name of the service. */
  readonly traffic: ReadonlyMap<string, TrafficRecord>;
  /** Routes, by the name of the gateway. */
  readonly routes: ReadonlyMap<string, readonly GatewayRouteRecord[]>;
  /** The services behind terminating gateways, by the name of the gateway. */
  readonly outside: ReadonlyMap<string, ReadonlySet<string>>;
  readonly intentions: readonly IntentionRecord[];
}

/** Kinds of entries that make a name a service. */
const SERVICE_KINDS = ["service-defaults", "service-resolver", "service-splitter", "service-router"] as const;

const GATEWAY_KINDS: Readonly<Partial<Record<string, GatewayKind>>> = {
  "api-gateway": "API gateway",
  "ingress-gateway": "ingress gateway",
  "terminating-gateway": "terminating gateway",
};

/** Reads the config entries of a cluster that are written manually. */
export function readGivenEntries(cluster: Cluster, given: readonly GivenEntry[]): GivenRecords {
  const mesh = cluster.meshes[0].key;
  const members = new Map<string, VirtualServiceRecord | GatewayRecord>();
  const traffic = new Map<string, TrafficRecord>();
  const routes = new Map<string, GatewayRouteRecord[]>();
  const outside = new Map<string, Set<string>>();
  for (const { origin, entry } of given) {
    const name = "Name" in entry ? (entry.Name ?? "") : "";
    const common = { key: origin.path, origin, name, mesh, isGiven: true } as const;
    const gatewayKind = GATEWAY_KINDS[entry.Kind];
    if (gatewayKind !== undefined) {
      members.set(name, {
        ...{ ...common, kind: "gateway", gatewayKind, listeners: listenersOf(entry) },
        ...{ hostPorts: [], files: [], renderedFiles: [] },
      });
    } else if (SERVICE_KINDS.some((kind) => kind === entry.Kind) && !members.has(name)) {
      members.set(name, { ...common, kind: "virtual service", protocol: protocolOf(name, cluster, given) });
    }
    const rules = rulesOf(entry, cluster);
    if (rules !== undefined) {
      traffic.set(name, mergeTraffic(traffic.get(name), rules));
    }
    for (const [gateway, route] of routesOf(entry, given, cluster)) {
      append(routes, gateway, route);
    }
    if (entry.Kind === "terminating-gateway") {
      outside.set(name, new Set(itemsOf(entry.Services).flatMap((service) => service.Name ?? [])));
    }
  }
  return {
    members: [...members.values()].filter(({ name }) => cluster.find(name) === undefined),
    ...{ traffic, routes, outside },
    intentions: given.flatMap(({ origin, entry }) =>
      entry.Kind === "service-intentions" ? intentionsOf(entry, origin, cluster) : [],
    ),
  };
}

/** Adds traffic rules that are written manually to those that are stated. */
export function mergeTraffic(stated: TrafficRecord | undefined, given: TrafficRecord): TrafficRecord {
  return stated === undefined
    ? given
    : {
        ...stated,
        subsets: new Map([...stated.subsets, ...given.subsets]),
        resolve: {
          ...{ ...stated.resolve, ...withoutUndefined(given.resolve) },
          given: [...stated.resolve.given, ...given.resolve.given],
          fields: { ...stated.resolve.fields, ...given.resolve.fields },
        },
        splits: stated.splits ?? given.splits,
        routes: [...stated.routes, ...given.routes],
      };
}

/**
 * Returns the protocol of a service that only entries name: that in its defaults or in proxy-defaults, or otherwise the one that its rules
 * require, since its defaults may belong to another owner.
 */
function protocolOf(name: string, cluster: Cluster, given: readonly GivenEntry[]): Protocol {
  const entries = given.map(({ entry }) => entry);
  const own = entries.filter((entry) => "Name" in entry && entry.Name === name);
  const stated = [
    ...own.map((entry) => (entry.Kind === "service-defaults" ? entry.Protocol : undefined)),
    ...entries.map((entry) => (entry.Kind === "proxy-defaults" ? entry.Config?.protocol : undefined)),
  ];
  const known = stated.flatMap((text) => Object.values(Protocol).filter((protocol) => protocol === text)).at(0);
  const targets = own
    .flatMap((entry) => rulesTargets(entry, cluster))
    .flatMap((service) => cluster.findService(service) ?? []);
  const needsHttp = own.some(({ Kind }) => Kind === "service-splitter" || Kind === "service-router");
  return known ?? targets.at(0)?.protocol ?? (needsHttp ? Protocol.HTTP : Protocol.TCP);
}

/** Returns the names of the services to which the rules of an entry lead. */
function rulesTargets(entry: consul.ConfigEntry, cluster: Cluster): readonly string[] {
  const { resolve, splits = [], routes } = rulesOf(entry, cluster) ?? noTraffic();
  const all = [
    resolve.redirect,
    ...Object.values(resolve.failover ?? {}).flat(),
    ...splits.map(({ to }) => to),
    ...routes.map(({ to }) => to),
  ];
  return all.flatMap((reference) => reference?.service ?? []);
}

function listenersOf(entry: consul.ConfigEntry): readonly ListenerRecord[] {
  if (entry.Kind !== "api-gateway" && entry.Kind !== "ingress-gateway") {
    return [];
  }
  const listeners: readonly (consul.APIGatewayListener & consul.IngressListener)[] = itemsOf<
    consul.APIGatewayListener & consul.IngressListener
  >(entry.Listeners);
  return listeners.map(({ Port = 0, Protocol: protocol, Hostname, TLS }) => ({
    ...{ port: Port, hostPort: Port, hostname: Hostname },
    protocol: Object.values(Protocol).find((each) => each === protocol) ?? Protocol.TCP,
    tls: TLS && { hasInlineKey: false },
  }));
}

/** Yields the routes of an entry, with the names of their gateways. */
function* routesOf(
  entry: consul.ConfigEntry,
  given: readonly GivenEntry[],
  cluster: Cluster,
): Iterable<readonly [gateway: string, route: GatewayRouteRecord]> {
  if (entry.Kind === "ingress-gateway") {
    for (const { Port: listener = 0, Services } of itemsOf(entry.Listeners)) {
      for (const service of itemsOf(Services)) {
        const { Name = "", Hosts, Namespace, Partition } = service;
        const place = { Namespace, Partition };
        const hosts = Hosts ?? [];
        yield [
          entry.Name ?? "",
          Name === ANY_SERVICE
            ? { listener, targets: [], anyService: {}, hosts, claims: [], ingress: service }
            : {
                listener,
                targets: [referenceTo({ Service: Name, ...place }, cluster)],
                hosts,
                claims: [],
                ingress: service,
              },
        ];
      }
    }
  }
  if (entry.Kind === "http-route" || entry.Kind === "tcp-route") {
    const services =
      entry.Kind === "tcp-route"
        ? itemsOf(entry.Services)
        : itemsOf(entry.Rules).flatMap((rule) => rule.Services ?? []);
    const targets = services.map(({ Name: Service = "", Namespace, Partition }) =>
      referenceTo({ Service, Namespace, Partition }, cluster),
    );
    const hosts = entry.Kind === "http-route" ? (entry.Hostnames ?? []) : [];
    for (const { Name: gateway = "", SectionName } of itemsOf(entry.Parents)) {
      for (const listener of portsOf(gateway, SectionName, given)) {
        yield [gateway, { listener, targets, hosts, claims: [] }];
      }
    }
  }
}

/** Returns the ports of the listeners of a gateway to which a route belongs. A listener of a construct has its port in its name. */
function portsOf(gateway: string, section: string | undefined, given: readonly GivenEntry[]): readonly number[] {
  const named = /^listener-(\d+)$/.exec(section ?? "");
  if (named !== null) {
    return [Number(named[1])];
  }
  return given.flatMap(({ entry }) =>
    entry.Kind === "api-gateway" && entry.Name === gateway
      ? itemsOf(entry.Listeners)
          .filter(({ Name }) => !section || Name === section)
          .map(({ Port = 0 }) => Port)
      : [],
  );
}

function rulesOf(entry: consul.ConfigEntry, cluster: Cluster): TrafficRecord | undefined {
  switch (entry.Kind) {
    case "service-resolver":
      return {
        ...noTraffic(),
        subsets: new Map(
          Object.entries(entry.Subsets ?? {}).map(([name, { Filter = "", OnlyPassing }]) => [
            name,
            { filter: Filter, onlyPassing: OnlyPassing, isVersion: false },
          ]),
        ),
        resolve: resolveOf(entry, cluster),
      };
    case "service-splitter":
      return {
        ...noTraffic(),
        splits: itemsOf(entry.Splits).map(({ Weight = 0, ...split }) => ({
          ...{ to: referenceTo(split, cluster, entry.Name), weight: Weight, fields: {} },
        })),
      };
    case "service-router":
      return {
        ...noTraffic(),
        routes: itemsOf(entry.Routes).map(({ Match, Destination }) => ({
          to:
            Destination &&
            [Destination.Service, Destination.ServiceSubset, Destination.Namespace, Destination.Partition].some(Boolean)
              ? referenceTo(Destination, cluster, entry.Name)
              : undefined,
          match: Match?.HTTP,
          fields: withoutUndefined({ PrefixRewrite: Destination?.PrefixRewrite }),
        })),
      };
    default:
      return undefined;
  }
}

function resolveOf(entry: consul.ServiceResolverConfigEntry, cluster: Cluster): ResolveRecord {
  const { Name = "", DefaultSubset, Redirect, Failover, ConnectTimeout, RequestTimeout, LoadBalancer } = entry;
  const failover = Object.entries(Failover ?? {}).map(([subset, each]): [string, readonly Reference[]] => [
    subset,
    failoverTargets(each).map((target) => referenceTo(target, cluster, Name)),
  ]);
  const record = withoutUndefined({
    defaultSubset: DefaultSubset || undefined,
    redirect: Redirect && referenceTo(Redirect, cluster, Name),
    failover: failover.length > 0 ? Object.fromEntries(failover) : undefined,
  });
  return {
    ...record,
    given: Object.keys(record),
    fields: withoutUndefined({ ConnectTimeout, RequestTimeout, LoadBalancer }),
  };
}

/** @param own the service whose rule it is */
function referenceTo(
  target: {
    readonly Service?: string;
    readonly ServiceSubset?: string;
    readonly Datacenter?: string;
    readonly Peer?: string;
    readonly Namespace?: string;
    readonly Partition?: string;
  },
  cluster: Cluster,
  own = "",
): Reference {
  return withoutUndefined({
    service: target.Service || own,
    subset: target.ServiceSubset || undefined,
    datacenter: target.Datacenter || undefined,
    peer: target.Peer || undefined,
    tenancy: tenancyOf(target, cluster),
  });
}

/** The tenancy that an entry of a cluster names, if it is not that of the cluster. */
function tenancyOf(
  target: { readonly Peer?: string; readonly Namespace?: string; readonly Partition?: string },
  { datacenter, tenancy }: Cluster,
): Tenancy | undefined {
  return target.Peer
    ? target.Namespace
      ? { namespace: target.Namespace }
      : undefined
    : placeSeenFrom({ datacenter, tenancy }, { datacenter, tenancy: tenancyIn(target, tenancy) }).tenancy;
}

function intentionsOf(
  { Name: destination = "", Sources }: consul.ServiceIntentionsConfigEntry,
  origin: Origin,
  cluster: Cluster,
): readonly IntentionRecord[] {
  // Names that only Terraform knows cannot be compared.
  const known = itemsOf(Sources).filter(({ Name }) => !isToken(Name) && !isToken(destination));
  const mesh = cluster.meshes[0].key;
  return known.map(({ Name: service = "", Peer, Action, Permissions, Description, ...place }) => ({
    ...{ origin, mesh, destination, follows: false, isGiven: true },
    source: withoutUndefined({
      service,
      peer: Peer || undefined,
      tenancy: tenancyOf({ ...place, Peer }, cluster),
    }),
    ...(itemsOf(Permissions).length > 0
      ? { permissions: itemsOf(Permissions).map((it) => HttpPermission.fromEntry(it)) }
      : {}),
    ...(!Permissions?.length && Action === "deny" && { isDenied: true }),
    ...(Description && { description: Description }),
  }));
}
