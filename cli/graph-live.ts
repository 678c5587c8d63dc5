import { existsSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { layOut, relabelled, shapeOf } from "../graph/layout";
import { withLinks } from "../graph/links";
import { withLive } from "../graph/live";
import type { MeshGraph } from "../graph/model";
import { renderPage } from "../graph/page";
import type { Layout } from "../graph/placed";
import { readMeshGraph } from "../graph/read";
import { readDocuments } from "../lab/apply/documents";
import { readStacks } from "../lab/apply/synthesized";
import { Cluster } from "../lab/cluster/cluster";
import { readJobs } from "../lab/cluster/read-jobs";
import { lookAtEnvoys, trafficBetween, type Look } from "../lab/cluster/traffic";
import { LabError } from "../lab/core/errors";
import { invocation } from "../lab/core/invocation";
import { callersNow } from "../lab/hosts/forwarder/callers";
import { Lab } from "../lab/hosts/lab";
import { servePage } from "./graph-server";

/** How long `--live` counts requests, in seconds: Envoys add to their histograms every five. */
const WINDOW_SECONDS = 6;

/** How often `--watch` reads the lab, in seconds. */
const INTERVAL_SECONDS = 5;

/** Reads a lab again and again. What is drawn is what is deployed there, whatever the app says by now. */
export class LabReader {
  private last?: Look;

  constructor(private readonly name: string) {}

  /**
   * The graph as it is now, with the rates since the last call; at first those of a few seconds.
   *
   * @throws LabError if there is no such lab, or it does not answer
   */
  async read(signal: AbortSignal): Promise<MeshGraph> {
    const lab = new Lab(this.name);
    const { synthesized } = lab.files;
    if (!lab.exists || !existsSync(synthesized)) {
      throw new LabError(
        lab.exists ? `Nothing has been deployed to the lab ${this.name} yet.` : `There is no lab ${this.name}.`,
        `Run \`${invocation("up")}\` first, or omit --live.`,
      );
    }
    const clusters = Cluster.all(lab);
    const jobs = (await Promise.all(clusters.map((cluster) => readJobs(cluster)))).flat();
    const look = () => lookAtEnvoys(jobs, (host) => lab.initOf(host), signal);
    let before = this.last;
    if (!before) {
      before = await look();
      await sleep(WINDOW_SECONDS, signal);
    }
    const now = await look();
    this.last = now;
    const stacks = readStacks(synthesized);
    const { queries } = readDocuments(stacks);
    const reading = { lab: this.name, takenAt: new Date(now.at), jobs, traffic: trafficBetween(before, now), queries };
    const uis = clusters.map(({ datacenter, consul, nomad }) => ({
      ...{ datacenter, consul: consul.address, nomad: nomad.address },
    }));
    return withLinks(
      withLive(readMeshGraph(stacks), reading),
      // What names no datacenter is deployed to the first.
      (group) => (group === undefined ? uis.at(0) : uis.find(({ datacenter }) => datacenter === group)),
      { name: this.name, jobs },
    );
  }
}

/**
 * Serves the page of a lab on loopback, and reads the lab again and again. What is wrong with the lab is told on the page, and printed once.
 *
 * @param signal ends it; its reason is thrown
 * @throws LabError if the lab cannot be read at first, or the port is taken
 */
export async function watchLab(name: string, title: string, port: number, signal: AbortSignal): Promise<never> {
  const reader = new LabReader(name);
  const { listeners } = new Lab(name);
  const server = await servePage(
    port,
    callersNow([process.getuid?.() ?? 0, ...listeners.flatMap((it) => it.callers ?? [])]),
  );
  try {
    let shown = await draw(await reader.read(signal), signal);
    server.show(pageOf(shown, title), versionOf(shown));
    console.log(`${server.url}\nThe page refreshes itself. Ctrl-C ends this; the lab continues to run.`);
    let problem: string | undefined;
    for (;;) {
      await sleep(INTERVAL_SECONDS, signal);
      try {
        shown = await draw(await reader.read(signal), signal, shown);
        server.show(pageOf(shown, title), versionOf(shown));
        problem = undefined;
      } catch (error) {
        signal.throwIfAborted();
        const text = (error as Error).message.trim();
        server.fail(text);
        if (text !== problem) console.error(text);
        problem = text;
      }
    }
  } finally {
    server.close();
    // An agent that does not answer is not waited for.
    globalThis.setTimeout(() => process.exit(), 500).unref();
  }
}

async function sleep(seconds: number, signal: AbortSignal): Promise<void> {
  await setTimeout(seconds * 1000, undefined, { signal }).catch(() => {
    signal.throwIfAborted();
  });
}

interface Drawing {
  readonly graph: MeshGraph;
  readonly layout: Layout;
}

/** Boxes stay where they are as long as only what is measured changes. */
async function draw(graph: MeshGraph, signal: AbortSignal, before?: Drawing): Promise<Drawing> {
  const isSame = before !== undefined && shapeOf(before.graph) === shapeOf(graph);
  return {
    graph,
    layout: isSame ? relabelled(before.layout, graph) : await layOut(graph, { signal, isLasting: true }),
  };
}

function pageOf({ graph, layout }: Drawing, title: string): string {
  return renderPage(graph, layout, title, true);
}

function versionOf({ graph }: Drawing): string {
  return graph.live?.takenAt ?? "";
}
