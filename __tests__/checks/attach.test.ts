import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { App } from "cdktf";
import { CHECKS, MeshService, registerCheck, ServiceMesh, silence, type Report } from "../../constructs";
import { findingsOf, synthApp, synthStack, TestStack } from "../support/synth";
import { anyWorkload } from "../support/workload";
import { testApp } from "../support/test-app";

const STACKS = 5;

afterEach(() => {
  jest.restoreAllMocks();
});

test("an app is checked once for all its stacks, and again when it is synthesized again", () => {
  const { app } = appOfStacks();
  const find = jest.spyOn(CHECKS[0], "find");

  synthApp(app, "stack-0");
  expect(find).toHaveBeenCalledTimes(1);

  synthApp(app, "stack-0");
  expect(find).toHaveBeenCalledTimes(2);
});

test("a graph is not changed between two stacks", () => {
  const { stacks, services } = appOfStacks();
  expect(findingsOf(() => synthStack(stacks[0]))).toEqual([]);
  expect(() => services[0].connectTo("service-9")).toThrow(/The graph is closed: synthesis has begun/);
});

test("each stack that is synthesized alone reports the errors of the whole app", () => {
  const { stacks, services } = appOfStacks();
  services[0].connectTo("service-9");

  for (const stack of stacks) {
    expect(findingsOf(() => synthStack(stack))).toHaveLength(1);
  }
});

describe("the report in the output", () => {
  const reportOf = ({ outdir }: App) =>
    JSON.parse(readFileSync(join(outdir, "meshform", "checks.json"), "utf8")) as Report;

  test("holds what was looked for, found and silenced", () => {
    const { app, services } = appOfStacks();
    silence(services[1], "unreachable-service", "It was public once.");
    synthApp(app, "stack-0");
    const report = reportOf(app);
    expect(report.checks).toContainEqual({
      ...{ id: "port-range", level: "error", reason: "A port is a number from 1 to 65535." },
    });
    expect(report.findings.map(({ id, level, path }) => ({ id, level, path }))).toEqual([
      { id: "idle-silence", level: "warning", path: "stack-1/service-1" },
    ]);
    expect(report.silences).toEqual([
      { id: "unreachable-service", reason: "It was public once.", path: "stack-1/service-1", findings: 0 },
    ]);
  });

  test("is there where errors end the synthesis, and says what was silenced and why", () => {
    const { app, services } = appOfStacks();
    services[0].connectTo("service-9");
    services[1].connectTo("service-9");
    silence(services[1], "unknown-service", "Another team adds it.");
    expect(findingsOf(() => synthApp(app, "stack-0"))).toHaveLength(1);
    const { findings, silences } = reportOf(app);
    expect(findings).toEqual([
      {
        ...{ id: "unknown-service", level: "error", path: "stack-0/service-0" },
        problem: 'It connects to "service-9", which is not a service of this mesh.',
        fix: expect.stringMatching(/^Did you mean "service-\d"\?/) as string,
      },
    ]);
    expect(silences.map(({ id, findings }) => [id, findings])).toEqual([["unknown-service", 1]]);
    expect(services[1].node.metadata.map(({ data }) => data as string)).toContain(
      "unknown-service is silenced (1 finding): Another team adds it.",
    );
  });
});

test("rules of one's own run in an app without a mesh too", () => {
  const app = testApp();
  registerCheck(app, {
    ...{ id: "acme-stacks", reason: "A test.", level: "error" },
    find: ({ root }) => [{ at: root, problem: `It has ${root.node.children.length} stacks.`, fix: "Add some." }],
  });
  expect(() => {
    app.synth();
  }).toThrow("the app: It has 0 stacks. Add some. (acme-stacks)");
});

test("two copies of the library check an app once", () => {
  const { app, services } = appOfStacks();
  services[0].connectTo("service-9");
  jest.isolateModules(() => {
    const copy = jest.requireActual<typeof import("../../constructs")>("../../constructs");
    expect(copy.CHECKS[0]).not.toBe(CHECKS[0]);
    silence(services[1], "unknown-service", "Another team adds it.");
    copy.silence(services[0], "port-range", "By the other copy.");
    new copy.ServiceMesh(new TestStack(app, "other"), "mesh", { proxyDefaults: false });
  });
  expect(findingsOf(() => synthApp(app, "stack-0"))).toEqual([
    expect.stringMatching(/^stack-0\/service-0: .*unknown-service/),
  ]);
});

test("a silence of what is found of silences is a silence like others", () => {
  const { app, stacks, services } = appOfStacks();
  silence(services[0], "unreachable-service", "It is one of many.");
  silence(stacks[0], "idle-silence", "A rule for all our services.");
  synthApp(app, "stack-0");
  const said = services[0].node.metadata.map(({ data }) => data as string);
  expect(said).toEqual(["unreachable-service is silenced (0 findings): It is one of many."]);
  expect(stacks[0].node.metadata.map(({ data }) => data as string)).toEqual([
    "idle-silence is silenced (1 finding): A rule for all our services.",
  ]);
});

describe("what a check says in plainer words", () => {
  const invalid = { group: { Networks: [{ ReservedPorts: [{ Label: "published", Value: 70_000 }] }] } };
  const ports = (findings: readonly string[]) =>
    findings.filter((line) => /\((port-range|invalid-job)\)$/.test(line)).map((line) => line.replace(/:.*\(/, " ("));

  /** Two services with a port that is none: one by its props, the other by an override. */
  function twoServices() {
    const { app, stacks, mesh } = appOfStacks();
    const own = { mesh, port: 80, workload: anyWorkload };
    const first = new MeshService(stacks[0], "first", { ...own, publish: 70_000 });
    const second = new MeshService(stacks[1], "second", { ...own, publish: 81, override: invalid });
    return { app, first, second };
  }

  test("is left out at its construct, and nowhere else", () => {
    const { app } = twoServices();
    expect(ports(findingsOf(() => synthApp(app, "stack-0")))).toEqual([
      "stack-0/first (port-range)",
      "stack-1/second (invalid-job)",
    ]);
  });

  test("is not silenced with it", () => {
    const { app, first } = twoServices();
    silence(first, "port-range", "A test.");
    expect(ports(findingsOf(() => synthApp(app, "stack-0")))).toEqual([
      "stack-0/first (invalid-job)",
      "stack-1/second (invalid-job)",
    ]);
  });

  test("is left out where another construct states it", () => {
    const { app, services } = appOfStacks();
    services[0].connectTo(services[1], { permissions: [] });
    expect(findingsOf(() => synthApp(app, "stack-0")).map((line) => line.replace(/:.*\(/, " ("))).toEqual([
      "stack-0/service-0 (http-rule-on-tcp)",
      "stack-0/service-0 (no-permissions)",
    ]);
  });
});

/** A service in each stack, one mesh for all. */
function appOfStacks() {
  const app = testApp();
  const stacks = Array.from({ length: STACKS }, (_, index) => new TestStack(app, `stack-${index}`));
  const mesh = new ServiceMesh(stacks[0], "mesh");
  const services = stacks.map(
    (stack, index) =>
      new MeshService(stack, `service-${index}`, {
        mesh,
        port: 80,
        count: 2,
        publish: 8000 + index,
        workload: anyWorkload,
      }),
  );
  return { app, stacks, mesh, services };
}
