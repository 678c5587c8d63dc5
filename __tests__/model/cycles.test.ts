import { cyclesIn } from "../../constructs/model/cycles";

const graph = (steps: Record<string, string>) =>
  new Map(Object.entries(steps).map(([node, nexts]): [string, string[]] => [node, Array.from(nexts)]));

test.each([
  ["none in a tree", { a: "bc", b: "d", c: "d", d: "" }, []],
  ["one of two", { a: "b", b: "a" }, ["ab"]],
  ["the shortest of a knot", { a: "b", b: "ac", c: "d", d: "a" }, ["ab"]],
  ["one of each knot, apart from what leads to it", { x: "a", a: "b", b: "ac", c: "d", d: "c" }, ["ab", "cd"]],
  ["a step to itself", { a: "a" }, ["a"]],
  ["none through a node that is not there", { a: "z" }, []],
])("finds %s", (_, steps: Record<string, string>, expected) => {
  expect(cyclesIn(graph(steps)).map((cycle) => cycle.join(""))).toEqual(expected);
});

test("counts only circles with a certain step", () => {
  const both = graph({ a: "b", b: "ac", c: "b" });
  expect(cyclesIn(both, (from, to) => from === "c" && to === "b").map((cycle) => cycle.join(""))).toEqual(["cb"]);
});

test("goes round a circle of a hundred thousand nodes", () => {
  const size = 100_000;
  const ring = new Map(Array.from({ length: size }, (_, node) => [node, [(node + 1) % size]]));
  expect(cyclesIn(ring)[0]).toHaveLength(size);
});
