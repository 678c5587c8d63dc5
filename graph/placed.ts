import type { Box, Line, Point, Size } from "./layered";
import type { MeshEdge, MeshGraph, MeshNode } from "./model";

/** Where everything is, in pixels from the top left. */
export interface Layout extends Size {
  readonly groups: readonly PlacedGroup[];
  /** Frames around nodes that belong together. @default none: the mesh is small */
  readonly blocks: readonly PlacedBlock[];
  /** Arrows between those that have connections. */
  readonly blockLines: readonly PlacedBlockLine[];
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly PlacedEdge[];
}

export interface PlacedGroup extends Box {
  readonly title: string;
}

export interface PlacedBlock extends Box {
  readonly title: string;
  /** Indices of its nodes. */
  readonly members: readonly number[];
}

/** An arrow from one block to another, by their indices. */
export interface PlacedBlockLine extends Line {
  readonly from: number;
  readonly to: number;
}

export interface PlacedNode extends Box {
  readonly node: MeshNode;
  readonly title: string;
  readonly subline: string;
}

export interface PlacedEdge extends Line {
  readonly edge: MeshEdge;
  readonly label?: { readonly text: string; readonly at: Point };
}

/** What is to be placed: the graph, the size of each box, the text on each arrow. */
export interface Unplaced {
  readonly graph: MeshGraph;
  readonly nodes: readonly (Omit<PlacedNode, "x" | "y"> & Size)[];
  readonly labels: readonly string[];
}

/** The frames of a graph's groups, where they have any boxes. */
export function placeGroups({ groups }: MeshGraph, frames: readonly (Box | undefined)[]): readonly PlacedGroup[] {
  return groups.flatMap(({ kind, name }, index) => {
    const frame = frames[index];
    return frame ? [{ title: `${kind} ${name}`, ...frame }] : [];
  });
}
