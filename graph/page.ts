import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { escapeJson, escapeText } from "./escape";

import type { MeshGraph, NodeLink } from "./model";
import type { Layout, PlacedBlockLine } from "./placed";
import { pictureStyle, renderDrawing } from "./svg";
import {
  edgeFacts,
  isFailing,
  isIll,
  kindOf,
  labelOf,
  nodeFacts,
  sentenceOf,
  titleOf,
  verbOf,
  type Fact,
} from "./words";

/** What the page's script knows, in addition to the drawing. */
interface PageData {
  readonly nodes: readonly PageNode[];
  readonly edges: readonly PageEdge[];
  /** Frames that can be folded. */
  readonly blocks: readonly PageBlock[];
  /** Arrows between them while they are folded. */
  readonly blockLines: readonly PlacedBlockLine[];
}

interface PageBlock {
  readonly title: string;
  readonly members: readonly number[];
  readonly box: readonly [x: number, y: number, width: number, height: number];
}

interface PageNode {
  readonly id: string;
  readonly title: string;
  readonly kind: string;
  readonly protocol: string;
  readonly place: string;
  readonly stacks: readonly string[];
  readonly ill: boolean;
  readonly facts: readonly Fact[];
  readonly links: readonly NodeLink[];
  readonly commands: readonly string[];
  readonly box: readonly [x: number, y: number, width: number, height: number];
}

interface PageEdge {
  readonly source: number;
  readonly destination: number;
  readonly kind: string;
  /** What stands on the arrow, if anything. */
  readonly mark: string;
  /** What it comes to, in a word or two. */
  readonly label: string;
  readonly sentence: string;
  readonly refused: boolean;
  readonly failing: boolean;
  readonly facts: readonly Fact[];
}

/**
 * The graph as one page that needs nothing else: no network, no other file. It may be mailed, or kept with a build.
 *
 * @param title what the mesh is called
 * @param isServed whether a server offers newer pages where it came from, which the page then shows in place
 */
export function renderPage(graph: MeshGraph, layout: Layout, title: string, isServed = false): string {
  const style = `${pictureStyle()}\n${asset("page.css")}`;
  const script = asset("page.js");
  // Even if a name should break out of its place, it would find that no script but this one may run.
  const policy = `default-src 'none'; style-src '${digest(style)}'; script-src '${digest(script)}'; base-uri 'none'; form-action 'none'${isServed ? "; connect-src 'self'" : ""}`;
  const { width, height } = layout;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeText(title)}</title>
<style>${style}</style>
</head>
<body${isServed ? ` data-version="${escapeText(graph.live?.takenAt ?? "")}"` : ""}>
<header>
<h1>${escapeText(title)}</h1>
<p class="summary">${escapeText(summaryOf(graph))}</p>
<p id="age" hidden></p>
<p id="stale" role="alert" hidden></p>
<div class="tools" role="toolbar" aria-label="Picture">
<button type="button" id="smaller" title="Smaller (−)" aria-label="Smaller">−</button>
<button type="button" id="bigger" title="Bigger (+)" aria-label="Bigger">+</button>
<button type="button" id="fit" title="All of it (0)">Fit</button>
<button type="button" id="fold" title="Fold or unfold all groups of services (f)" hidden>Unfold all</button>
<button type="button" id="theme" title="Light, dark, or as the system is">Theme</button>
</div>
</header>
<main>
<section id="canvas" tabindex="0" aria-label="Picture of the mesh. Arrow keys move it, plus and minus change its size, 0 shows all. The list next to it says the same in words.">
<svg class="picture" id="picture" role="presentation" width="100%" height="100%" data-width="${width}" data-height="${height}">
<g id="drawing">
${renderDrawing(layout)}
</g>
<g id="near" hidden></g>
</svg>
${legend()}
</section>
<aside id="panel" aria-label="Services">
<form role="search" id="search">
<input type="search" id="query" placeholder="Search: name, protocol, stack …" aria-label="Search" autocomplete="off" spellcheck="false">
<div id="filters"></div>
</form>
<p id="found" role="status"></p>
<div id="details" hidden></div>
<ul id="list"></ul>
<div id="notes">${notesOf(graph)}</div>
</aside>
</main>
<noscript>The picture stands as it is; search and details need JavaScript.</noscript>
<script type="application/json" id="mesh">${escapeJson(dataOf(graph, layout))}</script>
<script>${script}</script>
</body>
</html>
`;
}

function dataOf(graph: MeshGraph, { blocks, blockLines, nodes }: Layout): PageData {
  const numberOf = new Map(graph.nodes.map(({ id }, index) => [id, index]));
  const groupNames = new Map(graph.groups.map(({ id, kind, name }) => [id, `${kind} ${name}`]));
  const namesakes = new Set(namesOfSeveral(graph.nodes.map(titleOf)));
  return {
    blockLines: blockLines.map(({ from, to, path, tip, base }) => ({ from, to, path, tip, base })),
    blocks: blocks.map(({ title, members, x, y, width, height }) => ({ title, members, box: [x, y, width, height] })),
    nodes: nodes.map(({ node, x, y, width, height }) => {
      const place = groupNames.get(node.group ?? "");
      const title = titleOf(node);
      return {
        id: node.id,
        title: namesakes.has(title) && node.group !== undefined ? `${title} (${node.group})` : title,
        kind: kindOf(node),
        protocol: node.protocol ?? "",
        place: place ?? "",
        stacks: [...new Set((node.jobs ?? []).map(({ stack }) => stack))],
        ill: isIll(node),
        facts: nodeFacts(node, place),
        links: node.links ?? [],
        commands: node.commands ?? [],
        box: [x, y, width, height],
      };
    }),
    edges: graph.edges.map((edge) => {
      const [source, destination] = [edge.source, edge.destination].map((id) => numberOf.get(id) ?? 0);
      return {
        source,
        destination,
        kind: edge.kind,
        mark: labelOf(edge),
        label: labelOf(edge) || (edge.kind === "connection" ? verbOf(edge) : edge.kind),
        sentence: sentenceOf(edge, graph.nodes[source], graph.nodes[destination]),
        refused: edge.permission?.allowed === "no",
        failing: edge.traffic !== undefined && isFailing(edge.traffic),
        facts: edgeFacts(edge),
      };
    }),
  };
}

function namesOfSeveral(names: readonly string[]): string[] {
  const sorted = [...names].sort();
  return sorted.filter((name, index) => name === sorted[index - 1]);
}

/** `12 services, 18 connections, 2 gateways, 2 datacenters` */
export function summaryOf({ nodes, edges, groups, live }: MeshGraph): string {
  const count = (number: number, what: string) => (number === 0 ? [] : [`${number} ${what}${number === 1 ? "" : "s"}`]);
  const datacenters = groups.filter(({ kind }) => kind === "datacenter").length;
  const counts = [
    ...count(nodes.filter(({ kind }) => kind === "service").length, "service"),
    ...count(edges.filter(({ kind, ways }) => kind === "connection" && ways).length, "connection"),
    ...count(nodes.filter(({ kind }) => kind === "gateway").length, "gateway"),
    ...(datacenters > 1 ? count(datacenters, "datacenter") : []),
  ];
  const when = live
    ? `lab ${live.lab} at ${live.takenAt.replace("T", " ").replace(/\..*/, "")} UTC, rates over ${live.seconds.toFixed(1)} s`
    : "as synthesized";
  return `${counts.join(", ") || "an empty mesh"} · ${when}`;
}

function notesOf({ notes }: MeshGraph): string {
  if (notes.length === 0) return "";
  return `<h2>Not drawn</h2><ul class="notes">${notes.map((note) => `<li>${escapeText(note)}</li>`).join("")}</ul>`;
}

/** Small samples of what lines and boxes mean, drawn by the same rules. */
function legend(): string {
  const lines = [
    ["connection", "upstream that is allowed"],
    ["connection some", "L7: only some requests are allowed"],
    ["connection may", "allowed, but has no upstream"],
    ["connection refused", "upstream that is refused"],
    ["split", "split, route or redirect"],
    ["failover", "failover; through a gateway"],
    ["connection flows", "requests flow now, in a running lab"],
    ["connection flows fails", "some of them fail"],
  ].map(
    ([classes, text]) =>
      `<li><svg class="picture" width="34" height="12" aria-hidden="true"><g class="edge ${classes}"><path d="M0,6H27"/><polygon points="34,6 26,2.5 26,9.5"/></g></svg>${text}</li>`,
  );
  const stripes = ["http", "http2", "grpc", "tcp"].map(
    (protocol) =>
      `<svg class="picture" width="8" height="14" aria-hidden="true"><g class="node ${protocol}"><rect class="stripe" x="2" width="4" height="14" rx="2"/></g></svg>${protocol}`,
  );
  return `<details id="legend"><summary>Legend</summary><ul>${lines.join("")}<li class="stripes">${stripes.join(" ")}</li></ul></details>`;
}

function asset(name: string): string {
  return readFileSync(join(__dirname, "page", name), "utf8");
}

function digest(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
