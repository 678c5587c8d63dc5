import type { TerraformResource } from "cdktf";
import type { IConstruct } from "constructs";
import type * as consul from "../consul/generated/config-entries";
import { normalizationOf, type RequestNormalization } from "../consul/mesh-config";
import { ANY_SERVICE } from "../consul/service-intentions";
import { fullTenancy, partitionOf, tenancyOfKind, tenancyText, type Tenancy } from "../consul/tenancy";
import type * as nomad from "../nomad/generated/job";
import { append } from "../core/collections";
import { fromTerraformJson } from "../core/terraform-json";
import { areOtherPartitions, Cluster, federatedName, peerName, sourceSeenIn } from "./cluster";
import type { ConfigEntries, ConfigEntryKind, ConfigEntryOf, World } from "./config-entries";
import { discoveryChain, type ChainEnd } from "./discovery-chain";
import { keyOf, type EntryKey, type Need } from "./needs";
import { constructAt } from "./origin";
import { placeOf, type Place } from "./place";
import { placeName } from "./place-name";
import type {
  ExternalServiceRecord,
  GatewayRecord,
  GatewayRouteRecord,
  GraphData,
  ImportedServiceRecord,
  InstancesRecord,
  IntentionRecord,
  JobRecord,
  MemberRecord,
  Origin,
  Reference,
  ServiceRecord,
  StackEdge,
  SubsetRecord,
  TrafficOwnerRecord,
  TrafficRecord,
  UpstreamRecord,
} from "./records";
import { mergeTraffic, readGivenEntries, type GivenEntry, type GivenRecords } from "./given-entries";
import { nameOf, plainEntriesIn } from "./plain-entries";
import { noTraffic, referencesOf } from "./traffic";
import { mergeUpstreams } from "./upstream";

/** A resource whose content is rendered from the graph. */
export interface Emission<Content extends object = object> {
  readonly origin: Origin;
  /** Whether the content of a config entry is rendered from the records, instead of being written manually. @default false */
  readonly isDerived?: boolean;
  /** Key of the mesh to whose cluster the content belongs. @default that of the stack */
  readonly mesh?: string;
  /** The config entry or the key of the job that the resource contains. */
  readonly subject: { readonly entry: EntryKey } | { readonly job: string };
  readonly resource: TerraformResource;
  /** Renders the content; `undefined` if nothing is to be emitted. */
  readonly render: (snapshot: Snapshot) => Content | undefined;
  readonly needs: (snapshot: Snapshot) => readonly Need[];
  /** Writes the content to the resource, after the graph is closed. */
  readonly write: (content: Content | undefined) => void;
}

/** A service that receives requests, in a cluster of this app. */
export interface Destination extends Pick<ChainEnd, "service" | "isRewritten"> {
  /** The cluster of the service. */
  readonly cluster: Cluster;
}

/** Returns the content with which the user has replaced the rendered content, with `addOverride` of CDKTF. */
function writtenOver({ subject, resource }: Emission): object | undefined {
  const { rawOverrides } = resource as unknown as { readonly rawOverrides: Readonly<Record<string, unknown>> };
  return fromTerraformJson(rawOverrides["job" in subject ? "jobspec" : "config_json"]);
}

/** The config entries of clusters that can reach each other, and these clusters by the names of their places. */
interface ClustersOfWorld {
  readonly world: World;
  readonly homes: ReadonlyMap<string, Cluster>;
}

function clusterKey(datacenterKey: string, tenancy: Tenancy): string {
  return `${datacenterKey}\n${tenancyText(tenancy)}`;
}

/** Tells clusters of one datacenter, and of one partition, about each other. */
function joinTenancies(clusters: readonly Cluster[]): void {
  const byDatacenter = new Map<string, Cluster[]>();
  const byPartition = new Map<string, Cluster[]>();
  for (const cluster of clusters) {
    const { datacenterKey, tenancy } = cluster;
    append(byDatacenter, datacenterKey, cluster);
    append(byPartition, clusterKey(datacenterKey, { partition: partitionOf(tenancy) }), cluster);
  }
  for (const mates of byDatacenter.values()) {
    mates.forEach((cluster) => (cluster.datacenterMates = mates));
  }
  for (const mates of byPartition.values()) {
    mates.forEach((cluster) => (cluster.partitionMates = mates));
  }
}

/** Identifies a config entry among those of all clusters. */
function indexOf(cluster: Cluster | undefined, key: EntryKey): string {
  const tenancy = tenancyOfKind(key.kind, key.tenancy ?? cluster?.tenancy ?? {});
  return `${cluster?.datacenterKey ?? ""}\n${tenancyText(tenancy)}\n${keyOf(key)}`;
}

function isSame(one: object | undefined, other: object | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** The traffic rules of most names. This object is only read. */
const NO_TRAFFIC = noTraffic();

/** The state of the graph at one time: the clusters of an app, and what is derived from them. */
export class Snapshot {
  /** The Consul datacenters of the app; with Consul Enterprise, the namespaces of their partitions. */
  readonly clusters: readonly Cluster[];
  /**
   * Dependency cycles of stacks, set when the stacks are ordered.
   *
   * @internal
   */
  stackCycles: readonly (readonly StackEdge[])[] = [];
  /**
   * Elements that could not be rendered, with the error.
   *
   * @internal
   */
  readonly failures: { readonly origin: string; readonly error: unknown }[] = [];

  private readonly byMesh = new Map<string, Cluster>();
  private readonly byStack = new Map<string, Cluster>();
  private readonly places = new Map<string, Place>();
  private readonly entryEmissions = new Map<string, Emission[]>();
  private readonly jobEmissions = new Map<string, Emission[]>();
  private readonly contents = new Map<Emission, object | undefined>();
  private readonly worlds = new Map<string, ClustersOfWorld>();
  private readonly byPlace = new Map<string, Cluster>();
  private readonly destinations = new Map<TrafficOwnerRecord, readonly Destination[]>();
  private readonly versions = new Map<string, InstancesRecord[]>();
  private readonly imported = new Map<string, ImportedServiceRecord>();
  private readonly plainEntries = new Map<string, GivenEntry>();
  private readonly given = new Map<Cluster, GivenRecords>();

  /**
   * @internal Returns the state of a graph. Config entries that are written manually are rendered twice: first to know what they add to the
   * records, which the functions of the entries do not see yet, and then from the complete graph.
   */
  static of(root: IConstruct, data: Readonly<GraphData>, emissions: readonly Emission[]): Snapshot {
    const stated = new Snapshot(root, data, emissions, []);
    const written = stated.writtenEntries();
    return written.length === 0 ? stated : new Snapshot(root, data, emissions, written);
  }

  private constructor(
    /** The app's own construct. */
    readonly root: IConstruct,
    /** The records of the app. */
    readonly data: Readonly<GraphData>,
    /** @internal */
    readonly emissions: readonly Emission[],
    written: readonly GivenEntry[],
  ) {
    this.clusters = this.findClusters();
    this.indexEmissions();
    this.readGiven(written);
    this.findPeers();
    this.followRules();
    for (const [cluster, { intentions }] of this.given) {
      intentions.forEach((intention) => {
        cluster.addIntention(intention);
      });
    }
  }

  /** Returns the cluster of a mesh. */
  clusterOf(mesh: string): Cluster {
    const found = this.byMesh.get(mesh);
    if (found === undefined) {
      throw new Error(`No mesh has the key ${mesh}.`);
    }
    return found;
  }

  /** Returns the cluster of the meshes with elements in a stack. */
  clusterOfStack(stack: string): Cluster | undefined {
    return this.byStack.get(stack);
  }

  /**
   * Returns the cluster to which the content of a resource belongs. A stack has one datacenter, and can have several tenancies.
   *
   * @internal
   */
  clusterOfEmission({ mesh, origin }: Pick<Emission, "mesh" | "origin">): Cluster | undefined {
    const ofStack = this.byStack.get(origin.stack);
    const own = mesh === undefined ? undefined : this.byMesh.get(mesh);
    return own === undefined || (ofStack !== undefined && ofStack.datacenterKey !== own.datacenterKey) ? ofStack : own;
  }

  /**
   * Returns the cluster of a tenancy in the datacenter of another cluster, if the app has one.
   *
   * @internal
   */
  clusterAt(cluster: Cluster | undefined, tenancy: Tenancy | undefined): Cluster | undefined {
    return cluster === undefined || tenancy === undefined
      ? cluster
      : this.byPlace.get(clusterKey(cluster.datacenterKey, tenancy));
  }

  /** Returns the cluster of a member, or `undefined` if another team owns it. */
  home(member: MemberRecord): Cluster | undefined {
    return member.mesh === undefined ? undefined : this.clusterOf(member.mesh);
  }

  /** Returns the clusters of a stack, according to its providers. */
  placeOf(stack: string): Place {
    const known = this.places.get(stack);
    if (known !== undefined) {
      return known;
    }
    const construct = constructAt(this.root, stack);
    const place = construct === undefined ? { consul: {}, nomad: {} } : placeOf(construct);
    this.places.set(stack, place);
    return place;
  }

  /**
   * Returns a text that is equal for jobs in the same Nomad: its cluster, address and region.
   *
   * @internal
   */
  nomadOf({ mesh, region, origin }: Pick<JobRecord, "mesh" | "region" | "origin">): string {
    const { nomad } = this.placeOf(this.data.meshes.get(mesh)?.origin.stack ?? origin.stack);
    const meshRegion = this.data.meshes.get(mesh)?.region;
    return JSON.stringify([this.clusterOf(mesh).datacenterKey, nomad.address, region ?? meshRegion ?? nomad.region]);
  }

  /** Returns the member to which a rule or connection of a cluster refers, or `undefined` if it is not in the app. */
  resolve(
    cluster: Cluster,
    { service, member, peer, datacenter, tenancy }: Reference,
  ): Exclude<MemberRecord, GatewayRecord> | undefined {
    if (member !== undefined) {
      const given = this.data.members.get(member) ?? cluster.members.find(({ key }) => key === member);
      return given?.kind === "gateway" ? undefined : given;
    }
    const other =
      peer ?? (datacenter !== undefined && cluster.primaryDatacenter !== undefined ? datacenter : undefined);
    const home = other === undefined ? this.clusterAt(cluster, tenancy) : this.clusterIn(other, tenancy);
    return home?.findService(service) ?? (peer === undefined ? this.importedService(service) : undefined);
  }

  /** Returns a service of another team, by its name. */
  importedService(name: string): ImportedServiceRecord | undefined {
    return this.imported.get(name);
  }

  /**
   * Returns the destination of an upstream of a cluster. If the destination's cluster is not in the app, its service is assumed
   * to use the protocol of the service with the same name in this cluster.
   */
  destinationOf(cluster: Cluster, { destination }: UpstreamRecord): Exclude<MemberRecord, GatewayRecord> | undefined {
    return this.resolve(cluster, destination) ?? cluster.findService(destination.service);
  }

  /** Returns the cluster of a datacenter, if the app has one. @param tenancy its partition and namespace; default: the default ones */
  clusterIn(datacenter: string, tenancy: Tenancy = {}): Cluster | undefined {
    const place = placeName(datacenter, tenancy);
    return this.clusters.find((cluster) => cluster.place === place);
  }

  /** Returns the traffic rules of a service; without any rules, all requests go to the service itself. */
  trafficOf(owner: TrafficOwnerRecord): TrafficRecord {
    return this.rulesFor(owner) ?? NO_TRAFFIC;
  }

  /** Returns the subsets of a service, by name. */
  subsetsOf(member: MemberRecord): ReadonlyMap<string, SubsetRecord> {
    return (this.rulesFor(member) ?? NO_TRAFFIC).subsets;
  }

  /** Returns the stated traffic rules of a service, together with those in config entries that are written manually. */
  private rulesFor(member: MemberRecord): TrafficRecord | undefined {
    const stated = this.data.traffic.get(member.key);
    const home = this.given.size === 0 ? undefined : this.home(member);
    const given = home && this.given.get(home)?.traffic.get(member.name);
    return given === undefined ? stated : mergeTraffic(stated, given);
  }

  /**
   * Returns the members of a cluster with traffic rules.
   *
   * @internal
   */
  ruleOwnersOf(cluster: Cluster): readonly TrafficOwnerRecord[] {
    const { traffic } = this.data;
    const given = this.given.get(cluster)?.traffic;
    return traffic.size === 0 && given === undefined
      ? []
      : cluster.trafficOwners.filter(({ key, name }) => traffic.has(key) || given?.has(name) === true);
  }

  /** Returns the routes of the gateway with this key. */
  routesOf(gateway: string): readonly GatewayRouteRecord[] {
    const given = this.givenFor(gateway, ({ routes }) => routes);
    const stated = this.data.routes.get(gateway) ?? [];
    return given === undefined ? stated : [...stated, ...given];
  }

  /** Returns the part of the records that are written manually for the gateway with this key. */
  private givenFor<Part>(
    gateway: string,
    partOf: (records: GivenRecords) => ReadonlyMap<string, Part>,
  ): Part | undefined {
    for (const [cluster, records] of this.given) {
      const name = cluster.gateways.find(({ key }) => key === gateway)?.name;
      if (name !== undefined) {
        return partOf(records).get(name);
      }
    }
    return undefined;
  }

  /**
   * Returns the services to which a route for all services leads, except for those that another route of its listener names.
   * Consul selects services with an Envoy and with the listener's protocol.
   *
   * @internal
   */
  servicesBehind(gateway: GatewayRecord, route: GatewayRouteRecord): readonly ServiceRecord[] {
    const protocol = gateway.listeners.find(({ port }) => port === route.listener)?.protocol;
    const named = this.routesOf(gateway.key)
      .filter(({ listener }) => listener === route.listener)
      .flatMap(({ targets }) => targets.map(({ service }) => service));
    return this.clusterOf(gateway.mesh).members.filter(
      (member): member is ServiceRecord =>
        member.kind === "service" &&
        member.protocol === protocol &&
        !named.includes(member.name) &&
        this.instancesOf(member.key).some(({ port }) => port !== undefined),
    );
  }

  /** Returns the external services to which the terminating gateway with this key leads. */
  outsideServicesOf(gateway: string): readonly ExternalServiceRecord[] {
    const stated = [...(this.data.outside.get(gateway) ?? [])].map((key) => this.data.members.get(key));
    const given = this.givenFor(gateway, ({ outside }) => outside) ?? new Set<string>();
    const named =
      given.size === 0
        ? []
        : this.clusters.flatMap(({ gateways, members }) =>
            gateways.some(({ key }) => key === gateway)
              ? members.filter(({ name }) => given.has(name) || given.has(ANY_SERVICE))
              : [],
          );
    return [...new Set([...stated, ...named])].flatMap((member) => (member?.kind === "external service" ? member : []));
  }

  /**
   * Returns the upstreams that were stated for these instances themselves.
   *
   * @internal
   */
  ownUpstreamsOf({ key }: InstancesRecord): readonly UpstreamRecord[] {
    return [...(this.data.upstreams.get(key)?.values() ?? [])];
  }

  /** Returns all upstreams of the instances, including those that a version inherits from its service. */
  upstreamsOf(instances: InstancesRecord): readonly UpstreamRecord[] {
    const own = this.data.upstreams.get(instances.key);
    const inherited = this.inheritedUpstreamsOf(instances);
    if (inherited.size === 0) {
      return [...(own?.values() ?? [])];
    }
    const extended = [...inherited].map(([id, upstream]) => {
      const added = own?.get(id);
      return added === undefined ? upstream : mergeUpstreams(upstream, added);
    });
    return [...extended, ...[...(own ?? [])].filter(([id]) => !inherited.has(id)).map(([, upstream]) => upstream)];
  }

  /**
   * Returns all upstreams of the instances with this key, and their cluster.
   *
   * @internal
   */
  waysOf(key: string): { readonly upstreams: readonly UpstreamRecord[]; readonly cluster: Cluster } {
    const instances = this.data.instances.get(key);
    const job = instances && this.data.jobs.get(instances.job);
    if (instances === undefined || job === undefined) {
      throw new Error(`No instances have the key ${key}.`);
    }
    return { upstreams: this.upstreamsOf(instances), cluster: this.clusterOf(job.mesh) };
  }

  /**
   * Returns the inherited upstreams by id.
   *
   * @internal
   */
  inheritedUpstreamsOf({ inherits }: InstancesRecord): ReadonlyMap<string, UpstreamRecord> {
    return (
      (inherits === undefined ? undefined : this.data.upstreams.get(inherits)) ?? new Map<string, UpstreamRecord>()
    );
  }

  /** Returns all instances of a service, in all jobs. */
  instancesOf(service: string): readonly InstancesRecord[] {
    return this.versions.get(service) ?? [];
  }

  /** Returns the services of this app that receive requests for a name. */
  destinationsOf(owner: TrafficOwnerRecord): readonly Destination[] {
    const known = this.destinations.get(owner);
    if (known !== undefined) {
      return known;
    }
    const found = this.findDestinations(owner);
    this.destinations.set(owner, found);
    return found;
  }

  private findDestinations(owner: TrafficOwnerRecord): readonly Destination[] {
    const cluster = this.clusterOf(owner.mesh);
    const { world, homes } = this.worldOf(cluster);
    return discoveryChain(world, { datacenter: cluster.place, service: owner.name }).flatMap((end) => {
      const home = homes.get(end.datacenter);
      return home === undefined ? [] : [{ cluster: home, service: end.service, isRewritten: end.isRewritten }];
    });
  }

  /**
   * Returns how the Envoys of the mesh with this key normalize requests. It is `undefined` if only Consul's default applies, or
   * if another stack or team configures it.
   *
   * @internal
   */
  requestNormalizationOf(mesh: string): Required<RequestNormalization> | undefined {
    const cluster = this.clusterOf(mesh);
    const sharing = cluster.partitionMates;
    // The first namespace of a partition writes the entry for all of them.
    const writer = sharing[0] === cluster ? mesh : sharing[0].meshes[0].key;
    const { ownsMeshConfig = false, requestNormalization } = this.data.meshes.get(writer) ?? {};
    return ownsMeshConfig
      ? normalizationOf(
          { requestNormalization },
          sharing.some(({ hasPermissions }) => hasPermissions),
        )
      : undefined;
  }

  /**
   * Returns the content of a resource, which is rendered once.
   *
   * @internal
   */
  contentOf(emission: Emission): object | undefined {
    const content = this.renderedOf(emission);
    return content !== undefined && this.isRepeated(emission) ? undefined : content;
  }

  private renderedOf(emission: Emission): object | undefined {
    if (!this.contents.has(emission)) {
      this.contents.set(emission, this.render(emission));
    }
    return this.contents.get(emission);
  }

  /** Whether a service of the same name in another datacenter of the federation has the same config entry, and emits it. */
  private isRepeated(emission: Emission): boolean {
    const before = this.sharedEmissions(emission);
    return before.slice(0, before.indexOf(emission)).some((it) => this.renderedOf(it) !== undefined);
  }

  /** The emissions of an entry that belong to different datacenters of a federation, and can be only one; that of the primary first. */
  private sharedEmissions(emission: Emission): readonly Emission[] {
    const { subject, isDerived } = emission;
    const cluster = "job" in subject || isDerived !== true ? undefined : this.clusterOfEmission(emission);
    if ("job" in subject || cluster === undefined || cluster.federated.length === 0) {
      return [emission];
    }
    return this.emissionsOfEntry(cluster, subject.entry).filter((it) => it.isDerived === true);
  }

  /**
   * Returns the derived config entries that the datacenters of a federation share and render differently, as pairs of paths.
   *
   * @internal
   */
  differentEntries(): readonly { readonly entry: EntryKey; readonly owner: Origin; readonly other: Origin }[] {
    return this.emissions.flatMap((emission) => {
      const [owner, ...others] = this.sharedEmissions(emission).filter((it) => this.renderedOf(it) !== undefined);
      const { subject, origin } = emission;
      return "entry" in subject &&
        others.includes(emission) &&
        !isSame(this.renderedOf(owner), this.renderedOf(emission))
        ? [{ entry: subject.entry, owner: owner.origin, other: origin }]
        : [];
    });
  }

  /** Returns the job with this key in the format of Nomad's API. */
  jobOf(key: string): nomad.Job {
    const emission = this.emissionsOfJob(key).at(0);
    return (emission && this.contentOf(emission)) ?? {};
  }

  /** Returns a config entry of a cluster in Consul's format. */
  entryOf(cluster: Cluster, key: EntryKey): consul.ConfigEntry | undefined {
    const emissions = this.emissionsOfEntry(cluster, key);
    for (const emission of emissions) {
      const content = this.contentOf(emission);
      if (content !== undefined) {
        return { Kind: key.kind, Name: key.name, ...content };
      }
    }
    return this.plainEntries.get(indexOf(cluster.entryHome, key))?.entry;
  }

  /** @internal */
  emissionsOfJob(key: string): readonly Emission[] {
    return this.jobEmissions.get(key) ?? [];
  }

  /** @internal */
  emissionsOfEntry(cluster: Cluster | undefined, key: EntryKey): readonly Emission[] {
    return this.entryEmissions.get(indexOf(cluster?.entryHome, key)) ?? [];
  }

  private render(emission: Emission): object | undefined {
    try {
      const rendered = emission.render(this);
      return rendered && (writtenOver(emission) ?? rendered);
    } catch (error) {
      this.failures.push({ origin: emission.origin.path, error });
      return undefined;
    }
  }

  private findClusters(): readonly Cluster[] {
    for (const mesh of this.data.meshes.values()) {
      const { address, datacenter: ofProvider } = this.placeOf(mesh.origin.stack).consul;
      const datacenter = mesh.datacenter ?? ofProvider;
      const tenancy = fullTenancy(mesh.tenancy ?? {});
      const datacenterKey = JSON.stringify([address, datacenter]);
      const key = clusterKey(datacenterKey, tenancy);
      const cluster = this.byPlace.get(key) ?? new Cluster(datacenterKey, tenancy);
      this.byPlace.set(key, cluster);
      cluster.addMesh(mesh);
      this.byMesh.set(mesh.key, cluster);
      this.claim(mesh.origin.stack, cluster);
    }
    for (const member of this.data.members.values()) {
      if (member.kind === "imported service" && !this.imported.has(member.name)) {
        this.imported.set(member.name, member);
      }
      if (member.mesh !== undefined) {
        const cluster = this.clusterOf(member.mesh);
        cluster.addMember(member);
        this.claim(member.origin.stack, cluster);
      }
    }
    for (const [stack, mesh] of this.data.entryStacks) {
      this.claim(stack, this.clusterOf(mesh));
    }
    for (const instances of this.data.instances.values()) {
      append(this.versions, instances.service, instances);
      const mesh = this.data.jobs.get(instances.job)?.mesh;
      if (mesh !== undefined) {
        this.clusterOf(mesh).instances.push(instances);
      }
    }
    for (const intention of this.data.intentions) {
      this.clusterOf(intention.mesh).addIntention(intention);
    }
    const clusters = [...this.byPlace.values()];
    this.federate(clusters);
    joinTenancies(clusters);
    return clusters;
  }

  private federate(clusters: readonly Cluster[]): void {
    const isPrimary = ({ datacenter, primaryDatacenter }: Cluster) => datacenter === primaryDatacenter;
    const primaryFirst = [...clusters].sort((one, other) => Number(isPrimary(other)) - Number(isPrimary(one)));
    for (const cluster of clusters) {
      const others = primaryFirst.filter((other) => federatedName(other, cluster) !== undefined);
      cluster.federated.push(...others);
    }
  }

  private claim(stack: string, cluster: Cluster): void {
    if (!this.byStack.has(stack)) {
      this.byStack.set(stack, cluster);
    }
  }

  private indexEmissions(): void {
    for (const emission of this.emissions) {
      const { subject } = emission;
      if ("job" in subject) {
        append(this.jobEmissions, subject.job, emission);
      } else {
        append(this.entryEmissions, indexOf(this.clusterOfEmission(emission)?.entryHome, subject.entry), emission);
      }
    }
    for (const given of plainEntriesIn(this.root, new Set(this.emissions.map(({ resource }) => resource)))) {
      const { Kind: kind, ...entry } = given.entry;
      const home = this.byStack.get(given.origin.stack)?.entryHome;
      const index = indexOf(home, { kind, name: nameOf(entry), tenancy: given.tenancy });
      if (!this.plainEntries.has(index)) {
        this.plainEntries.set(index, given);
      }
    }
  }

  /** Returns the entries of the app that are written manually. */
  private writtenEntries(): readonly GivenEntry[] {
    return this.emissions.flatMap((emission): GivenEntry[] => {
      const { subject, isDerived, origin } = emission;
      const content = "job" in subject || isDerived === true ? undefined : this.contentOf(emission);
      if ("job" in subject || content === undefined) {
        return [];
      }
      const { kind, name, tenancy } = subject.entry;
      return [{ origin, tenancy, mesh: emission.mesh, entry: { Kind: kind, Name: name, ...content } }];
    });
  }

  /** Adds what entries that are written manually say: those of the app, and plain resources of the provider. */
  private readGiven(written: readonly GivenEntry[]): void {
    const byCluster = new Map<Cluster, GivenEntry[]>();
    for (const given of [...written, ...this.plainEntries.values()]) {
      const cluster = this.clusterAt(this.clusterOfEmission(given), given.tenancy);
      if (cluster !== undefined) {
        append(byCluster, cluster, given);
      }
    }
    for (const [cluster, given] of byCluster) {
      const records = readGivenEntries(cluster, given);
      this.given.set(cluster, records);
      records.members.forEach((member) => {
        cluster.addMember(member);
      });
    }
  }

  private findPeers(): void {
    const join = (one: Cluster, { member, peer }: Reference) => {
      const given = member === undefined ? undefined : this.data.members.get(member);
      const other = given && this.home(given);
      if (given?.kind === "imported service" && peer !== undefined) {
        one.foreignPeers.add(peer);
      }
      if (other !== undefined && peerName(other, one) !== undefined) {
        one.peers.add(other);
        other.peers.add(one);
      }
      if (other !== undefined && areOtherPartitions(one, other)) {
        one.otherPartitions.add(other);
        other.otherPartitions.add(one);
      }
    };
    for (const cluster of this.clusters) {
      for (const instances of cluster.instances) {
        for (const { destination } of this.data.upstreams.get(instances.key)?.values() ?? []) {
          join(cluster, destination);
        }
      }
      for (const { source } of cluster.intentions) {
        join(cluster, source);
      }
      for (const owner of this.ruleOwnersOf(cluster)) {
        for (const reference of referencesOf(owner, this.trafficOf(owner))) {
          join(cluster, reference);
        }
      }
    }
  }

  /** The clusters of a datacenter and of its peers share a world. */
  private worldOf({ datacenterKey, datacenterMates }: Cluster): ClustersOfWorld {
    const known = this.worlds.get(datacenterKey);
    if (known !== undefined) {
      return known;
    }
    const others = datacenterMates.flatMap(({ peers, federated }) => [...peers, ...federated]);
    const reached = new Map(others.map((other) => [other.datacenterKey, other.datacenterMates]));
    const all = [...[...reached.values()].flat(), ...datacenterMates];
    const joined = datacenterMates.flatMap((mate) =>
      [mate, ...mate.federated].map(({ datacenter = "" }) => datacenter),
    );
    const world = {
      entries: new Map(all.map((it) => [it.place, this.entriesIn(it)])),
      federated: [[...new Set(joined)]],
    };
    const found = { world, homes: new Map(all.map((it) => [it.place, it])) };
    this.worlds.set(datacenterKey, found);
    return found;
  }

  private entriesIn(cluster: Cluster): ConfigEntries {
    return {
      find: <Kind extends ConfigEntryKind>(kind: Kind, name: string) =>
        this.entryOf(cluster, { kind: kind, name }) as ConfigEntryOf<Kind> | undefined,
    };
  }

  /**
   * Returns the intentions for gateways that lead to all services, by name of the service, unless an intention for the gateway
   * and the service is stated.
   */
  private intentionsOfGateways(cluster: Cluster): ReadonlyMap<string, readonly IntentionRecord[]> {
    const intentions = new Map<string, IntentionRecord[]>();
    for (const gateway of cluster.gateways) {
      for (const route of this.routesOf(gateway.key)) {
        const allowed = route.anyService?.allowed;
        for (const { name } of allowed === undefined ? [] : this.servicesBehind(gateway, route)) {
          const isStated = cluster
            .statedFor(name)
            .some(
              ({ source: { service, peer, tenancy } }) =>
                service === gateway.name && peer === undefined && tenancy === undefined,
            );
          if (!isStated) {
            append(intentions, name, {
              ...{ ...allowed, origin: gateway.origin, mesh: gateway.mesh, destination: name, follows: true },
              source: { service: gateway.name, member: gateway.key },
            });
          }
        }
      }
    }
    return intentions;
  }

  /**
   * Derives intentions from traffic rules, because Consul evaluates the intentions of the service that receives a request,
   * independent of the name that the source has used.
   */
  private followRules(): void {
    for (const cluster of this.clusters) {
      const ofGateways = this.intentionsOfGateways(cluster);
      for (const via of cluster.trafficOwners) {
        const followed = ofGateways.get(via.name) ?? [];
        for (const intention of followed) {
          cluster.addDerived(intention);
        }
        const intentions = [...cluster.statedFor(via.name), ...followed];
        for (const { cluster: end, service, isRewritten } of intentions.length === 0 ? [] : this.destinationsOf(via)) {
          if (end === cluster && service === via.name) {
            continue;
          }
          // Permissions apply to the requested path, not to a rewritten one.
          for (const intention of intentions.filter(({ permissions }) => !isRewritten || permissions === undefined)) {
            end.addDerived({
              ...intention,
              origin: via.origin,
              mesh: end.meshes[0].key,
              source: sourceSeenIn(end, intention.source, cluster),
              destination: service,
              follows: true,
            });
          }
        }
      }
    }
  }
}
