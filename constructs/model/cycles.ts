/**
 * Returns one cycle for each strongly connected component of a graph.
 *
 * @param graph the successors of each node
 * @param counts whether an edge may close a cycle
 */
export function cyclesIn<T>(
  graph: ReadonlyMap<T, readonly T[]>,
  counts: (from: T, to: T) => boolean = () => true,
): readonly (readonly T[])[] {
  const knots = knotsOf(graph);
  const found = new Map<number, readonly T[]>();
  for (const [from, nexts] of graph) {
    const knot = knots.get(from) ?? -1;
    for (const to of nexts) {
      if (knots.get(to) === knot && !found.has(knot) && counts(from, to)) {
        found.set(knot, [from, ...pathBetween(graph, to, from, (node) => knots.get(node) === knot)]);
      }
    }
  }
  return [...found.values()];
}

/** Returns the nodes of the shortest path, without its end. */
function pathBetween<T>(
  graph: ReadonlyMap<T, readonly T[]>,
  start: T,
  end: T,
  isInside: (node: T) => boolean,
): readonly T[] {
  const before = new Map<T, T | undefined>([[start, undefined]]);
  for (const node of before.keys()) {
    for (const next of graph.get(node) ?? []) {
      if (isInside(next) && !before.has(next)) {
        before.set(next, node);
      }
    }
  }
  const path: T[] = [];
  for (let node = start === end ? undefined : before.get(end); node !== undefined; node = before.get(node)) {
    path.unshift(node);
  }
  return path;
}

/**
 * Returns the strongly connected component of each node, by Tarjan's algorithm, which visits each node and each edge once.
 *
 * @see https://doi.org/10.1137/0201010
 */
function knotsOf<T>(graph: ReadonlyMap<T, readonly T[]>): ReadonlyMap<T, number> {
  const order = new Map<T, number>();
  const lowest = new Map<T, number>();
  const knots = new Map<T, number>();
  const open: T[] = [];
  let count = 0;

  const low = (node: T) => lowest.get(node) ?? Infinity;
  const enter = (node: T) => {
    order.set(node, order.size);
    lowest.set(node, order.size - 1);
    open.push(node);
  };
  for (const root of graph.keys()) {
    if (order.has(root)) {
      continue;
    }
    enter(root);
    // An explicit stack, because a long chain of services would overflow the call stack.
    const visits = [{ node: root, nexts: [...(graph.get(root) ?? [])] }];
    for (let visit = visits.at(-1); visit !== undefined; visit = visits.at(-1)) {
      const { node, nexts } = visit;
      const next = nexts.pop();
      if (next === undefined) {
        visits.pop();
        const parent = visits.at(-1)?.node;
        if (parent !== undefined) {
          lowest.set(parent, Math.min(low(parent), low(node)));
        }
        if (low(node) === order.get(node)) {
          for (const member of open.splice(open.lastIndexOf(node))) {
            knots.set(member, count);
          }
          count++;
        }
      } else if (!order.has(next)) {
        enter(next);
        visits.push({ node: next, nexts: [...(graph.get(next) ?? [])] });
      } else if (!knots.has(next)) {
        lowest.set(node, Math.min(low(node), order.get(next) ?? Infinity));
      }
    }
  }
  return knots;
}
