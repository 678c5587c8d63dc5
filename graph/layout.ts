import { instance, type Viz } from "@viz-js/viz";
import type { MeshEdge, MeshGraph, MeshNode } from "./model";
import { isIll, labelOf, sublineOf } from "./words";

/** Where everything is, in pixels from the top left. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly groups: readonly PlacedGroup[];
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly PlacedEdge[];
}

export interface Box {
  /** Of the left edge. */
  readonly x: number;
  /** Of the upper edge. */
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface PlacedGroup extends Box {
  readonly title: string;
}

export interface PlacedNode extends Box {
  readonly node: MeshNode;
  readonly title: string;
  readonly subline: string;
}

export interface PlacedEdge {
  readonly edge: MeshEdge;
  /** The line, as the `d` of an SVG path. */
  readonly path: string;
  /** The tip of the arrow, and where it comes from. */
  readonly tip: Point;
  readonly base: Point;
  readonly label?: { readonly text: string; readonly at: Point };
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** How wide a character is, so that boxes fit their text wherever it is drawn: names are in a font of fixed width. */
const NAME_WIDTH = 7.3;
const SMALL_WIDTH = 5.7;
const LABEL_WIDTH = 6;

const LONGEST_NAME = 38;
const LONGEST_LINE = 44;
const LONGEST_LABEL = 24;
const MARGIN = 16;

/** From how many nodes on boxes have one line, and arrows only such labels as nothing else shows. */
const MANY_NODES = 120;

/**
 * Lays the graph out from left to right, sources before destinations, with Graphviz. The same graph always yields the same
 * layout.
 *
 * @see https://graphviz.org/docs/layouts/dot/
 */
export async function layOut(graph: MeshGraph): Promise<Layout> {
  const isLarge = graph.nodes.length >= MANY_NODES;
  const nodes = graph.nodes.map((node) => {
    const title = shorten(node.name, LONGEST_NAME);
    const subline = isLarge && !isIll(node) ? "" : shorten(sublineOf(node), LONGEST_LINE);
    return { node, title, subline, ...sizeOf(node, title, subline) };
  });
  const labels = graph.edges.map((edge) =>
    isLarge && edge.kind === "connection" && edge.permission?.allowed !== "no"
      ? ""
      : shorten(labelOf(edge), LONGEST_LABEL),
  );
  const viz = await graphviz();
  const description = describe(graph, nodes, labels);
  const drawn = JSON.parse(viz.renderString(description, { format: "json0", engine: "dot" })) as Drawn;
  const [, , right, top] = drawn.bb.split(",").map(Number);
  const flip = ([x, y]: readonly number[]): Point => ({ x: round(x + MARGIN), y: round(top - y + MARGIN) });
  const objects = new Map((drawn.objects ?? []).map((object) => [object.name, object]));
  return {
    width: round(right + 2 * MARGIN),
    height: round(top + 2 * MARGIN),
    groups: graph.groups.flatMap(({ kind, name }, index) => {
      const bb = objects.get(`cluster_${index}`)?.bb;
      if (bb === undefined) return [];
      const [left, bottom, end, upper] = bb.split(",").map(Number);
      return [{ title: `${kind} ${name}`, ...flip([left, upper]), ...size(end - left, upper - bottom) }];
    }),
    nodes: nodes.map((placed, index) => {
      const centre = flip(numbers(objects.get(`n${index}`)?.pos ?? "0,0"));
      return { ...placed, x: round(centre.x - placed.width / 2), y: round(centre.y - placed.height / 2) };
    }),
    edges: (drawn.edges ?? []).map(({ mark, pos, lp }) => {
      const index = Number(mark);
      const label = lp === undefined ? undefined : { text: labels[index], at: flip(numbers(lp)) };
      return { edge: graph.edges[index], ...readSpline(pos, flip), label };
    }),
  };
}

let loading: Promise<Viz> | undefined;

function graphviz(): Promise<Viz> {
  return (loading ??= instance());
}

/** The graph in Graphviz's terms. Names never reach it: it knows numbers, and sizes. */
function describe(
  graph: MeshGraph,
  nodes: readonly (MeshNodeBox & { readonly node: MeshNode })[],
  labels: readonly string[],
) {
  const numberOf = new Map(graph.nodes.map(({ id }, index) => [id, `n${index}`]));
  const idOf = (id: string) => numberOf.get(id) ?? "";
  const groupOf = new Map(graph.nodes.map(({ id, group }) => [id, group]));
  return {
    directed: true,
    graphAttributes: { rankdir: "LR", ranksep: 0.75, nodesep: 0.15, remincross: true },
    nodeAttributes: { shape: "box", fixedsize: true, label: "" },
    edgeAttributes: { arrowsize: 0.8 },
    nodes: nodes.map(({ node, width, height }) => ({
      name: idOf(node.id),
      attributes: { width: width / 72, height: height / 72 },
    })),
    edges: graph.edges.map((edge, index) => ({
      tail: idOf(edge.source),
      head: idOf(edge.destination),
      attributes: {
        mark: String(index),
        ...labelAttribute(labels[index]),
        ...pullOf(edge, groupOf.get(edge.source) !== groupOf.get(edge.destination)),
      },
    })),
    subgraphs: graph.groups.map(({ id }, index) => ({
      name: `cluster_${index}`,
      graphAttributes: { margin: 18, label: { html: spacer(120, 12) } },
      nodes: nodes.flatMap(({ node }) => (node.group === id ? [{ name: idOf(node.id) }] : [])),
    })),
  };
}

/** A service and its versions stay together; where traffic falls back to orders the picture only if it is elsewhere. */
function pullOf({ kind }: MeshEdge, isFar: boolean): Readonly<Record<string, number | boolean>> {
  if (kind === "split" || kind === "subset") return { weight: 4 };
  return kind === "failover" && !isFar ? { constraint: false } : {};
}

function labelAttribute(label: string): { readonly label?: { readonly html: string } } {
  if (label === "") return {};
  return { label: { html: spacer(label.length * LABEL_WIDTH + 8, 16) } };
}

/** Keeps room for a text that is drawn later. */
function spacer(width: number, height: number): string {
  const attributes = `BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" FIXEDSIZE="TRUE"`;
  return `<TABLE ${attributes} WIDTH="${Math.ceil(width)}" HEIGHT="${height}"><TR><TD></TD></TR></TABLE>`;
}

interface MeshNodeBox {
  readonly width: number;
  readonly height: number;
}

function sizeOf({ kind }: MeshNode, title: string, subline: string): MeshNodeBox {
  const text = Math.max(title.length * NAME_WIDTH, subline.length * SMALL_WIDTH);
  const padding = kind === "gateway" || kind === "any" ? 40 : 26;
  return { width: Math.ceil(Math.max(text, 40) + padding), height: subline === "" ? 28 : 42 };
}

/** Leaves out the middle: names often differ at their ends. */
function shorten(text: string, length: number): string {
  const characters = Array.from(text);
  if (characters.length <= length) return text;
  const kept = length - 1;
  return `${characters.slice(0, Math.ceil(kept / 2)).join("")}…${characters.slice(-Math.floor(kept / 2)).join("")}`;
}

/** `e,x,y x,y x,y …`: the tip of the arrow, then a start and three points for each curve. */
function readSpline(pos: string, flip: (point: readonly number[]) => Point) {
  const words = pos.split(" ");
  const tipWord = words.find((word) => word.startsWith("e,"));
  const points = words.filter((word) => !/^[es],/.test(word)).map((word) => flip(numbers(word)));
  const base = points[points.length - 1];
  const tip = tipWord === undefined ? base : flip(numbers(tipWord.slice(2)));
  const [start, ...curve] = points.map(({ x, y }) => `${x},${y}`);
  return { path: `M${start}C${curve.join(" ")}`, tip, base };
}

function numbers(text: string): readonly number[] {
  return text.split(",").map(Number);
}

function size(width: number, height: number): MeshNodeBox {
  return { width: round(width), height: round(height) };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** What is read of Graphviz's answer. */
interface Drawn {
  readonly bb: string;
  readonly objects?: readonly { readonly name: string; readonly pos?: string; readonly bb?: string }[];
  readonly edges?: readonly { readonly mark: string; readonly pos: string; readonly lp?: string }[];
}
