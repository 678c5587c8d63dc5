import {
  denied,
  expectNoneFailed,
  figures,
  haveInstances,
  killTask,
  load,
  MINUTE,
  PATHS,
  seconds,
  settled,
  upstreams,
  useSteadyLab,
  within,
} from "../../support/steady-lab";

jest.setTimeout(3 * MINUTE);
useSteadyLab();

describe("a process that is killed", () => {
  test("the caller's Envoy: it reaches nothing until Nomad has started it again", async () => {
    const loads = await load(upstreams, async () => {
      await killTask("page", "connect-proxy-page");
      await settled(upstreams);
    });
    figures.add("Envoy of the caller killed", loads);
    for (const { failed } of Object.values(loads)) expect(failed).toBeLessThan(within(10));
  });

  test("the Envoy of one of two instances costs a few requests, of the only one those until it is back", async () => {
    const loads = await load(upstreams, async () => {
      await killTask("double", "connect-proxy-double");
      await killTask("single", "connect-proxy-single");
      await settled(upstreams);
    });
    figures.add("Envoy of an instance killed", loads);
    expect(loads.DOUBLE.failed).toBeLessThanOrEqual(8);
    // Its own check may have found it dead, and looks again after 10 s.
    expect(loads.SINGLE.failed).toBeLessThan(within(20));
    expectNoneFailed({ TCP: loads.TCP });
  });

  test("one of two instances costs a few requests at most, the only one those until it is back", async () => {
    await haveInstances("double", 2);
    const loads = await load(upstreams, async () => {
      await killTask("double");
      await killTask("single");
      await settled(upstreams);
    });
    figures.add("task killed", loads);
    expect(loads.DOUBLE.failed).toBeLessThanOrEqual(8);
    expect(loads.SINGLE.failed).toBeLessThan(within(15));
    expectNoneFailed({ TCP: loads.TCP });
  });

  test("the Envoy of an API gateway and of a terminating gateway: Nomad starts each again", async () => {
    const loads = await load(PATHS, async () => {
      await killTask("gate", "connect-proxy-gate-envoy");
      await killTask("egress", "connect-terminating-egress");
      await settled();
    });
    const { OUTSIDE, gate, ...others } = loads;
    figures.add("Envoy of a gateway killed", { gate, OUTSIDE }, "the mesh gateway's: see two datacenters");
    expectNoneFailed(others);
    for (const { failed } of [OUTSIDE, gate]) expect(failed).toBeLessThan(within(15));
  });
});

test.each([
  ["SINGLE", "of http: at the next request"],
  ["DOUBLE", "of http, at both instances"],
  ["TCP", "of tcp: at the next connection"],
] as const)("an intention that is changed has its effect, and nothing else fails: %s, %s", async (path, what) => {
  const others = upstreams.filter((it) => it !== path);
  let ms: readonly number[] = [];
  const loads = await load(others, async () => ({ ms } = await denied(path)));
  figures.add(`intention ${what} denied, then allowed`, loads, `effect after ${ms.map(seconds).join(" and ")}`);
  expectNoneFailed(loads);
});
