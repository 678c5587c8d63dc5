import { readFileSync } from "node:fs";
import { join } from "node:path";
import { escapeText } from "./escape";
import type { Point } from "./layered";
import type { Layout, PlacedBlock, PlacedEdge, PlacedGroup, PlacedNode } from "./placed";
import type { MeshEdge, MeshNode } from "./model";
import { isFailing, isIll, kindOf, sentenceOf } from "./words";

/** The rules by which the drawing is coloured. */
export function pictureStyle(): string {
  return readFileSync(join(__dirname, "page", "picture.css"), "utf8");
}

/** The picture as a file of its own, light or dark as the reader's system is. */
export function renderSvg(layout: Layout, title: string): string {
  const { width, height } = layout;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="picture" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escapeText(title)}</title>`,
    `<style>${pictureStyle()}</style>`,
    `<rect class="paper" width="100%" height="100%" fill="#fff"/>`,
    renderDrawing(layout),
    "</svg>\n",
  ].join("\n");
}

/**
 * Groups, blocks, arrows and boxes. The attributes are for readers that know no variables in style sheets.
 */
export function renderDrawing({ groups, blocks, nodes, edges }: Layout): string {
  const nodeOf = new Map(nodes.map(({ node }) => [node.id, node]));
  return [
    `<g fill="#eee" stroke="none">`,
    ...groups.map(renderGroup),
    ...blocks.map(renderBlock),
    `</g>`,
    `<g fill="none" stroke="#777">`,
    ...edges.map((edge, index) => renderEdge(edge, index, nodeOf)),
    `</g>`,
    `<g fill="#fff" stroke="#777">`,
    ...nodes.map(renderNode),
    `</g>`,
  ].join("\n");
}

function renderGroup({ title, x, y, width, height }: PlacedGroup): string {
  const rect = `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="10"/>`;
  return `<g class="group">${rect}<text x="${x + width / 2}" y="${y + 20}" fill="#333">${escapeText(title)}</text></g>`;
}

/** Its title is where the page's script folds it. */
function renderBlock({ title, x, y, width, height, members }: PlacedBlock, index: number): string {
  const rect = `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="8"/>`;
  const text = `<text x="${x + 12}" y="${y + 17}" fill="#333">${escapeText(`${title} (${members.length})`)}</text>`;
  return `<g class="block" data-block="${index}">${rect}${text}</g>`;
}

function renderNode({ node, title, subline, x, y, width, height }: PlacedNode, index: number): string {
  const middle = width / 2;
  const baseline = subline === "" ? height / 2 + 4 : 18;
  const stripe =
    node.kind === "service" ? `<rect class="stripe" x="0" y="6" width="4" height="${height - 12}" rx="2"/>` : "";
  const small = subline === "" ? "" : `<text class="subline" x="${middle}" y="33">${escapeText(subline)}</text>`;
  return [
    `<g class="${nodeClasses(node)}" data-node="${index}" transform="translate(${x},${y})">`,
    `<title>${escapeText(`${node.name} (${kindOf(node)})`)}</title>`,
    shapeOf(node, width, height),
    stripe,
    `<g fill="#111" stroke="none"><text class="name" x="${middle}" y="${baseline}">${escapeText(title)}</text>${small}</g></g>`,
  ].join("");
}

function shapeOf({ kind }: MeshNode, width: number, height: number): string {
  if (kind === "gateway") {
    const [end, half] = [12, height / 2];
    const points = `${end},0 ${width - end},0 ${width},${half} ${width - end},${height} ${end},${height} 0,${half}`;
    return `<polygon class="box" points="${points}"/>`;
  }
  const radius = kind === "any" || kind === "callers" || kind === "subset" ? height / 2 : kind === "external" ? 0 : 6;
  return `<rect class="box" width="${width}" height="${height}" rx="${radius}"/>`;
}

function nodeClasses(node: MeshNode): string {
  const { kind, protocol, health } = node;
  const state = health && (isIll(node) ? "ill" : "well");
  // Protocols are words of the engines, but an app may say anything.
  const known = ["http", "http2", "grpc", "tcp"].find((it) => it === protocol);
  return ["node", kind === "name" ? "name-only" : kind, known, state].filter(Boolean).join(" ");
}

function renderEdge(
  { edge, path, tip, base, label }: PlacedEdge,
  index: number,
  nodeOf: ReadonlyMap<string, MeshNode>,
) {
  const [source, destination] = [nodeOf.get(edge.source), nodeOf.get(edge.destination)];
  const sentence = source && destination ? sentenceOf(edge, source, destination) : edge.id;
  return [
    `<g class="${edgeClasses(edge)}" data-edge="${index}">`,
    `<title>${escapeText(sentence)}</title>`,
    `<path d="${path}"/>`,
    `<polygon points="${arrowHead(base, tip)}" fill="#777"/>`,
    label && label.text !== ""
      ? `<text x="${label.at.x}" y="${label.at.y + 4}" fill="#333" stroke="none">${escapeText(label.text)}</text>`
      : "",
    `</g>`,
  ].join("");
}

function edgeClasses({ kind, permission, ways, traffic }: MeshEdge): string {
  const allowed = permission?.allowed;
  const state = allowed === "no" ? "refused" : allowed === "some requests" ? "some" : undefined;
  const may = kind === "connection" && ways === undefined ? "may" : undefined;
  const flows = traffic && traffic.perSecond > 0 ? "flows" : undefined;
  const fails = traffic && isFailing(traffic) ? "fails" : undefined;
  return ["edge", kind, state, may, flows, fails].filter(Boolean).join(" ");
}

/** A triangle from the end of the line to its tip. */
function arrowHead(base: Point, tip: Point): string {
  const length = Math.hypot(tip.x - base.x, tip.y - base.y) || 1;
  const across = { x: ((base.y - tip.y) / length) * 3.6, y: ((tip.x - base.x) / length) * 3.6 };
  const corners = [tip, { x: base.x + across.x, y: base.y + across.y }, { x: base.x - across.x, y: base.y - across.y }];
  return corners.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
}
