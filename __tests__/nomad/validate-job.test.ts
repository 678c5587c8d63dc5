import { problemsOfJob } from "../../constructs/nomad/validate-job";
import { JOB_CASES } from "../support/job-cases";

test("each case has a name of its own", () => {
  expect(new Set(JOB_CASES.map(({ name }) => name)).size).toBe(JOB_CASES.length);
});

test.each(JOB_CASES.map((each) => [each.verdict, each.name, each] as const))("%s: %s", (_, __, { job, place }) => {
  const places = problemsOfJob(job).map((problem) => problem.place);
  expect(place === undefined ? places : places.filter((each) => each === place)).toEqual(
    place === undefined ? [] : [place],
  );
});
