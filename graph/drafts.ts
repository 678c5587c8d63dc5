import type { EdgeKind, MeshEdge, MeshGroup, MeshNode, NodeKind } from "./model";
import { isSameTenancy } from "../constructs/consul/tenancy";
import type { Peerings } from "./peerings";
import { tenancyOf } from "./tenancies";

/** Where a node is: nothing given means the datacenter that needs no name. */
export interface Place {
  /** Where it is, or from where it is seen if it is at a peer. */
  readonly datacenter?: string;
  readonly peer?: string;
  readonly samenessGroup?: string;
}

type Draft<T> = { -readonly [Key in keyof T]: T[Key] };

export type NodeDraft = Draft<MeshNode>;
export type EdgeDraft = Draft<MeshEdge>;

/** What says more about a node wins over what says less. */
const RANK: Readonly<Record<NodeKind, number>> = {
  ...{ name: 0, any: 1, callers: 1, subset: 1, virtual: 1 },
  ...{ external: 2, gateway: 3, service: 4 },
};

/** A graph in the making: whatever is mentioned has a node, and has it once. */
export class Drafts {
  private readonly groups = new Map<string, MeshGroup>();
  private readonly nodes = new Map<string, NodeDraft>();
  private readonly edges = new Map<string, EdgeDraft>();
  private readonly byName = new Map<string, NodeDraft[]>();

  constructor(private readonly peerings: Peerings) {}

  /** The node of this name there, made if need be, and at least of this kind. */
  node(name: string, place: Place, kind: NodeKind = "name"): NodeDraft {
    const group = this.group(place);
    const id = qualified(name, group);
    let node = this.nodes.get(id);
    if (node === undefined) {
      node = { id, kind, name, ...(group && { group: group.id }) };
      this.nodes.set(id, node);
      this.byName.set(name, [...(this.byName.get(name) ?? []), node]);
    } else if (RANK[kind] > RANK[node.kind]) {
      node.kind = kind;
    }
    return node;
  }

  /** A version of a service. */
  subset(service: NodeDraft, subset: string): NodeDraft {
    const id = `${service.id}@${subset}`;
    const known = this.nodes.get(id);
    if (known) return known;
    const node: NodeDraft = { id, kind: "subset", name: subset, group: service.group, subsetOf: service.id };
    this.nodes.set(id, node);
    return node;
  }

  /** Any service there, as a source or as a destination: one box for both would join what is not joined. */
  any(place: Place, side: "source" | "destination"): NodeDraft {
    return this.nameless(`any ${side}`, "any", "any service", this.group(place)?.id);
  }

  /** What calls from outside of the mesh there. */
  callers(group: string | undefined): NodeDraft {
    return this.nameless("outside callers", "callers", "outside callers", group);
  }

  /**
   * What a config entry of this name is about: the service there, else those of that name in datacenters that share the entry,
   * else a mere name. Peers share none.
   */
  named(name: string, place: Place): readonly NodeDraft[] {
    const here = this.nodes.get(qualified(name, this.groupOf(place)));
    if (here) return [here];
    const elsewhere = (this.byName.get(name) ?? []).filter(
      ({ group }) =>
        !this.isOfPeer(group) &&
        !this.peerings.arePeers(place.datacenter, group) &&
        isSameTenancy(tenancyOf(place.datacenter), tenancyOf(group)),
    );
    return elsewhere.length > 0 ? elsewhere : [this.node(name, place)];
  }

  /** Whether a group is a peer, or several of them, outside of the app. */
  isOfPeer(group: string | undefined): boolean {
    const kind = this.groups.get(group ?? "")?.kind;
    return kind !== undefined && kind !== "datacenter";
  }

  /** The node of this name there, if anything has mentioned it. */
  find(name: string, place: Place): NodeDraft | undefined {
    return this.nodes.get(qualified(name, this.groupOf(place)));
  }

  get(id: string): NodeDraft | undefined {
    return this.nodes.get(id);
  }

  /** The arrow of this kind between the two. */
  edge(kind: EdgeKind, source: NodeDraft, destination: NodeDraft): EdgeDraft {
    const id = edgeId(kind, source, destination);
    let edge = this.edges.get(id);
    if (edge === undefined) {
      edge = { id, kind, source: source.id, destination: destination.id };
      this.edges.set(id, edge);
    }
    return edge;
  }

  findEdge(kind: EdgeKind, source: NodeDraft, destination: NodeDraft): EdgeDraft | undefined {
    return this.edges.get(edgeId(kind, source, destination));
  }

  get allNodes(): readonly NodeDraft[] {
    return [...this.nodes.values()].sort(byId);
  }

  get allEdges(): readonly EdgeDraft[] {
    return [...this.edges.values()].sort(byId);
  }

  get allGroups(): readonly MeshGroup[] {
    return [...this.groups.values()].sort(byId);
  }

  /** A box that is no service. Its id is a name that no service can have. */
  private nameless(key: string, kind: NodeKind, name: string, group: string | undefined): NodeDraft {
    const id = group === undefined ? key : `${group}/${key}`;
    const node = this.nodes.get(id) ?? { id, kind, name, ...(group !== undefined && { group }) };
    this.nodes.set(id, node);
    return node;
  }

  private group(place: Place): MeshGroup | undefined {
    const group = this.groupOf(place);
    if (group) this.groups.set(group.id, group);
    return group;
  }

  private groupOf({ datacenter, peer, samenessGroup }: Place): MeshGroup | undefined {
    if (peer && this.peerings.arePeers(datacenter, peer)) return datacenterGroup(peer);
    if (peer) return { id: `peer ${peer}`, kind: "peer", name: peer };
    if (samenessGroup) return { id: `group ${samenessGroup}`, kind: "sameness group", name: samenessGroup };
    return datacenter ? datacenterGroup(datacenter) : undefined;
  }
}

/** A list with one more in it, unless that is there already. */
export function including<T>(list: readonly T[] | undefined, ...items: readonly T[]): readonly T[] {
  return [...new Set([...(list ?? []), ...items])];
}

function datacenterGroup(name: string): MeshGroup {
  return { id: name, kind: "datacenter", name };
}

function edgeId(kind: EdgeKind, source: NodeDraft, destination: NodeDraft): string {
  return `${source.id} → ${destination.id} (${kind})`;
}

function qualified(name: string, group: MeshGroup | undefined): string {
  return group ? `${group.id}/${name}` : name;
}

function byId(left: { readonly id: string }, right: { readonly id: string }): number {
  return left.id < right.id ? -1 : left.id > right.id ? 1 : 0;
}
