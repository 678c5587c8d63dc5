import type { Graph } from "@viz-js/viz";
import type { Drawn } from "./graphviz";

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Its place is that of its upper left corner, in pixels from the top left. */
export interface Box extends Point, Size {}

/** A line with an arrow. */
export interface Line {
  /** The `d` of an SVG path. */
  readonly path: string;
  /** The tip of the arrow, and where it comes from. */
  readonly tip: Point;
  readonly base: Point;
}

/** What is to be laid out in layers: boxes, and the lines between them, all by their index. */
export interface Layers {
  readonly boxes: readonly Size[];
  readonly lines: readonly {
    readonly from: number;
    readonly to: number;
    /** Room that its label takes. @default it has none */
    readonly label?: Size;
    /** How much shorter than others it is to be. @default 1 */
    readonly weight?: number;
    /** Whether its boxes may be in any order. @default false */
    readonly isLoose?: boolean;
  }[];
  /** Indices of the boxes that a frame is around. */
  readonly frames: readonly (readonly number[])[];
  /** Where lines lead. @default to the right */
  readonly direction?: "right" | "down";
}

export interface LaidOutLayers extends Size {
  readonly boxes: readonly Point[];
  readonly lines: readonly (Line & { readonly label?: Point })[];
  /** Where each frame is, but for those without boxes. */
  readonly frames: readonly (Box | undefined)[];
}

const MARGIN = 16;

/** Up to how many lines Graphviz may look for the best layout; its time grows with their square and more. */
const FEW_LINES = 150;

/** Boxes and lines in Graphviz's terms. Names never reach it: it knows numbers, and sizes. */
export function describeLayers({ boxes, lines, frames, direction = "right" }: Layers): Graph {
  return {
    directed: true,
    graphAttributes: {
      rankdir: direction === "right" ? "LR" : "TB",
      ranksep: direction === "right" ? 0.75 : 1.5,
      nodesep: direction === "right" ? 0.15 : 0.5,
      remincross: true,
      ...effortFor(lines.length),
    },
    nodeAttributes: { shape: "box", fixedsize: true, label: "" },
    edgeAttributes: { arrowsize: 0.8 },
    nodes: boxes.map(({ width, height }, index) => ({
      name: `n${index}`,
      attributes: { width: width / 72, height: height / 72 },
    })),
    edges: lines.map(({ from, to, label, weight, isLoose }, index) => ({
      tail: `n${from}`,
      head: `n${to}`,
      attributes: {
        mark: String(index),
        ...(label ? { label: { html: spacer(label.width, label.height) } } : {}),
        ...(weight === undefined ? {} : { weight }),
        ...(isLoose ? { constraint: false } : {}),
      },
    })),
    subgraphs: frames.map((members, index) => ({
      name: `cluster_${index}`,
      graphAttributes: { margin: 18, label: { html: spacer(120, 12) } },
      nodes: members.map((member) => ({ name: `n${member}` })),
    })),
  };
}

/**
 * How many steps each search for a better layout may take, as a share of Graphviz's own limits. It depends on the number of
 * lines alone, so that the same mesh is drawn in the same way on every machine.
 *
 * @see https://graphviz.org/docs/attrs/nslimit/
 * @see https://graphviz.org/docs/attrs/mclimit/
 */
function effortFor(lines: number): Readonly<Record<string, number>> {
  if (lines <= FEW_LINES) return {};
  const share = FEW_LINES / lines;
  return { nslimit: Math.max(0.1, share), nslimit1: Math.max(0.1, share), mclimit: Math.max(0.01, share / 4) };
}

/** Reads Graphviz's answer to {@link describeLayers}. */
export function readLayers({ bb, objects = [], edges = [] }: Drawn, { boxes, lines, frames }: Layers): LaidOutLayers {
  const [, , right, top] = numbers(bb);
  const flip = ([x, y]: readonly number[]): Point => ({ x: round(x + MARGIN), y: round(top - y + MARGIN) });
  const objectOf = new Map(objects.map((object) => [object.name, object]));
  const edgeOf = new Map(edges.map((edge) => [edge.mark, edge]));
  return {
    width: round(right + 2 * MARGIN),
    height: round(top + 2 * MARGIN),
    boxes: boxes.map(({ width, height }, index) => {
      const centre = flip(numbers(objectOf.get(`n${index}`)?.pos ?? "0,0"));
      return { x: round(centre.x - width / 2), y: round(centre.y - height / 2) };
    }),
    lines: lines.map((_, index) => {
      const { pos = "0,0", lp } = edgeOf.get(String(index)) ?? {};
      return { ...readSpline(pos, flip), label: lp === undefined ? undefined : flip(numbers(lp)) };
    }),
    frames: frames.map((_, index) => {
      const frame = objectOf.get(`cluster_${index}`)?.bb;
      if (frame === undefined) return undefined;
      const [left, bottom, end, upper] = numbers(frame);
      return { ...flip([left, upper]), width: round(end - left), height: round(upper - bottom) };
    }),
  };
}

/** `e,x,y x,y x,y …`: the tip of the arrow, then a start and three points for each curve. */
function readSpline(pos: string, flip: (point: readonly number[]) => Point): Line {
  const words = pos.split(" ");
  const tipWord = words.find((word) => word.startsWith("e,"));
  const points = words.filter((word) => !/^[es],/.test(word)).map((word) => flip(numbers(word)));
  const base = points[points.length - 1];
  const tip = tipWord === undefined ? base : flip(numbers(tipWord.slice(2)));
  const [start, ...curve] = points.map(({ x, y }) => `${x},${y}`);
  return { path: `M${start}C${curve.join(" ")}`, tip, base };
}

/** Keeps room for a text that is drawn later. */
function spacer(width: number, height: number): string {
  const attributes = `BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" FIXEDSIZE="TRUE"`;
  return `<TABLE ${attributes} WIDTH="${Math.ceil(width)}" HEIGHT="${Math.ceil(height)}"><TR><TD></TD></TR></TABLE>`;
}

function numbers(text: string): readonly number[] {
  return text.split(",").map(Number);
}

export function round(value: number): number {
  return Math.round(value * 10) / 10;
}
