import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { InvalidArgumentError, Option, type Command } from "commander";
import { layOut } from "../graph/layout";
import { withLinks } from "../graph/links";
import { MERMAID_EDGES, renderMermaid } from "../graph/mermaid";
import type { MeshGraph } from "../graph/model";
import { renderPage, summaryOf } from "../graph/page";
import { readMeshGraph } from "../graph/read";
import { renderSvg } from "../graph/svg";
import { durationPhrase, errorsPhrase, ratePhrase } from "../graph/words";
import { findApp } from "../lab/app/app-source";
import { enginesOfEnvironment } from "../lab/cluster/engines-of-environment";
import { LabError } from "../lab/core/errors";
import { appOption } from "./app-option";
import { LabReader, watchLab } from "./graph-live";
import { interruptible } from "./interruptible";
import { jsonOption, print } from "./json";
import { labOption } from "./lab-option";
import { synthesis } from "./synthesis";
import { table } from "./table";

/** Where `--watch` serves its page unless it is told otherwise. */
const PAGE_PORT = 8420;

const FORMATS = ["mermaid", "svg", "html"] as const;
type Format = (typeof FORMATS)[number];

const FILES: Readonly<Record<Format, string>> = { mermaid: "mesh.mmd", svg: "mesh.svg", html: "mesh.html" };

interface Options {
  readonly app?: string;
  readonly format: Format | "all";
  readonly output: string;
  readonly live?: boolean;
  readonly watch?: boolean;
  readonly port: number;
  readonly links?: boolean;
  readonly name: string;
  readonly json?: boolean;
}

/** `meshform graph`: who may talk to whom, as a picture. */
export function registerGraph(program: Command): void {
  program
    .command("graph")
    .description("draw the mesh: services, allowed connections, splits, gateways, datacenters")
    .addOption(appOption())
    .addOption(new Option("--format <format>", "the output format").choices([...FORMATS, "all"]).default("all"))
    .option("--output <folder>", "the output directory", "meshform-graph")
    .addOption(new Option("--live", "draw a running lab, with health, request rates and durations").conflicts(["app"]))
    .addOption(
      new Option("--watch", "serve the page of a running lab at 127.0.0.1, and refresh it until Ctrl-C")
        .conflicts(["app"])
        .implies({ live: true }),
    )
    .option("--port <port>", "the port of --watch; 0 for any that is free", portNumber, PAGE_PORT)
    .addOption(
      new Option(
        "--links",
        "link services to the UIs of the cluster that CONSUL_HTTP_ADDR and NOMAD_ADDR set",
      ).conflicts(["live", "watch"]),
    )
    .addOption(labOption())
    .addOption(jsonOption().conflicts("watch"))
    .addHelpText("after", "\nOnly --live needs a running lab, the one of --name.")
    .action(({ app, format, output, live = false, watch = false, port, links = false, name, json }: Options) =>
      interruptible(async (signal) => {
        const source = live ? undefined : findApp(app);
        const title = `The mesh of ${source?.name ?? `the lab ${name}`}`;
        if (watch) return watchLab(name, title, port, signal);
        const plain = source && readMeshGraph((await synthesis(source, signal)).stacks);
        const graph = await (plain
          ? links
            ? withLinksOfEnvironment(plain)
            : plain
          : new LabReader(name).read(signal));
        const files = await write(graph, title, output, format === "all" ? FORMATS : [format], signal);
        print({ files, graph }, json, () =>
          [
            ...(live ? readings(graph) : []),
            ...remarks(graph),
            summaryOf(graph),
            ...table(Object.entries(files).map(([kind, file]) => [`  ${kind}`, relative(process.cwd(), file)])),
          ].join("\n"),
        );
      }),
    );
}

/** The UIs of the cluster that the environment names, for the boxes of all its datacenters. */
async function withLinksOfEnvironment(graph: MeshGraph): Promise<MeshGraph> {
  const { consul, nomad } = enginesOfEnvironment(process.env);
  // The first one is its own.
  const [own = "dc1"] = ((await consul.get("/v1/catalog/datacenters")) ?? []) as string[];
  return withLinks(graph, (group) => ({ datacenter: group ?? own, consul: consul.address, nomad: nomad.address }));
}

/** Writes the files, and returns which, by format. */
async function write(
  graph: MeshGraph,
  title: string,
  output: string,
  formats: readonly Format[],
  signal: AbortSignal,
): Promise<Readonly<Partial<Record<Format, string>>>> {
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
  return Object.fromEntries(formats.map((format) => [format, resolve(output, FILES[format])]));
}

function portNumber(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 65_535) return value;
  throw new InvalidArgumentError("It must be a port, from 0 to 65535.");
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
