import type { MeshEdge, MeshGraph, MeshNode } from "./model";
import { labelOf, sublineOf } from "./words";

/** Above this many arrows Mermaid refuses to draw unless its configuration says otherwise; GitHub's does not. */
export const MERMAID_EDGES = 500;

/**
 * The graph as a Mermaid flowchart, for a README or a pull request.
 *
 * @see https://mermaid.js.org/syntax/flowchart.html
 */
export function renderMermaid({ groups, nodes, edges }: MeshGraph): string {
  const numberOf = new Map(nodes.map(({ id }, index) => [id, `n${index}`]));
  const line = (node: MeshNode) => `${numberOf.get(node.id) ?? ""}${shapeOf(node)}`;
  const inGroups = groups.flatMap(({ id, kind, name }, index) => [
    `  subgraph g${index}["${escapeLabel(`${kind} ${name}`)}"]`,
    ...nodes.filter(({ group }) => group === id).map((node) => `    ${line(node)}`),
    "  end",
  ]);
  return [
    "flowchart LR",
    ...nodes.filter(({ group }) => group === undefined).map((node) => `  ${line(node)}`),
    ...inGroups,
    ...edges.map(
      (edge) => `  ${numberOf.get(edge.source) ?? ""} ${arrowOf(edge)} ${numberOf.get(edge.destination) ?? ""}`,
    ),
    "  classDef elsewhere stroke-dasharray: 5 3",
    ...classLines(nodes, numberOf),
    "",
  ].join("\n");
}

function shapeOf(node: MeshNode): string {
  const text = [node.name, sublineOf(node)].filter(Boolean).map(escapeLabel).join("<br/>");
  switch (node.kind) {
    case "gateway":
      return `{{"${text}"}}`;
    case "external":
      return `[["${text}"]]`;
    case "subset":
    case "any":
    case "callers":
      return `(["${text}"])`;
    case "service":
    case "virtual":
    case "name":
      return `["${text}"]`;
  }
}

function arrowOf(edge: MeshEdge): string {
  const label = labelOf(edge);
  return label === "" ? lineOf(edge) : `${lineOf(edge)}|"${escapeLabel(label)}"|`;
}

function lineOf({ kind, permission, ways }: MeshEdge): string {
  switch (kind) {
    case "connection":
      if (permission?.allowed === "no") return "--x";
      return ways === undefined ? "-.->" : "-->";
    case "enters":
      return "-->";
    case "split":
    case "route":
    case "redirect":
      return "==>";
    case "failover":
    case "carries":
    case "subset":
      return "-.->";
  }
}

function classLines(nodes: readonly MeshNode[], numberOf: ReadonlyMap<string, string>): string[] {
  const names = nodes.filter(({ kind }) => ["name", "virtual", "any", "callers"].includes(kind));
  return names.length === 0 ? [] : [`  class ${names.map(({ id }) => numberOf.get(id) ?? "").join(",")} elsewhere`];
}

/** All but the plainest characters as Mermaid's own entities: it has Markdown, HTML and directives of its own in labels. */
function escapeLabel(text: string): string {
  return text.replace(/[^A-Za-z0-9 _.,:/@%+×·-]/gu, (character) => `#${character.codePointAt(0) ?? 0};`);
}
