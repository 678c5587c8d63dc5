import { TerraformStack, type TerraformResource } from "cdktf";
import { cyclesIn } from "./cycles";
import type { Need } from "./needs";
import type { StackEdge } from "./records";
import type { Emission, Snapshot } from "./snapshot";

/** A stack that must be applied after another one, and the resources that cause this. */
interface Edge {
  readonly from: TerraformStack;
  readonly to: TerraformStack;
  readonly because: string;
}

/** The stacks that must be applied before each stack. */
type StackGraph = ReadonlyMap<TerraformStack, TerraformStack[]>;

/**
 * Orders resources within their stack, and stacks among each other, by the needs of each resource.
 *
 * @returns dependency cycles of stacks, which cannot be applied in any order; the order of stacks is then not changed
 */
export function order(snapshot: Snapshot): readonly (readonly StackEdge[])[] {
  const hard = new Map<string, Edge>();
  const soft = new Map<string, Edge>();
  for (const emission of snapshot.emissions) {
    const { resource } = emission;
    const from = TerraformStack.of(resource);
    const addresses = new Set<string>(resource.dependsOn);
    for (const need of snapshot.contentOf(emission) === undefined ? [] : emission.needs(snapshot)) {
      for (const needed of resourcesOf(snapshot, need, emission)) {
        const to = TerraformStack.of(needed);
        if (to === from) {
          addresses.add(`${needed.terraformResourceType}.${needed.friendlyUniqueId}`);
        } else {
          const edges = "isSoft" in need && need.isSoft === true ? soft : hard;
          const key = `${from.node.path}\n${to.node.path}`;
          edges.set(key, edges.get(key) ?? { from, to, because: `${resource.node.path} needs ${needed.node.path}` });
        }
      }
    }
    resource.dependsOn = addresses.size > 0 ? [...addresses] : undefined;
  }
  const graph = stackGraph([...hard.values()], [...soft.values()]);
  const circles = cyclesIn(graph).map((cycle) => edgesOf(cycle, hard));
  if (circles.length === 0) {
    addWhereOpen(graph, [...soft.values()]);
    for (const [stack, nexts] of graph) {
      // This does not use addDependency, which visits every path between two stacks again.
      stack.dependencies.push(...nexts.filter((next) => !stack.dependencies.includes(next)));
    }
  }
  return circles;
}

function resourcesOf(snapshot: Snapshot, need: Need, emission: Emission): readonly TerraformResource[] {
  const { stack } = emission.origin;
  if ("resource" in need) {
    return [need.resource];
  }
  const emissions =
    "job" in need
      ? snapshot.emissionsOfJob(need.job)
      : snapshot.emissionsOfEntry(snapshot.clusterOfEmission(emission), need.entry);
  const found = emissions.filter((it) => snapshot.contentOf(it) !== undefined);
  // If two have the same name, which a check reports, the one in the same stack is used.
  const near = found.filter(({ origin }) => origin.stack === stack);
  return (near.length > 0 ? near : found).map(({ resource }) => resource);
}

/** Returns the graph of the hard edges and of the dependencies that the user has set. */
function stackGraph(hard: readonly Edge[], soft: readonly Edge[]): StackGraph {
  const graph = new Map<TerraformStack, TerraformStack[]>();
  const add = (stack: TerraformStack): TerraformStack[] => {
    const known = graph.get(stack);
    if (known !== undefined) {
      return known;
    }
    const nexts = [...stack.dependencies];
    graph.set(stack, nexts);
    nexts.forEach(add);
    return nexts;
  };
  for (const { from, to } of [...hard, ...soft]) {
    add(from);
    add(to);
  }
  for (const { from, to } of hard) {
    if (!add(from).includes(to)) {
      add(from).push(to);
    }
  }
  return graph;
}

function edgesOf(cycle: readonly TerraformStack[], edges: ReadonlyMap<string, Edge>): readonly StackEdge[] {
  return cycle.map((from, index) => {
    const to = cycle[(index + 1) % cycle.length];
    const edge = edges.get(`${from.node.path}\n${to.node.path}`);
    const because = edge?.because ?? `${from.node.path} depends on ${to.node.path}, as the app states`;
    return { from: from.node.path, to: to.node.path, because };
  });
}

function addWhereOpen(graph: StackGraph, edges: readonly Edge[]): void {
  for (const { from, to } of edges) {
    const nexts = graph.get(from);
    if (nexts?.includes(to) === false && !leadsTo(graph, to, from)) {
      nexts.push(to);
    }
  }
}

function leadsTo(graph: StackGraph, start: TerraformStack, end: TerraformStack): boolean {
  const seen = new Set([start]);
  for (const stack of seen) {
    for (const next of graph.get(stack) ?? []) {
      seen.add(next);
    }
  }
  return seen.has(end);
}
