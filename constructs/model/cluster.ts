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

  private readonly byName = new Map<string, MemberRecord>();
  private readonly intentionsByDestination = new Map<string, IntentionRecord[]>();
  private readonly followed = new Map<string, IntentionRecord[]>();

  constructor(readonly key: string) {}

  /** As its meshes name it; `undefined` where it is the provider's own. */
  get datacenter(): string | undefined {
    return this.meshes.find(({ datacenter }) => datacenter !== undefined)?.datacenter;
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

  get gateways(): readonly GatewayRecord[] {
    return this.members.filter((member) => member.kind === "gateway");
  }

  /** The members that have traffic rules, or could. */
  get trafficOwners(): readonly TrafficOwnerRecord[] {
    return this.members.filter(isTrafficOwner);
  }

  /** What is stated about this destination alone. */
  statedFor(destination: string): readonly IntentionRecord[] {
    return this.intentionsByDestination.get(destination) ?? [];
  }

  /** Intentions that follow from traffic rules, this cluster's and those of its peers. */
  get followedIntentions(): readonly IntentionRecord[] {
    return [...this.followed.values()].flat();
  }

  /** Who may reach the service of this name: what is stated about it, and what follows from traffic rules that lead there. */
  intentionsFor(name: string): readonly IntentionRecord[] {
    const followed = this.followed.get(name);
    return followed === undefined ? this.statedFor(name) : [...this.statedFor(name), ...followed];
  }

  /** @internal */
  addMember(member: MemberRecord): void {
    this.members.push(member);
    if (!this.byName.has(member.name)) {
      this.byName.set(member.name, member);
    }
  }

  /** @internal */
  addIntention(intention: IntentionRecord): void {
    this.intentions.push(intention);
    append(this.intentionsByDestination, intention.destination, intention);
  }

  /** @internal */
  addFollowed(intention: IntentionRecord): void {
    append(this.followed, intention.destination, intention);
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
