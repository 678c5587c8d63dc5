import { problemsOfEntry } from "../../constructs/consul/validate-entry";
import { ENTRY_CASES } from "../support/entry-cases";

test("each case has a name of its own", () => {
  expect(new Set(ENTRY_CASES.map(({ name }) => name)).size).toBe(ENTRY_CASES.length);
});

test.each(ENTRY_CASES.map((each) => [each.verdict, each.name, each] as const))("%s: %s", (_, __, { entry, place }) => {
  const places = problemsOfEntry(entry).map((problem) => problem.place);
  expect(place === undefined ? places : places.filter((each) => each === place)).toEqual(
    place === undefined ? [] : [place],
  );
});
