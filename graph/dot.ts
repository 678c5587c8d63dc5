import { runDot, type GraphvizOptions } from "./graphviz";
import { describeLayers, readLayers, type LaidOutLayers, type Layers, type Size } from "./layered";
import type { MeshEdge, MeshGraph } from "./model";

/** How wide a character of a label is, in pixels. */
const LABEL_WIDTH = 6;

/** Lays each of several sets of boxes out by Graphviz. */
export async function layOutLayers(
  layers: readonly Layers[],
  options: GraphvizOptions,
): Promise<readonly LaidOutLayers[]> {
  const drawn = await runDot(layers.map(describeLayers), options);
  return layers.map((it, index) => readLayers(drawn[index], it));
}

/**
 * An arrow of the graph. A service and its versions stay together; where traffic falls back to orders the picture only if it is
 * elsewhere.
 *
 * @param places the index of each node's box, by the node's id
 */
export function layerLine(
  { kind, source, destination }: MeshEdge,
  label: string,
  groupOf: ReadonlyMap<string, string | undefined>,
  places: ReadonlyMap<string, number>,
): Layers["lines"][number] {
  const isNear = groupOf.get(source) === groupOf.get(destination);
  return {
    from: places.get(source) ?? 0,
    to: places.get(destination) ?? 0,
    label: labelSize(label),
    weight: kind === "split" || kind === "subset" ? 4 : undefined,
    isLoose: kind === "failover" && isNear,
  };
}

/** The group of each node, by their ids. */
export function groupsOfNodes({ nodes }: MeshGraph): ReadonlyMap<string, string | undefined> {
  return new Map(nodes.map(({ id, group }) => [id, group]));
}

function labelSize(label: string): Size | undefined {
  return label === "" ? undefined : { width: label.length * LABEL_WIDTH + 8, height: 16 };
}
