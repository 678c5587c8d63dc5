import { addDurations, meanMs, NO_DURATIONS, quantileMs, type Durations } from "../../../lab/cluster/durations";

/** So many requests within each of these bounds, in milliseconds. */
const durations = (count: number, sumMs: number, ...atMost: readonly (readonly [number, number])[]): Durations => ({
  ...{ count, sumMs, atMost: new Map(atMost) },
});

test("a quantile is within the range that it falls into, by its share of it", () => {
  const hundred = durations(100, 900, [1, 0], [5, 80], [10, 90], [25, 100]);
  expect(quantileMs(hundred, 0.5)).toBe(1 + 4 * (50 / 80));
  expect(quantileMs(hundred, 0.85)).toBe(7.5);
  expect(quantileMs(hundred, 0.95)).toBe(17.5);
  expect(meanMs(hundred)).toBe(9);
});

test("a quantile beyond the last bound is that bound", () => {
  expect(quantileMs(durations(4, 99_000, [1, 1], [5, 2]), 0.95)).toBe(5);
});

test("no request has no duration", () => {
  expect([meanMs(NO_DURATIONS), quantileMs(NO_DURATIONS, 0.95)]).toEqual([undefined, undefined]);
});

test("those of several Envoys are taken together", () => {
  const both = addDurations(durations(3, 10, [1, 2], [5, 3]), durations(1, 30, [5, 0], [50, 1]));
  expect(both).toEqual(durations(4, 40, [1, 2], [5, 3], [50, 1]));
});
