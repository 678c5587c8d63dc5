import { ConfigEntry } from "@cdktf/provider-consul/lib/config-entry";
import { Job } from "@cdktf/provider-nomad/lib/job";
import { isResource } from "../../core/resource-type";
import type { Snapshot } from "../../model/snapshot";
import type { CheckedApp } from "../check";

/** Jobs and config entries of an app that do not follow from its graph: plain resources of the providers. */
interface Foreign {
  readonly entries: readonly ConfigEntry[];
  readonly jobs: readonly Job[];
}

/** Looked for once for each run: it means going through the whole tree. */
const found = new WeakMap<Snapshot, Foreign>();

export function foreignEntriesIn(app: CheckedApp): readonly ConfigEntry[] {
  return foreignIn(app).entries;
}

export function foreignJobsIn(app: CheckedApp): readonly Job[] {
  return foreignIn(app).jobs;
}

function foreignIn({ root, graph }: CheckedApp): Foreign {
  const known = found.get(graph);
  if (known !== undefined) {
    return known;
  }
  const own = new Set<unknown>(graph.emissions.map(({ resource }) => resource));
  const nodes = root.node.findAll().filter((node) => !own.has(node));
  const foreign = {
    entries: nodes.filter((node) => isResource(ConfigEntry, node)),
    jobs: nodes.filter((node) => isResource(Job, node)),
  };
  found.set(graph, foreign);
  return foreign;
}
