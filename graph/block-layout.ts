import type { Block } from "./blocks";
import { groupsOfNodes, layerLine, layOutLayers } from "./dot";
import type { GraphvizOptions } from "./graphviz";
import { round, type Box, type LaidOutLayers, type Point, type Size } from "./layered";
import type { MeshGraph } from "./model";
import { placeGroups, type Layout, type PlacedEdge, type PlacedNode, type Unplaced } from "./placed";

/** Room between boxes in rows and columns, and between blocks. */
const GAP = 24;
/** Room around the boxes of a block, and above them for its title. */
const PADDING = 4;
const TITLE_HEIGHT = 18;

/** Each block by Graphviz, and then the blocks as boxes among themselves. */
export async function inBlocks(
  unplaced: Unplaced,
  blocks: readonly Block[],
  options: GraphvizOptions,
): Promise<Layout> {
  const { graph, nodes, labels } = unplaced;
  const numberOf = new Map(graph.nodes.map(({ id }, index) => [id, index]));
  const groupOf = groupsOfNodes(graph);
  const blockOf = blockNumbers(blocks);
  const within = blocks.map((): number[] => []);
  const between = new Map<string, { from: number; to: number; weight: number }>();
  graph.edges.forEach(({ source, destination }, index) => {
    const [from, to] = [source, destination].map((id) => blockOf.get(numberOf.get(id) ?? 0) ?? 0);
    if (from === to) {
      within[from].push(index);
    } else {
      const key = `${from} ${to}`;
      const line = between.get(key) ?? { from, to, weight: 0 };
      between.set(key, line);
      line.weight++;
    }
  });
  const linked = within.map((indices, block) => {
    const ends = new Set(indices.flatMap((index) => [graph.edges[index].source, graph.edges[index].destination]));
    return blocks[block].members.filter((member) => ends.has(graph.nodes[member].id));
  });
  const drawn = await layOutLayers(
    linked.map((members, block) => {
      const places = new Map(members.map((member, place) => [graph.nodes[member].id, place]));
      return {
        boxes: members.map((member) => nodes[member]),
        lines: within[block].map((index) => layerLine(graph.edges[index], labels[index], groupOf, places)),
        frames: [],
      };
    }),
    options,
  );
  const inner = blocks.map(({ members }, block) => withRows(members, linked[block], drawn[block], nodes));
  const sizes = inner.map(framed);
  const [outer] = await layOutLayers(
    [
      {
        boxes: sizes,
        lines: [...between.values()],
        // Blocks are wide: below each other they fill a screen better.
        direction: "down",
        frames: graph.groups.map(({ id }) => blocks.flatMap(({ group }, index) => (group === id ? [index] : []))),
      },
    ],
    options,
  );
  const placed = compose(unplaced, blocks, sizes, outer.boxes, inner, within);
  const { width, height, frames, lines } = outer;
  const blockLines = [...between.values()].map(({ from, to }, index) => ({ from, to, ...lines[index] }));
  return { ...placed, width, height, groups: placeGroups(graph, frames), blockLines };
}

/** Puts those that no line of their block leads to in rows below the others: Graphviz would draw one column of them. */
function withRows(
  members: readonly number[],
  linked: readonly number[],
  drawn: LaidOutLayers,
  nodes: Unplaced["nodes"],
): LaidOutLayers {
  const isLinked = new Set(linked);
  const others = members.filter((member) => !isLinked.has(member));
  if (others.length === 0) return drawn;
  const rows = tabulate(others.map((member) => nodes[member]));
  const [width, top] = linked.length === 0 ? [0, 0] : [drawn.width, drawn.height];
  const places = new Map<number, Point>();
  linked.forEach((member, place) => places.set(member, drawn.boxes[place]));
  others.forEach((member, place) => {
    const { x, y } = rows.boxes[place];
    places.set(member, { x, y: round(y + top) });
  });
  return {
    ...drawn,
    boxes: members.flatMap((member) => places.get(member) ?? []),
    width: Math.max(width, rows.width),
    height: round(top + rows.height),
  };
}

/** Rows and columns, by name: what is left where a mesh is too dense for a good layout. */
export function inRows(unplaced: Unplaced, blocks: readonly Block[]): Layout {
  const { graph, nodes } = unplaced;
  const all = blocks.length > 0 ? blocks : rowsOf(graph);
  const inner = all.map(({ members }) => tabulate(members.map((member) => nodes[member])));
  const sizes = inner.map(framed);
  const places: Point[] = [];
  const frames: (Box | undefined)[] = graph.groups.map(() => undefined);
  let [top, right] = [GAP, 0];
  for (const group of [undefined, ...graph.groups.map(({ id }) => id)]) {
    const indices = all.flatMap((block, index) => (block.group === group ? [index] : []));
    if (indices.length === 0) continue;
    const table = tabulate(indices.map((index) => sizes[index]));
    const inset = group === undefined ? 0 : TITLE_HEIGHT;
    indices.forEach((index, place) => {
      const { x, y } = table.boxes[place];
      places[index] = { x: x + GAP, y: y + top + inset };
    });
    const height = table.height + inset;
    if (group !== undefined) {
      frames[graph.groups.findIndex(({ id }) => id === group)] = { x: GAP, y: top, width: table.width, height };
    }
    top += height + GAP;
    right = Math.max(right, table.width + 2 * GAP);
  }
  const placed = compose(unplaced, all, sizes, places, inner);
  const visible = blocks.length > 0 ? placed.blocks : [];
  return {
    ...placed,
    blocks: visible,
    blockLines: [],
    width: round(right),
    height: round(top),
    groups: placeGroups(graph, frames),
  };
}

/** One block for each group. */
function rowsOf(graph: MeshGraph): readonly Block[] {
  const groups = new Map<string | undefined, number[]>();
  graph.nodes.forEach(({ group }, index) => groups.set(group, [...(groups.get(group) ?? []), index]));
  return [...groups].map(([group, members]) => ({ name: "", group, members }));
}

/** Boxes in rows that are about as wide as all of them are high. */
function tabulate(sizes: readonly Size[]): LaidOutLayers {
  const area = sizes.reduce((sum, { width, height }) => sum + (width + GAP) * (height + GAP), 0);
  const wide = Math.max(Math.sqrt(area * 1.6), ...sizes.map(({ width }) => width + GAP));
  let [x, y, rowHeight, right] = [GAP, GAP, 0, 0];
  const boxes = sizes.map(({ width, height }) => {
    if (x > GAP && x + width > wide) {
      [x, y, rowHeight] = [GAP, y + rowHeight + GAP, 0];
    }
    const place = { x: round(x), y: round(y) };
    x += width + GAP;
    rowHeight = Math.max(rowHeight, height);
    right = Math.max(right, x);
    return place;
  });
  return { width: round(right), height: round(y + rowHeight + GAP), boxes, lines: [], frames: [] };
}

/**
 * Blocks at their places with their nodes, and lines from side to side.
 *
 * @param within Indices of the edges that are lines within each block. @default none: all edges go from side to side
 */
function compose(
  { graph, nodes, labels }: Unplaced,
  blocks: readonly Block[],
  sizes: readonly Size[],
  places: readonly Point[],
  inner: readonly LaidOutLayers[],
  within: readonly (readonly number[])[] = [],
): Pick<Layout, "blocks"> & { readonly nodes: PlacedNode[]; readonly edges: PlacedEdge[] } {
  const placed: PlacedNode[] = [];
  blocks.forEach(({ members }, block) => {
    const { x, y } = insideOf(places[block]);
    members.forEach((member, place) => {
      const box = inner[block].boxes[place];
      placed[member] = { ...nodes[member], x: round(box.x + x), y: round(box.y + y) };
    });
  });
  const lines = new Map<number, LabelledLine>();
  within.forEach((indices, block) => {
    const offset = insideOf(places[block]);
    indices.forEach((index, place) => lines.set(index, moved(inner[block].lines[place], offset)));
  });
  const numberOf = new Map(graph.nodes.map(({ id }, index) => [id, index]));
  const boxOf = (id: string) => placed[numberOf.get(id) ?? 0];
  return {
    blocks: blocks.map(({ name, members }, index) => ({ title: name, members, ...places[index], ...sizes[index] })),
    nodes: placed,
    edges: graph.edges.map((edge, index) => {
      const { label, ...line } = lines.get(index) ?? curve(boxOf(edge.source), boxOf(edge.destination));
      return { ...line, edge, label: label && labels[index] !== "" ? { text: labels[index], at: label } : undefined };
    }),
  };
}

/** A line with the place of its label. */
type LabelledLine = LaidOutLayers["lines"][number];

/** From one box to another, out of the side that is nearer to it. */
function curve(source: Box, destination: Box): LabelledLine {
  const isForward = source.x + source.width / 2 <= destination.x + destination.width / 2;
  const start = { x: isForward ? source.x + source.width : source.x, y: source.y + source.height / 2 };
  const tip = {
    x: isForward ? destination.x : destination.x + destination.width,
    y: destination.y + destination.height / 2,
  };
  const base = { x: tip.x + (isForward ? -8 : 8), y: tip.y };
  const reach = Math.max(30, Math.abs(base.x - start.x) / 2) * (isForward ? 1 : -1);
  const words = [start, { x: start.x + reach, y: start.y }, { x: base.x - reach, y: base.y }, base].map(
    ({ x, y }) => `${round(x)},${round(y)}`,
  );
  const label = { x: round((start.x + tip.x) / 2), y: round((start.y + tip.y) / 2) };
  return { path: `M${words[0]}C${words.slice(1).join(" ")}`, tip, base, label };
}

function moved({ path, tip, base, label }: LabelledLine, offset: Point): LabelledLine {
  const move = ({ x, y }: Point): Point => ({ x: round(x + offset.x), y: round(y + offset.y) });
  const movePair = (_: string, x: string, y: string) => {
    const to = move({ x: Number(x), y: Number(y) });
    return `${to.x},${to.y}`;
  };
  return {
    path: path.replace(/(-?[\d.]+),(-?[\d.]+)/g, movePair),
    tip: move(tip),
    base: move(base),
    label: label && move(label),
  };
}

function framed({ width, height }: Size): Size {
  return { width: width + 2 * PADDING, height: height + 2 * PADDING + TITLE_HEIGHT };
}

function insideOf({ x, y }: Point): Point {
  return { x: x + PADDING, y: y + PADDING + TITLE_HEIGHT };
}

function blockNumbers(blocks: readonly Block[]): ReadonlyMap<number, number> {
  return new Map(blocks.flatMap(({ members }, block) => members.map((member): [number, number] => [member, block])));
}
