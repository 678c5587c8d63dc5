import {
  DEFAULT_TENANCY,
  fullTenancy,
  isDefaultTenancy,
  isSameTenancy,
  namespaceOf,
  partitionOf,
  type Tenancy,
} from "../consul/tenancy";
import { append } from "../core/collections";
import { placeName } from "./place-name";
import type {
  GatewayRecord,
  InstancesRecord,
  IntentionRecord,
  MemberRecord,
  MeshRecord,
  Reference,
  TrafficOwnerRecord,
} from "./records";

/**
 * A Consul datacenter with everything that an app defines in it, in any number of meshes and stacks. With Consul Enterprise, each
 * namespace of an admin partition is a cluster of its own in this model.
 */
export class Cluster {
  /** The meshes of the app in this cluster. */
  readonly meshes: MeshRecord[] = [];
  /** Services and gateways of these meshes. */
  readonly members: MemberRecord[] = [];
  /** Instances of the services, one record for each group of a job. */
  readonly instances: InstancesRecord[] = [];
  /** Clusters of the app that exchange traffic with this one. */
  readonly peers = new Set<Cluster>();
  /** The other datacenters of the app in the same WAN federation, the primary first. */
  readonly federated: Cluster[] = [];
  /** The clusters of the same datacenter, in all of its partitions and namespaces, including this one. */
  datacenterMates: readonly Cluster[] = [];
  /** The clusters of the same admin partition, in all of its namespaces, including this one. They share some config entries. */
  partitionMates: readonly Cluster[] = [];
  /** The clusters in other partitions of the same datacenter that exchange traffic with this one. */
  readonly otherPartitions = new Set<Cluster>();
  /** Names of clusters of other apps that exchange traffic with services of this one. */
  readonly foreignPeers = new Set<string>();
  /** Which source can reach which service in this cluster, as stated by connections. */
  readonly intentions: IntentionRecord[] = [];

  /** The members that are gateways. */
  readonly gateways: GatewayRecord[] = [];
  /** The members that have, or can have, traffic rules. */
  readonly trafficOwners: TrafficOwnerRecord[] = [];

  private ownDatacenter: string | undefined;
  private ownPrimary: string | undefined;
  private decidesOnRequests = false;
  private readonly byName = new Map<string, MemberRecord>();
  private readonly intentionsByDestination = new Map<string, IntentionRecord[]>();
  private readonly followed = new Map<string, IntentionRecord[]>();

  constructor(
    /** Identifies the datacenter in its app. */
    readonly datacenterKey: string,
    /** Partition and namespace. */
    readonly tenancy: Tenancy = DEFAULT_TENANCY,
  ) {}

  /** Name of the place of its config entries, among those of other clusters. */
  get place(): string {
    return placeName(this.datacenter, this.tenancy);
  }

  /** The name in its meshes; `undefined` if it is that of the provider. */
  get datacenter(): string | undefined {
    return this.ownDatacenter;
  }

  /** The primary datacenter of its WAN federation; `undefined` if it is not in one. */
  get primaryDatacenter(): string | undefined {
    return this.ownPrimary;
  }

  /** The cluster that has the config entries: the primary datacenter of a WAN federation, if it is in the app. */
  get entryHome(): Cluster {
    return this.federated.find(({ datacenter }) => datacenter === this.primaryDatacenter) ?? this;
  }

  /** Whether any source, in this or another datacenter, may send only some requests to a service of this cluster. */
  get hasPermissions(): boolean {
    return this.decidesOnRequests;
  }

  /** Returns the member with this name. */
  find(name: string): MemberRecord | undefined {
    return this.byName.get(name);
  }

  /** Returns the service with this name, which can be virtual or outside the mesh. */
  findService(name: string): Exclude<MemberRecord, GatewayRecord> | undefined {
    const member = this.find(name);
    return member?.kind === "gateway" ? undefined : member;
  }

  /** Returns the intentions that are stated for this destination itself. */
  statedFor(destination: string): readonly IntentionRecord[] {
    return this.intentionsByDestination.get(destination) ?? [];
  }

  /** Intentions that are derived from traffic rules of this cluster and its peers. */
  get derivedIntentions(): readonly IntentionRecord[] {
    return [...this.followed.values()].flat();
  }

  /** Returns the intentions for a service: those that are stated, and those that are derived from traffic rules that lead to it. */
  intentionsFor(name: string): readonly IntentionRecord[] {
    // The datacenters of a federation share one config entry.
    return [this.entryHome, ...this.entryHome.federated].flatMap((cluster) => cluster.ownIntentionsFor(name));
  }

  private ownIntentionsFor(name: string): readonly IntentionRecord[] {
    const followed = this.followed.get(name);
    return followed === undefined ? this.statedFor(name) : [...this.statedFor(name), ...followed];
  }

  /** @internal */
  addMesh(mesh: MeshRecord): void {
    this.meshes.push(mesh);
    this.ownDatacenter ??= mesh.datacenter;
    this.ownPrimary ??= mesh.primaryDatacenter;
  }

  /** @internal */
  addMember(member: MemberRecord): void {
    this.members.push(member);
    if (member.kind === "gateway") {
      this.gateways.push(member);
    } else if (isTrafficOwner(member)) {
      this.trafficOwners.push(member);
    }
    if (!this.byName.has(member.name)) {
      this.byName.set(member.name, member);
    }
  }

  /** @internal */
  addIntention(intention: IntentionRecord): void {
    this.intentions.push(intention);
    append(this.intentionsByDestination, intention.destination, intention);
    this.decidesOnRequests ||= intention.permissions !== undefined;
  }

  /** @internal */
  addDerived(intention: IntentionRecord): void {
    append(this.followed, intention.destination, intention);
    this.decidesOnRequests ||= intention.permissions !== undefined;
  }
}

/** Whether a member can have traffic rules. */
export function isTrafficOwner(member: MemberRecord): member is TrafficOwnerRecord {
  return ["service", "virtual service", "external service"].includes(member.kind);
}

/** Where a cluster or mesh is: its datacenter, the primary datacenter of its WAN federation, if it is in one, and its tenancy. */
export interface ClusterPlace {
  readonly datacenter: string | undefined;
  readonly primaryDatacenter?: string | undefined;
  readonly tenancy?: Tenancy | undefined;
}

/**
 * Returns the name of another cluster in this one, if they are two datacenters that are not in one WAN federation. Each is a cluster peer
 * of the other, with the name of its datacenter.
 */
export function peerName(other: ClusterPlace | undefined, own: ClusterPlace): string | undefined {
  return areFederated(other, own) ? undefined : otherDatacenter(other, own);
}

/** Returns the datacenter of another cluster, if it is another one of the same WAN federation. */
export function federatedName(other: ClusterPlace | undefined, own: ClusterPlace): string | undefined {
  return areFederated(other, own) ? otherDatacenter(other, own) : undefined;
}

/** Returns the place of another cluster, as rules and connections of this one contain it. */
export function placeSeenFrom(
  own: ClusterPlace,
  other: ClusterPlace | undefined,
): Pick<Reference, "peer" | "datacenter" | "tenancy"> {
  const peer = peerName(other, own);
  const tenancy = other === undefined ? undefined : tenancySeenFrom(own.tenancy, other.tenancy, peer);
  return { peer, datacenter: federatedName(other, own), tenancy };
}

/** Whether two clusters are in different partitions of one datacenter. */
export function areOtherPartitions(one: Cluster, other: Cluster): boolean {
  return one.datacenterKey === other.datacenterKey && partitionOf(one.tenancy) !== partitionOf(other.tenancy);
}

/** Consul reads a namespace that is omitted differently for peers: so it is named unless both are in the default one. */
function tenancySeenFrom(
  own: Tenancy = DEFAULT_TENANCY,
  other: Tenancy = DEFAULT_TENANCY,
  peer: string | undefined,
): Tenancy | undefined {
  const isOmitted =
    peer === undefined
      ? isSameTenancy(own, other)
      : [own, other].every(({ namespace }) => isDefaultTenancy({ namespace }));
  return isOmitted ? undefined : fullTenancy(other, peer);
}

function areFederated(other: ClusterPlace | undefined, own: ClusterPlace): boolean {
  return own.primaryDatacenter !== undefined && other?.primaryDatacenter === own.primaryDatacenter;
}

function otherDatacenter(other: ClusterPlace | undefined, own: ClusterPlace): string | undefined {
  const there = other?.datacenter;
  const here = own.datacenter;
  return there === undefined || here === undefined || there === here ? undefined : there;
}

/** Returns the source of an intention that is stated in one cluster, with its name in another cluster. */
export function sourceSeenIn(end: Cluster, source: Reference, stated: Cluster): Reference {
  if (end === stated) {
    return source;
  }
  const peer = source.peer === peerName(end, stated) ? undefined : (source.peer ?? peerName(stated, end));
  const own = source.tenancy ?? (source.peer === undefined ? stated.tenancy : DEFAULT_TENANCY);
  return { ...source, peer, tenancy: tenancySeenFrom(end.tenancy, own, peer) };
}

/** Tells the sources of the intentions of a cluster apart. */
export function sourceKeyOf({ service, peer, tenancy }: Pick<Reference, "service" | "peer" | "tenancy">): string {
  const names = tenancy && [tenancy.partition, namespaceOf(tenancy)];
  return [peer, ...(names ?? []), service].filter((part) => part !== undefined).join("/");
}
