import { append } from "../core/collections";
import type {
  GatewayRecord,
  InstancesRecord,
  IntentionRecord,
  MemberRecord,
  MeshRecord,
  Reference,
  TrafficOwnerRecord,
} from "./records";

/** A Consul datacenter with all that an app has in it, whatever number of meshes and stacks that is. */
export class Cluster {
  readonly meshes: MeshRecord[] = [];
  readonly members: MemberRecord[] = [];
  readonly instances: InstancesRecord[] = [];
  /** Clusters of the app that traffic goes to, or comes from. */
  readonly peers = new Set<Cluster>();
  /** Names of clusters of other apps that services here reach, or are reached from. */
  readonly foreignPeers = new Set<string>();
  /** Who may reach what here, as connections state it. */
  readonly intentions: IntentionRecord[] = [];

  /** Those of its members that are gateways. */
  readonly gateways: GatewayRecord[] = [];
  /** The members that have traffic rules, or could. */
  readonly trafficOwners: TrafficOwnerRecord[] = [];

  private ownDatacenter: string | undefined;
  private decidesOnRequests = false;
  private readonly byName = new Map<string, MemberRecord>();
  private readonly intentionsByDestination = new Map<string, IntentionRecord[]>();
  private readonly followed = new Map<string, IntentionRecord[]>();

  constructor(readonly key: string) {}

  /** As its meshes name it; `undefined` where it is the provider's own. */
  get datacenter(): string | undefined {
    return this.ownDatacenter;
  }

  /** Whether something, here or in another datacenter, may make only some requests of a service here. */
  get hasPermissions(): boolean {
    return this.decidesOnRequests;
  }

  /** What has this name. */
  find(name: string): MemberRecord | undefined {
    return this.byName.get(name);
  }

  /** The service of this name, be it virtual or outside the mesh. */
  findService(name: string): Exclude<MemberRecord, GatewayRecord> | undefined {
    const member = this.find(name);
    return member?.kind === "gateway" ? undefined : member;
  }

  /** What is stated about this destination alone. */
  statedFor(destination: string): readonly IntentionRecord[] {
    return this.intentionsByDestination.get(destination) ?? [];
  }

  /** Intentions that follow from traffic rules, this cluster's and those of its peers. */
  get derivedIntentions(): readonly IntentionRecord[] {
    return [...this.followed.values()].flat();
  }

  /** Who may reach the service of this name: what is stated about it, and what follows from traffic rules that lead there. */
  intentionsFor(name: string): readonly IntentionRecord[] {
    const followed = this.followed.get(name);
    return followed === undefined ? this.statedFor(name) : [...this.statedFor(name), ...followed];
  }

  /** @internal */
  addMesh(mesh: MeshRecord): void {
    this.meshes.push(mesh);
    this.ownDatacenter ??= mesh.datacenter;
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
  return member.kind === "service" || member.kind === "virtual service";
}

/**
 * What a cluster, or a mesh of it, calls another one, where they are of two datacenters: each is to the other a cluster peer by the name of its
 * datacenter.
 */
export function peerName(
  other: Pick<Cluster, "datacenter"> | undefined,
  own: Pick<Cluster, "datacenter">,
): string | undefined {
  const there = other?.datacenter;
  const here = own.datacenter;
  return there === undefined || here === undefined || there === here ? undefined : there;
}

/** The source of an intention that is stated in one cluster, as another one calls it. */
export function sourceSeenIn(end: Cluster, source: Reference, stated: Cluster): Reference {
  if (end === stated) {
    return source;
  }
  const peer = source.peer === peerName(end, stated) ? undefined : (source.peer ?? peerName(stated, end));
  return { ...source, peer };
}
