import { nanoseconds } from "../../constructs";

test.each([
  ["0", 0],
  ["500ms", 5e8],
  ["10s", 1e10],
  ["1m30s", 9e10],
  ["1.5h", 5.4e12],
])("%s is %d nanoseconds", (duration, expected) => {
  expect(nanoseconds(duration)).toBe(expected);
});

test.each(["", "10", "ten seconds", "10 s", "-5s", "5d"])("refuses %p, and says how to write it", (duration) => {
  expect(() => nanoseconds(duration)).toThrow(
    `"${duration}" is not a duration. Write a number and a unit (ns, us, ms, s, m, h), such as "30s" or "1m30s".`,
  );
});
