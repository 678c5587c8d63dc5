import { inBlocks, inRows } from "./block-layout";
import { blocksOf } from "./blocks";
import { groupsOfNodes, layerLine, layOutLayers } from "./dot";
import { LayoutTimeout, type GraphvizOptions } from "./graphviz";
import type { Size } from "./layered";
import type { EdgeTraffic, MeshEdge, MeshGraph, MeshNode } from "./model";
import { placeGroups, type Layout, type Unplaced } from "./placed";
import { isIll, labelOf, sublineOf } from "./words";

/** How wide a character is, so that boxes fit their text wherever it is drawn: names are in a font of fixed width. */
const NAME_WIDTH = 7.3;
const SMALL_WIDTH = 5.7;

const LONGEST_NAME = 38;
const LONGEST_LINE = 44;
const LONGEST_LABEL = 40;

/** From how many nodes on boxes have one line, arrows only such labels as nothing else shows, and nodes are in blocks. */
const MANY_NODES = 120;

/** How long each run of Graphviz may take, in milliseconds; then boxes are put into rows and columns. */
const LIMIT_MS = 12_000;

export interface LayoutOptions {
  /** Stops it. @default it cannot be stopped */
  readonly signal?: AbortSignal;
  /** How long each run of Graphviz may take, in milliseconds. @default 12,000 */
  readonly limitMs?: number;
  /** Whether boxes and arrows have room for whatever may be measured later, as {@link relabelled} needs it. @default false */
  readonly isLasting?: boolean;
}

/**
 * Lays the graph out from left to right, sources before destinations, with Graphviz. Large graphs are laid out block by block.
 * What Graphviz cannot do in time is put into rows and columns. The same graph yields the same layout.
 */
export async function layOut(
  graph: MeshGraph,
  { signal, limitMs = LIMIT_MS, isLasting = false }: LayoutOptions = {},
): Promise<Layout> {
  if (isLasting) return relabelled(await layOut(withRoom(graph), { signal, limitMs }), graph);
  const isLarge = graph.nodes.length >= MANY_NODES;
  const nodes = graph.nodes.map((node) => {
    const title = shorten(node.name, LONGEST_NAME);
    const subline = sublineIn(node, isLarge);
    return { node, title, subline, ...sizeOf(node, title, subline) };
  });
  const unplaced = { graph, nodes, labels: graph.edges.map((edge) => labelIn(edge, isLarge)) };
  const found = isLarge ? blocksOf(graph) : [];
  const blocks = found.length > 1 ? found : [];
  const options = { signal, limitMs };
  try {
    return await (blocks.length > 0 ? inBlocks(unplaced, blocks, options) : whole(unplaced, options));
  } catch (error) {
    if (!(error instanceof LayoutTimeout)) throw error;
    return inRows(unplaced, blocks);
  }
}

function sublineIn(node: MeshNode, isLarge: boolean): string {
  return isLarge && !isIll(node) ? "" : shorten(sublineOf(node), LONGEST_LINE);
}

function labelIn(edge: MeshEdge, isLarge: boolean): string {
  return isLarge && edge.kind === "connection" && edge.permission?.allowed !== "no"
    ? ""
    : shorten(labelOf(edge), LONGEST_LABEL);
}

/** The same places for what is measured now. The layout is of a graph that {@link shapeOf} tells no difference to. */
export function relabelled({ nodes, edges, ...layout }: Layout, graph: MeshGraph): Layout {
  const isLarge = nodes.length >= MANY_NODES;
  return {
    ...layout,
    nodes: nodes.map((placed, index) => {
      const node = graph.nodes[index];
      return { ...placed, node, subline: placed.subline === "" ? "" : shorten(sublineOf(node), LONGEST_LINE) };
    }),
    edges: edges.map(({ label, ...placed }, index) => {
      const edge = graph.edges[index];
      return { ...placed, edge, label: label && { text: labelIn(edge, isLarge), at: label.at } };
    }),
  };
}

/** All of a graph but what is measured. */
export function shapeOf({ groups, nodes, edges }: MeshGraph): string {
  return JSON.stringify([
    groups,
    nodes.map((node) => ({ ...node, health: undefined, links: undefined })),
    edges.map((edge) => ({ ...edge, traffic: undefined })),
  ]);
}

/** The graph as wide as it may become: each service is ill, and each arrow has the widest label. */
function withRoom(graph: MeshGraph): MeshGraph {
  return {
    ...graph,
    nodes: graph.nodes.map((node) =>
      node.health ? { ...node, health: { ...node.health, healthy: -1, isDone: false } } : node,
    ),
    edges: graph.edges.map((edge) =>
      edge.kind === "carries" || edge.kind === "subset" ? edge : { ...edge, traffic: WIDEST },
    ),
  };
}

const WIDEST: EdgeTraffic = { unit: "requests", perSecond: 999, serverErrorsPerSecond: 99, p95Ms: 999 };

/** All of it by Graphviz. */
async function whole({ graph, nodes, labels }: Unplaced, options: GraphvizOptions): Promise<Layout> {
  const numberOf = new Map(graph.nodes.map(({ id }, index) => [id, index]));
  const groupOf = groupsOfNodes(graph);
  const layers = {
    boxes: nodes,
    lines: graph.edges.map((edge, index) => layerLine(edge, labels[index], groupOf, numberOf)),
    frames: graph.groups.map(({ id }) => nodes.flatMap(({ node }, index) => (node.group === id ? [index] : []))),
  };
  const [{ width, height, boxes, lines, frames }] = await layOutLayers([layers], options);
  return {
    width,
    height,
    groups: placeGroups(graph, frames),
    blocks: [],
    blockLines: [],
    nodes: nodes.map((node, index) => ({ ...node, ...boxes[index] })),
    edges: lines.map(({ label, ...line }, index) => ({
      ...line,
      edge: graph.edges[index],
      label: label && { text: labels[index], at: label },
    })),
  };
}

function sizeOf({ kind }: MeshNode, title: string, subline: string): Size {
  const text = Math.max(title.length * NAME_WIDTH, subline.length * SMALL_WIDTH);
  const padding = kind === "gateway" || kind === "any" || kind === "callers" ? 40 : 26;
  return { width: Math.ceil(Math.max(text, 40) + padding), height: subline === "" ? 28 : 42 };
}

/** Leaves out the middle: names often differ at their ends. */
function shorten(text: string, length: number): string {
  const characters = Array.from(text);
  if (characters.length <= length) return text;
  const kept = length - 1;
  return `${characters.slice(0, Math.ceil(kept / 2)).join("")}…${characters.slice(-Math.floor(kept / 2)).join("")}`;
}
