import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { Option, type Command } from "commander";
import { layOut } from "../graph/layout";
import { withLive } from "../graph/live";
import { MERMAID_EDGES, renderMermaid } from "../graph/mermaid";
import type { MeshGraph } from "../graph/model";
import { renderPage, summaryOf } from "../graph/page";
import { readMeshGraph } from "../graph/read";
import { renderSvg } from "../graph/svg";
import { durationPhrase, errorsPhrase, ratePhrase } from "../graph/words";
import { findApp } from "../lab/app/app-source";
import { readStacks } from "../lab/apply/synthesized";
import { Cluster } from "../lab/cluster/cluster";
import { LabError } from "../lab/core/errors";
import { invocation } from "../lab/core/invocation";
import { Lab } from "../lab/hosts/lab";
import { readJobs } from "../lab/cluster/services";
import { measureTraffic } from "../lab/cluster/traffic";
import { appOption } from "./app-option";
import { interruptible } from "./interruptible";
import { labOption } from "./lab-option";
import { synthesis } from "./synthesis";
import { table } from "./table";

/** How long `--live` counts requests, in seconds. */
const WINDOW_SECONDS = 2;

const FORMATS = ["mermaid", "svg", "html"] as const;
type Format = (typeof FORMATS)[number];

const FILES: Readonly<Record<Format, string>> = { mermaid: "mesh.mmd", svg: "mesh.svg", html: "mesh.html" };

interface Options {
  readonly app?: string;
  readonly format: Format | "all";
  readonly output: string;
  readonly live?: boolean;
  readonly name: string;
}

/** `meshform graph`: who may talk to whom, as a picture. */
export function registerGraph(program: Command): void {
  program
    .command("graph")
    .description("draw the mesh: services, allowed connections, splits, gateways, datacenters")
    .addOption(appOption())
    .addOption(new Option("--format <format>", "the output format").choices([...FORMATS, "all"]).default("all"))
    .option("--output <folder>", "the output directory", "meshform-graph")
    .addOption(new Option("--live", "draw a running lab, with health and request rates").conflicts(["app"]))
    .addOption(labOption())
    .addHelpText("after", "\nOnly --live needs a running lab, the one of --name.")
    .action(({ app, format, output, live = false, name }: Options) =>
      interruptible(async (signal) => {
        const source = live ? undefined : findApp(app);
        const graph = source ? readMeshGraph((await synthesis(source, signal)).stacks) : await readLab(name, signal);
        const title = `The mesh of ${source?.name ?? `the lab ${name}`}`;
        const files = await write(graph, title, output, format === "all" ? FORMATS : [format], signal);
        console.log([...(live ? readings(graph) : []), ...remarks(graph), ...files].join("\n"));
      }),
    );
}

/** What is drawn is what is deployed there, whatever the app says by now. */
async function readLab(name: string, signal: AbortSignal): Promise<MeshGraph> {
  const lab = new Lab(name);
  const { synthesized } = lab.files;
  if (!lab.exists || !existsSync(synthesized)) {
    throw new LabError(
      lab.exists ? `Nothing has been deployed to the lab ${name} yet.` : `There is no lab ${name}.`,
      `Run \`${invocation("up")}\` first, or omit --live.`,
    );
  }
  const jobs = (await Promise.all(Cluster.all(lab).map((cluster) => readJobs(cluster)))).flat();
  const traffic = await measureTraffic(jobs, (host) => lab.initOf(host), WINDOW_SECONDS, signal);
  return withLive(readMeshGraph(readStacks(synthesized)), { lab: name, takenAt: new Date(), jobs, traffic });
}

/** Writes the files, and says which. */
async function write(
  graph: MeshGraph,
  title: string,
  output: string,
  formats: readonly Format[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const layout = formats.includes("mermaid") && formats.length === 1 ? undefined : await layOut(graph, { signal });
  const contentOf = (format: Format): string => {
    if (format === "mermaid" || !layout) return renderMermaid(graph);
    return format === "svg" ? renderSvg(layout, title) : renderPage(graph, layout, title);
  };
  try {
    mkdirSync(output, { recursive: true });
    for (const format of formats) writeFileSync(join(output, FILES[format]), contentOf(format));
  } catch (error) {
    throw new LabError(
      `Cannot write the files to ${output}: ${(error as Error).message}.`,
      "Set another directory with --output.",
      { cause: error },
    );
  }
  return [
    summaryOf(graph),
    ...table(formats.map((format) => [`  ${format}`, relative(process.cwd(), join(output, FILES[format]))])),
  ];
}

/** Health and rates, as the picture has them. */
function readings({ groups, nodes, edges }: MeshGraph): string[] {
  const isFlat = groups.length < 2;
  const names = new Map(nodes.map(({ id, name, subsetOf }) => [id, subsetOf === undefined && isFlat ? name : id]));
  const health = nodes.flatMap(({ id, health }) =>
    health ? [[names.get(id) ?? id, `${health.healthy}/${health.wanted}`, health.problems.join("; ")]] : [],
  );
  const rates = edges.flatMap(({ source, destination, traffic }) => {
    if (!traffic) return [];
    const [from, to] = [source, destination].map((id) => names.get(id) ?? id);
    const open = traffic.open === undefined ? "" : `${traffic.open} open`;
    return [[`${from} → ${to}`, ratePhrase(traffic), durationPhrase(traffic) ?? open, errorsPhrase(traffic)]];
  });
  return [
    ...table([["SERVICE", "HEALTHY"], ...health]),
    "",
    ...(rates.length > 0 ? [...table([["CONNECTION", "NOW", "DURATION", "ERRORS"], ...rates]), ""] : []),
  ];
}

function remarks({ notes, edges }: MeshGraph): string[] {
  const tooMany =
    edges.length > MERMAID_EDGES
      ? [`Mermaid draws at most ${MERMAID_EDGES} arrows unless its maxEdges is raised, which GitHub does not do.`]
      : [];
  const lines = [...notes, ...tooMany];
  return lines.length > 0 ? [...lines, ""] : [];
}
