import type { App } from "cdktf";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { synthesize } from "../constructs";
import { layOut } from "../graph/layout";
import { renderMermaid } from "../graph/mermaid";
import { renderPage } from "../graph/page";
import { readMeshGraph } from "../graph/read";
import { renderSvg } from "../graph/svg";
import { readStacks } from "../lab/apply/synthesized";
import { buildWithMeshform } from "./meshform-app";
import { ringOf } from "./ring";
import { townOf } from "./town";
import { buildTown } from "./town-app";

/** Meshes by name: towns, which have groups, and dense rings, which have none. */
const MESHES: Readonly<Record<string, (app: App) => void>> = {
  "30": (app) => void buildTown(app, townOf(30)),
  "300": (app) => void buildTown(app, townOf(300)),
  "1,000": (app) => void buildTown(app, townOf(1_000)),
  "120 × 3": (app) => buildWithMeshform(app, ringOf({ services: 120, stacks: 1, connections: 3 })),
  "300 × 3": (app) => buildWithMeshform(app, ringOf({ services: 300, stacks: 1, connections: 3 })),
};

/** Measures what it takes to draw a mesh, from its synthesized output. */
async function measure(services: string, build: (app: App) => void): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "meshform-bench-"));
  try {
    synthesize(build, { outdir: folder });
    const read = await timed(() => readMeshGraph(readStacks(folder)));
    const layout = await timed(() => layOut(read.result));
    const mermaid = await timed(() => renderMermaid(read.result));
    const svg = await timed(() => renderSvg(layout.result, "Town"));
    const page = await timed(() => renderPage(read.result, layout.result, "Town"));
    const { nodes, edges } = read.result;
    return [
      services,
      ...[nodes.length, edges.length].map((count) => count.toLocaleString("en")),
      ...[read, layout, mermaid, svg, page].map(({ seconds }) => `${seconds.toFixed(2)} s`),
      ...[svg.result, page.result].map((text) => `${(Buffer.byteLength(text) / 1024).toFixed(0)} KiB`),
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function timed<T>(act: () => T | Promise<T>): Promise<{ readonly result: T; readonly seconds: number }> {
  const start = performance.now();
  const result = await act();
  return { result, seconds: (performance.now() - start) / 1000 };
}

async function main(): Promise<void> {
  const rows: string[][] = [];
  for (const [services, build] of Object.entries(MESHES)) rows.push(await measure(services, build));
  const titles = ["services", "boxes", "arrows", "read", "layout", "Mermaid", "SVG", "page", "size of SVG", "of page"];
  const table = [titles, titles.map(() => "--:"), ...rows];
  console.log(table.map((cells) => `| ${cells.join(" | ")} |`).join("\n"));
}

void main();
