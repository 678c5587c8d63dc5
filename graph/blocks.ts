import type { MeshGraph, MeshNode } from "./model";

/** Nodes that belong together, and can be shown as one. */
export interface Block {
  readonly name: string;
  /** Id of the group that all of them are in. @default the only datacenter, which has no name here */
  readonly group?: string;
  /** Their indices, in the order of the graph. */
  readonly members: readonly number[];
}

/** From how many members on a block is worth its frame. */
const SMALLEST = 3;

/** What is in no other block. */
const REST = "others";

/**
 * Puts the nodes of a large mesh into blocks: by Terraform stack where the app has several, otherwise by the first word of the
 * name, as in `billing-api`. Each node is in just one block, and a block is within one datacenter.
 */
export function blocksOf({ nodes }: MeshGraph): readonly Block[] {
  const stacks = new Set(nodes.flatMap(({ jobs = [] }) => jobs.map(({ stack }) => stack)));
  const nameOf = stacks.size > 2 ? stackOf : prefixOf;
  const services = new Map(nodes.map((node) => [node.id, node]));
  const blocks = new Map<string, { name: string; group?: string; members: number[] }>();
  nodes.forEach((node, index) => {
    // A version is where its service is.
    const owner = services.get(node.subsetOf ?? "") ?? node;
    const name = nameOf(owner);
    const key = JSON.stringify([node.group, name]);
    const block = blocks.get(key) ?? { name, group: node.group, members: [] };
    blocks.set(key, block);
    block.members.push(index);
  });
  const rests = new Map<string | undefined, number[]>();
  const large: Block[] = [];
  for (const block of blocks.values()) {
    if (block.members.length >= SMALLEST && block.name !== "") {
      large.push(block);
    } else {
      rests.set(block.group, [...(rests.get(block.group) ?? []), ...block.members]);
    }
  }
  const others = [...rests].map(([group, members]) => ({
    name: members.length === 1 ? nodes[members[0]].name : REST,
    group,
    members: members.sort((a, b) => a - b),
  }));
  return [...large, ...others];
}

function stackOf({ jobs = [] }: MeshNode): string {
  return jobs.at(0)?.stack ?? "";
}

function prefixOf({ name, kind }: MeshNode): string {
  return kind === "any" || kind === "callers" ? "" : (/^[^-._/]+(?=[-._/])/.exec(name)?.[0] ?? "");
}
