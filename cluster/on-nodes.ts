import type { Node } from "./facts";
import type { Finding } from "./rule";

/** So many names are listed. */
const MOST_NAMES = 5;

/** Names for a message: all of them, or the first ones and how many more there are. */
export function listNames(names: readonly string[]): string {
  const more = names.length - MOST_NAMES;
  return more > 0 ? `${names.slice(0, MOST_NAMES).join(", ")} and ${more} more` : names.join(", ");
}

/** The place of a finding that several nodes share. */
export function nodesAt(nodes: readonly Pick<Node, "Name">[]): string {
  return `${nodes.length === 1 ? "node" : "nodes"} ${listNames(nodes.map(({ Name }) => Name).sort())}`;
}

/**
 * One finding for all nodes with the same problem.
 *
 * @param problemOf what is wrong with a node; undefined if nothing is
 */
export function onNodes(nodes: readonly Node[], problemOf: (node: Node) => Omit<Finding, "at"> | undefined): Finding[] {
  const groups = new Map<string, { finding: Omit<Finding, "at">; nodes: Node[] }>();
  for (const node of nodes) {
    const finding = problemOf(node);
    if (finding === undefined) continue;
    const key = JSON.stringify(finding);
    const group = groups.get(key) ?? { finding, nodes: [] };
    group.nodes.push(node);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ finding, nodes: affected }) => ({ at: nodesAt(affected), ...finding }));
}
