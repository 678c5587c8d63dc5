import { ANY_SERVICE } from "../constructs/consul/service-intentions";
import type * as consul from "../constructs/consul/generated/config-entries";
import { proxyServiceOf } from "../constructs/nomad/inbound-gateway-job";
import type * as nomad from "../constructs/nomad/generated/job";
import type { World } from "../constructs/model/config-entries";
import { discoveryChain, failoverTargets } from "../constructs/model/discovery-chain";
import { findIntention } from "../constructs/model/intentions";
import type { SynthesizedStack } from "../lab/apply/synthesized";
import {
  identityOf,
  readDocuments,
  type CatalogDocument,
  type EntryDocument,
  type JobDocument,
  type MeshDocuments,
} from "../lab/apply/documents";
import { Drafts, including, type NodeDraft, type Place } from "./drafts";
import { intentionRules, permissionOf } from "./intentions";
import type { MeshGraph, MeshJob, Permission } from "./model";
import { Peerings } from "./peerings";
import { gatewayRoutePhrase, routePhrase } from "./phrases";
import { datacenterOf, inPlaces, placeFrom, placeOfPeer, tenancyOf } from "./tenancies";
import { isQuery, serviceOf, wayOf } from "./upstreams";
import { worldOf } from "./world";

/** The mesh of an app, from what it synthesized: from just what would be deployed, whatever wrote it. */
export function readMeshGraph(stacks: readonly SynthesizedStack[]): MeshGraph {
  return new GraphReader(inPlaces(readDocuments(stacks))).read();
}

/** An upstream whose permission is looked up once everything is known. */
interface Reach {
  readonly source: NodeDraft;
  readonly destination: NodeDraft;
  readonly way: string;
  readonly matches?: readonly string[];
  readonly remarks?: readonly string[];
}

class GraphReader {
  private readonly peerings: Peerings;
  private readonly drafts: Drafts;
  private readonly world: World;
  private readonly reaches: Reach[] = [];
  private readonly protocols = new Map<string, string>();
  /** Whether sidecars take plain text from outside of the mesh too, by service, by its id. */
  private readonly tlsModes = new Map<string, string>();
  /** The same unless the service says otherwise, by datacenter. */
  private readonly tlsDefaults = new Map<string, string>();
  /** How proxies leave their datacenter unless something else is said, by datacenter. */
  private readonly gatewayModes = new Map<string, string>();
  private readonly notes: string[];

  constructor(private readonly documents: MeshDocuments) {
    this.peerings = new Peerings(documents);
    this.drafts = new Drafts(this.peerings);
    this.world = worldOf(documents, this.peerings);
    this.notes = [...documents.notes];
  }

  read(): MeshGraph {
    const { jobs, entries, catalog } = this.documents;
    const services = jobs.flatMap((document) => meshServicesOf(document));
    for (const service of services) this.addService(service);
    for (const instance of catalog) this.addExternal(instance);
    // What a service is before where it leads, and gateways before their routes.
    for (const document of entries) this.addDefaults(document);
    for (const document of entries) this.addGateway(document);
    for (const document of entries) this.addTraffic(document);
    for (const service of services) this.addUpstreams(service);
    this.addSubsets();
    this.addPermissions();
    this.addGatewayRemarks();
    this.addProtocols();
    this.addCallers();
    const { allGroups, allNodes, allEdges } = this.drafts;
    return { groups: allGroups, nodes: allNodes, edges: allEdges, notes: this.notes };
  }

  private addService({ document, group, service, proxyService }: MeshServiceDocument): void {
    const { Connect, Name = "" } = service;
    const gateway = gatewayKindOf(service);
    const node = this.drafts.node(Name, document, gateway ? "gateway" : Connect ? "service" : "external");
    if (gateway) node.gateway = gateway;
    else if (Connect) node.proxy = proxyOf(Connect);
    if (proxyService !== undefined) node.countedAs = proxyService;
    node.jobs = [...(node.jobs ?? []), jobOf(document, group)];
    const ports = (group.Networks ?? []).flatMap(({ ReservedPorts }) => ReservedPorts ?? []);
    const { PortLabel } = service;
    const port = ports.find(({ Label }) => Label === PortLabel)?.Value ?? PortLabel;
    if (port) node.port = String(port);
    const published = ports.flatMap(({ Value }) => (Value ? [Value] : []));
    if (published.length > 0) node.published = including(node.published, ...published);
    const checks = (service.Checks ?? []).map(({ Type = "?", Path }) => [Type, Path].filter(Boolean).join(" "));
    if (checks.length > 0) node.checks = including(node.checks, ...checks);
    this.addNomadGateway(node, document, Connect?.Gateway);
  }

  /** What stands in Nomad's gateway block, which Nomad writes to Consul. */
  private addNomadGateway(node: NodeDraft, place: Place, gateway: nomad.ConsulGateway | undefined): void {
    for (const { Port = 0, Protocol = "tcp", Services } of gateway?.Ingress?.Listeners ?? []) {
      this.addListener(node, place, { Port, Protocol, Services: Services ?? [] });
    }
    for (const { Name = "" } of gateway?.Terminating?.Services ?? []) this.addLinked(node, place, Name);
  }

  private addExternal({ name, address, ...place }: CatalogDocument): void {
    const node = this.drafts.node(name, place, "external");
    node.addresses = including(node.addresses, address);
  }

  private addDefaults({ entry, ...place }: EntryDocument): void {
    if (entry.Kind === "service-defaults") {
      const { Name = "", Protocol, Destination } = entry;
      const extensions = (entry.EnvoyExtensions ?? []).flatMap((extension) => extension.Name ?? []);
      for (const node of this.drafts.named(Name, place)) {
        if (Protocol) node.protocol ??= Protocol;
        if (entry.MutualTLSMode) this.tlsModes.set(node.id, entry.MutualTLSMode);
        if (extensions.length > 0) node.extensions = including(node.extensions, ...extensions);
        if (Destination) {
          const { Addresses, Port } = Destination;
          if (node.kind === "name") node.kind = "external";
          node.addresses = including(node.addresses, ...(Addresses ?? []).map((it) => (Port ? `${it}:${Port}` : it)));
        }
      }
    }
    if (entry.Kind === "proxy-defaults") {
      const { Config, MeshGateway, MutualTLSMode } = entry;
      if (MutualTLSMode) this.tlsDefaults.set(place.datacenter ?? "", MutualTLSMode);
      if (typeof Config?.protocol === "string") this.protocols.set(place.datacenter ?? "", Config.protocol);
      if (MeshGateway?.Mode) this.gatewayModes.set(place.datacenter ?? "", MeshGateway.Mode);
    }
    if (entry.Kind === "exported-services") {
      for (const { Name = "", Namespace, Consumers } of entry.Services ?? []) {
        if (Name === ANY_SERVICE) continue;
        const there = { datacenter: placeFrom(place.datacenter, { Namespace }) };
        const consumers = (Consumers ?? []).map((consumer) => this.consumerPhrase(consumer, place));
        for (const node of this.drafts.named(Name, there)) node.exportedTo = including(node.exportedTo, ...consumers);
      }
    }
  }

  private addGateway({ entry, ...place }: EntryDocument): void {
    if (entry.Kind === "ingress-gateway") {
      const node = this.gateway(entry.Name ?? "", place, "ingress");
      for (const { Port = 0, Protocol = "tcp", Services } of entry.Listeners ?? []) {
        this.addListener(node, place, { Port, Protocol, Services: Services ?? [] });
      }
    }
    if (entry.Kind === "terminating-gateway") {
      const node = this.gateway(entry.Name ?? "", place, "terminating");
      for (const { Name: linked = "", Namespace } of entry.Services ?? []) {
        this.addLinked(node, { datacenter: placeFrom(place.datacenter, { Namespace }) }, linked);
      }
    }
    if (entry.Kind === "api-gateway") {
      const node = this.gateway(entry.Name ?? "", place, "api");
      node.listeners = (entry.Listeners ?? []).map(({ Protocol = "tcp", Port = 0, Hostname }) =>
        [Protocol, `:${Port}`, Hostname].filter(Boolean).join(" "),
      );
    }
  }

  private gateway(name: string, place: Place, kind: NonNullable<NodeDraft["gateway"]>): NodeDraft {
    const node = this.drafts.node(name, place, "gateway");
    node.gateway = kind;
    return node;
  }

  private addListener(gateway: NodeDraft, place: Place, listener: IngressListener): void {
    const way = `${listener.Protocol} :${listener.Port}`;
    gateway.listeners = including(gateway.listeners, way);
    for (const { Name = "", Hosts, ...fields } of listener.Services) {
      const there = { datacenter: placeFrom(place.datacenter, fields) };
      const destination = Name === ANY_SERVICE ? this.drafts.any(place, "destination") : this.drafts.node(Name, there);
      this.reaches.push({ source: gateway, destination, way, matches: Hosts?.length ? [...Hosts] : undefined });
    }
  }

  private addLinked(gateway: NodeDraft, place: Place, name: string): void {
    const destination = name === ANY_SERVICE ? this.drafts.any(place, "destination") : this.drafts.node(name, place);
    if (destination.kind === "name") destination.kind = "external";
    this.drafts.edge("carries", gateway, destination);
  }

  private addTraffic({ entry, ...place }: EntryDocument): void {
    switch (entry.Kind) {
      case "service-resolver":
        for (const service of this.owners(entry.Name ?? "", place)) this.addResolver(service, place, entry);
        break;
      case "service-splitter":
        for (const service of this.owners(entry.Name ?? "", place)) {
          for (const { Weight = 0, ...split } of entry.Splits ?? []) {
            const edge = this.drafts.edge("split", service, this.target(service, place, split));
            edge.weight = (edge.weight ?? 0) + Weight;
          }
        }
        break;
      case "service-router":
        for (const service of this.owners(entry.Name ?? "", place)) {
          for (const { Match, Destination = {} } of entry.Routes ?? []) {
            const target = this.target(service, place, Destination);
            // One that leads nowhere is there for its retries, timeouts and headers.
            if (target === service && !Match?.HTTP && !Destination.PrefixRewrite) continue;
            const edge = this.drafts.edge("route", service, target);
            edge.matches = including(edge.matches, routePhrase(Match ?? {}));
            if (Destination.PrefixRewrite) {
              edge.remarks = including(edge.remarks, `the path prefix becomes ${Destination.PrefixRewrite}`);
            }
          }
        }
        break;
      case "http-route":
        this.addGatewayRoute(
          entry,
          place,
          (entry.Rules ?? []).flatMap(({ Matches, Services }) =>
            (Services ?? []).map(({ Name = "", ...fields }) => ({
              ...{ name: Name, datacenter: placeFrom(place.datacenter, fields) },
              matches: (Matches ?? []).map(gatewayRoutePhrase),
            })),
          ),
          entry.Hostnames ?? [],
        );
        break;
      case "tcp-route":
        this.addGatewayRoute(
          entry,
          place,
          (entry.Services ?? []).map(({ Name = "", ...fields }) => ({
            ...{ name: Name, datacenter: placeFrom(place.datacenter, fields), matches: [] },
          })),
          [],
        );
        break;
    }
  }

  /** Whose traffic an entry is about; a mere name that leads on is a service all the same. */
  private owners(name: string, place: Place): readonly NodeDraft[] {
    const owners = this.drafts.named(name, place);
    for (const owner of owners) if (owner.kind === "name") owner.kind = "virtual";
    return owners;
  }

  private addResolver(service: NodeDraft, place: Place, entry: consul.ServiceResolverConfigEntry): void {
    for (const [name, { Filter }] of Object.entries(entry.Subsets ?? {})) {
      const subset = this.drafts.subset(service, name);
      if (Filter) subset.filter = Filter;
      if (name === entry.DefaultSubset) subset.isDefault = true;
    }
    const { Redirect, Failover } = entry;
    if (Redirect) this.drafts.edge("redirect", service, this.target(service, place, Redirect));
    for (const [name, failover] of Object.entries(Failover ?? {})) {
      const source = name === ANY_SERVICE ? service : this.drafts.subset(service, name);
      for (const [index, target] of failoverTargets(failover).entries()) {
        const edge = this.drafts.edge("failover", source, this.target(service, place, target));
        edge.choice ??= index + 1;
      }
    }
  }

  private addGatewayRoute(
    { Parents }: { readonly Parents?: readonly consul.ResourceReference[] },
    place: Place,
    services: readonly { readonly name: string; readonly datacenter?: string; readonly matches: readonly string[] }[],
    hosts: readonly string[],
  ): void {
    for (const { Name = "", SectionName } of Parents ?? []) {
      const source = this.gateway(Name, place, "api");
      const way = SectionName ? `listener ${SectionName}` : "every listener";
      for (const { name, datacenter, matches } of services) {
        const destination = this.drafts.node(name, { datacenter });
        this.reaches.push({
          ...{ source, destination, way },
          matches: matches.length > 0 ? matches : undefined,
          remarks: hosts.length > 0 ? [`for the hosts ${hosts.join(", ")}`] : undefined,
        });
      }
    }
  }

  /** Where a resolver, splitter or router leads; what it leaves out is as it was. */
  private target(service: NodeDraft, place: Place, target: Target): NodeDraft {
    const { Service, ServiceSubset, Datacenter, Peer, SamenessGroup, Namespace, Partition } = target;
    const there = {
      datacenter: Peer ? place.datacenter : placeFrom(place.datacenter, target, Datacenter),
      ...{ peer: placeOfPeer(Peer, target), samenessGroup: SamenessGroup },
    };
    const isElsewhere = Boolean(Datacenter || Peer || SamenessGroup || Namespace || Partition);
    const node = Service || isElsewhere ? this.drafts.node(Service || service.name, there) : service;
    return ServiceSubset ? this.drafts.subset(node, ServiceSubset) : node;
  }

  private addUpstreams({ document, service }: MeshServiceDocument): void {
    const source = this.drafts.node(service.Name ?? "", document);
    for (const upstream of service.Connect?.SidecarService?.Proxy?.Upstreams ?? []) {
      const { DestinationName = "", DestinationPeer, Datacenter } = upstream;
      const destination = serviceOf(this.documents, upstream, document.datacenter);
      if (destination === undefined) {
        this.notes.push(
          `The upstream of ${source.name} to the prepared query ${DestinationName} is not drawn: the app does not say which service it looks up.`,
        );
        continue;
      }
      const fields = { Namespace: upstream.DestinationNamespace, Partition: upstream.DestinationPartition };
      const place = {
        datacenter: DestinationPeer ? document.datacenter : placeFrom(document.datacenter, fields, Datacenter),
        peer: placeOfPeer(DestinationPeer, fields),
      };
      const mode = upstream.MeshGateway?.Mode;
      const remarks = [
        ...(isQuery(upstream) ? [`by the prepared query ${DestinationName}, without traffic rules`] : []),
        ...(mode && mode !== "none" ? [`${THROUGH_GATEWAY}, mode ${mode}`] : []),
      ];
      this.reaches.push({
        source,
        destination: this.drafts.node(destination, place),
        way: wayOf(upstream),
        ...(remarks.length > 0 && { remarks }),
      });
    }
  }

  /** Each subset hangs on its service, by whatever leads there. */
  private addSubsets(): void {
    const led = new Set(this.drafts.allEdges.map(({ source, destination }) => JSON.stringify([source, destination])));
    for (const subset of this.drafts.allNodes) {
      if (subset.subsetOf === undefined || led.has(JSON.stringify([subset.subsetOf, subset.id]))) continue;
      const service = this.drafts.get(subset.subsetOf);
      if (service) this.drafts.edge("subset", service, subset);
    }
  }

  private addPermissions(): void {
    for (const { source, destination, way, matches, remarks } of this.reaches) {
      const edge = this.drafts.edge("connection", source, destination);
      edge.ways = including(edge.ways, way);
      if (matches) edge.matches = including(edge.matches, ...matches);
      if (remarks) edge.remarks = including(edge.remarks, ...remarks);
      edge.permission = this.permission(source, destination);
    }
    for (const { source, peer, from = "", destination, datacenter, permission } of intentionRules(
      this.documents.entries,
    )) {
      if (permission.allowed === "no") continue;
      const there = { datacenter: peer === undefined ? from || undefined : datacenter, peer };
      const sources =
        source === ANY_SERVICE
          ? [this.drafts.any(there, "source")]
          : peer === undefined
            ? this.drafts.named(source, there)
            : [this.drafts.node(source, { datacenter, peer })];
      const targets =
        destination === ANY_SERVICE
          ? [this.drafts.any({ datacenter }, "destination")]
          : this.drafts.named(destination, { datacenter });
      for (const one of sources) {
        for (const to of targets) this.drafts.edge("connection", one, to).permission ??= permission;
      }
    }
    for (const { source, destination } of this.reaches) {
      for (const { node, isFailover } of this.endsOf(destination)) {
        const edge = this.drafts.findEdge("connection", source, node);
        if (!edge || edge.ways) continue;
        const when = isFailover ? ", if no instance is healthy" : "";
        edge.remarks = including(edge.remarks, `by way of ${destination.name}${when}`);
      }
    }
  }

  /** Between datacenters. What an upstream says of it itself is told already. */
  private addGatewayRemarks(): void {
    const gateways = this.drafts.allNodes.filter(({ gateway }) => gateway === "mesh").map(({ group }) => group);
    for (const edge of this.drafts.allEdges) {
      const [here, there] = [edge.source, edge.destination].map((id) => this.drafts.get(id)?.group);
      if (here === undefined || there === undefined || here === there || !gateways.includes(there)) continue;
      const mode = this.gatewayModes.get(here) ?? (this.peerings.arePeers(here, there) ? "remote" : "none");
      if (mode === "none" || edge.remarks?.some((remark) => remark.startsWith(THROUGH_GATEWAY))) continue;
      if (mode === "local" && !gateways.includes(here)) continue;
      const which = mode === "local" ? `gateways of ${here} and ${there}` : `gateway of ${there}`;
      edge.remarks = including(edge.remarks, `through the mesh ${which}`);
    }
  }

  /**
   * The services at which requests for a name end, in the order of their names. What a peer outside of the app does with
   * them is not known here.
   */
  private endsOf(destination: NodeDraft): readonly { readonly node: NodeDraft; readonly isFailover: boolean }[] {
    const { name, group } = destination;
    if (this.drafts.isOfPeer(group)) return [{ node: destination, isFailover: false }];
    const home = group ?? "";
    const ends = discoveryChain(this.world, { datacenter: home, service: name }).flatMap((end) => {
      const { datacenter, service, isFailover } = end;
      const there = this.world.entries.has(datacenter) ? { datacenter } : { datacenter: home, peer: datacenter };
      const node = this.drafts.find(service, there) ?? this.drafts.find(service, { datacenter });
      return node === undefined ? [] : [{ node, isFailover }];
    });
    return ends.sort((left, right) => (left.node.id < right.node.id ? -1 : 1));
  }

  /** A virtual service has no door: those to which it leads decide. */
  private virtualPermission(source: NodeDraft, destination: NodeDraft): Permission {
    const decisions = this.endsOf(destination)
      .filter(({ node, isFailover }) => node !== destination && !isFailover)
      .map(({ node }) => ({ name: node.name, permission: this.permission(source, node) }));
    const [allowed, ...others] = new Set(decisions.map(({ permission }) => permission.allowed));
    if (decisions.length === 0) return { allowed: "unknown" };
    if (allowed !== "some requests" && others.length === 0) return { allowed };
    const rules = decisions.flatMap(({ name, permission }) =>
      (permission.rules ?? [ALLOWED_WORDS[permission.allowed]]).map((rule) => `at ${name}: ${rule}`),
    );
    return { allowed: "some requests", rules };
  }

  private permission(source: NodeDraft, destination: NodeDraft): Permission {
    if (destination.kind === "virtual") return this.virtualPermission(source, destination);
    // Which services a peer outside of the app lets in is stated there.
    if (this.drafts.isOfPeer(destination.group)) return { allowed: "unknown" };
    const { group } = destination;
    const peer = this.peerings.arePeers(source.group, group) ? datacenterOf(source.group) : undefined;
    const name = destination.kind === "any" ? ANY_SERVICE : destination.name;
    const tenancies = { tenancy: tenancyOf(source.group), at: tenancyOf(group) };
    const intention = findIntention(
      this.world.entries.get(group ?? ""),
      { service: source.name, peer, ...tenancies },
      name,
    );
    if (intention) return permissionOf(intention);
    // Who may reach what another team owns is for that team to say.
    const isOwn = destination.kind !== "name" && destination.kind !== "any";
    return { allowed: isOwn ? "no" : "unknown" };
  }

  private consumerPhrase({ Peer, Partition, SamenessGroup }: consul.ServiceConsumer, { datacenter }: Place): string {
    if (Peer) return `${this.peerings.arePeers(datacenter, Peer) ? "datacenter" : "peer"} ${Peer}`;
    return SamenessGroup ? `sameness group ${SamenessGroup}` : `partition ${Partition ?? "?"}`;
  }

  /** What lets callers from outside of the mesh in: listeners of gateways, published ports, and sidecars that take plain text. */
  private addCallers(): void {
    const add = (node: NodeDraft, ways: readonly string[], remark?: string) => {
      if (ways.length === 0) return;
      const edge = this.drafts.edge("enters", this.drafts.callers(node.group), node);
      edge.ways = including(edge.ways, ...ways);
      if (remark !== undefined) edge.remarks = including(edge.remarks, remark);
    };
    for (const node of this.drafts.allNodes) {
      const { kind, gateway, listeners = [], published = [], proxy } = node;
      if (gateway === "api" || gateway === "ingress") add(node, listeners);
      if (kind !== "service") continue;
      const ports = published.map((port) => `port ${port} of its hosts`);
      add(node, ports, "past the Envoys: no intention decides, and nothing is counted");
      const mode = this.tlsModes.get(node.id) ?? this.tlsDefaults.get(node.group ?? "");
      // Others take connections to their own port on loopback only.
      if (mode === "permissive" && proxy === "transparent proxy")
        add(node, ["its own port"], "without mutual TLS, which is permissive");
    }
  }

  private addProtocols(): void {
    const fallback = this.protocols.get("");
    for (const node of this.drafts.allNodes) {
      if (node.kind === "service") node.protocol ??= this.protocols.get(node.group ?? "") ?? fallback ?? "tcp";
    }
  }
}

const THROUGH_GATEWAY = "through the mesh gateway";

const ALLOWED_WORDS: Readonly<Record<Permission["allowed"], string>> = {
  all: "everything",
  "some requests": "some requests",
  no: "nothing",
  unknown: "as its owner decides",
};

/** A service of a job that takes part in the mesh. */
interface MeshServiceDocument {
  readonly document: JobDocument;
  readonly group: nomad.TaskGroup;
  readonly service: nomad.Service;
  /** The service by which a gateway's Envoy reaches Consul, where it has one. */
  readonly proxyService?: string;
}

interface IngressListener {
  readonly Port: number;
  readonly Protocol: string;
  readonly Services: readonly Pick<consul.IngressService, "Name" | "Hosts" | "Namespace" | "Partition">[];
}

/** What resolvers, splitters and routers lead to, in the words that they share. */
interface Target {
  readonly Service?: string;
  readonly ServiceSubset?: string;
  readonly Datacenter?: string;
  readonly Peer?: string;
  readonly Namespace?: string;
  readonly Partition?: string;
  readonly SamenessGroup?: string;
}

/** A gateway that is registered as one and its proxy service are one box. */
function meshServicesOf(document: JobDocument): MeshServiceDocument[] {
  return (document.job.TaskGroups ?? []).flatMap((group) => {
    const services = group.Services ?? [];
    const names = new Set(services.map(({ Name = "" }) => Name));
    const proxyServices = new Set(services.filter(gatewayKindOf).map(({ Name = "" }) => proxyServiceOf(Name)));
    return services
      .filter(({ Name = "" }) => !proxyServices.has(Name))
      .map((service) => {
        const proxyService = proxyServiceOf(service.Name ?? "");
        return { document, group, service, ...(gatewayKindOf(service) && names.has(proxyService) && { proxyService }) };
      });
  });
}

function jobOf({ job, stack }: JobDocument, { Name, Count = 1 }: nomad.TaskGroup): MeshJob {
  const { ID: id, Namespace: namespace } = identityOf(job);
  const { Type = "service" } = job;
  const kind = job.Periodic ? "periodic" : job.ParameterizedJob ? "parameterized" : Type;
  return {
    ...{ id, stack, instances: Count },
    ...(Name && Name !== id && { group: Name }),
    ...(namespace !== "default" && { namespace }),
    ...(kind !== "service" && { kind: kind as MeshJob["kind"] }),
  };
}

function gatewayKindOf({ Kind, Connect }: nomad.Service): NodeDraft["gateway"] {
  if (Kind === "api-gateway") return "api";
  if (Kind === "ingress-gateway" || Connect?.Gateway?.Ingress) return "ingress";
  if (Kind === "terminating-gateway" || Connect?.Gateway?.Terminating) return "terminating";
  return Kind === "mesh-gateway" || Connect?.Gateway?.Mesh ? "mesh" : undefined;
}

function proxyOf(connect: nomad.ConsulConnect | undefined): NodeDraft["proxy"] {
  if (connect?.Native) return "connect native";
  return connect?.SidecarService?.Proxy?.TransparentProxy ? "transparent proxy" : "sidecar";
}
