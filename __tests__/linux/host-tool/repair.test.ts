import { join } from "node:path";
import { run } from "../../support/lab";

jest.setTimeout(60_000);

interface Allocation {
  readonly ID: string;
  readonly Namespace: string;
  readonly JobID: string;
  readonly Name: string;
  readonly DesiredStatus: string;
  readonly DesiredTransition: { readonly Migrate?: boolean };
  readonly ClientStatus: string;
  readonly ClientDescription?: string;
  readonly NextAllocation: string;
  /** In seconds; Nomad has nanoseconds. */
  readonly ModifyTime: number;
  readonly TaskStates: Readonly<Record<string, { readonly Events: readonly { readonly Type: string }[] }>>;
}

const NOW = 1_000_000;
const healthy = { web: { Events: [{ Type: "Started" }] }, "connect-proxy-web": { Events: [{ Type: "Started" }] } };
const stranger = { ...healthy, "connect-proxy-web": { Events: [{ Type: "Failed Restoring Task" }] } };

function allocation(id: string, change: Partial<Allocation> = {}): Allocation {
  return {
    ...{
      ID: id,
      Namespace: "default",
      JobID: "web",
      Name: `web.web[${id}]`,
      DesiredStatus: "run",
      DesiredTransition: {},
      ClientStatus: "running",
    },
    ...{ NextAllocation: "", ModifyTime: NOW - 60, TaskStates: stranger },
    ...change,
  };
}

/** One that was told to go, and what has come after it. */
function gone(id: string, next?: Partial<Allocation>): Allocation[] {
  const left = allocation(id, {
    ...{ DesiredStatus: "stop", ClientStatus: "complete", DesiredTransition: { Migrate: true } },
    NextAllocation: next ? `${id}-next` : "",
  });
  return [left, ...(next ? [allocation(`${id}-next`, { TaskStates: healthy, ...next })] : [])];
}

const strangers = (count: number) => Array.from({ length: count }, (_, nth) => allocation(`stranger-${1000 + nth}`));

/** What the host tool would do, told what Nomad lists. */
async function planOf(
  allocations: readonly Allocation[],
  { now = NOW, jobs = [{ Namespace: "default", ID: "web", Stop: false }] } = {},
): Promise<{ readonly replace: readonly string[]; readonly obstacle: string | null }> {
  const script = `
import json, sys
sys.path.insert(0, ${JSON.stringify(join(__dirname, "../../../host-tool"))})
from meshform_host.repair import plan_repair
told = json.loads(sys.argv[1])
plan = plan_repair(told["allocations"], told["jobs"], told["now"])
print(json.dumps({"replace": [it["ID"] for it in plan.replace], "obstacle": plan.obstacle}))`;
  const nanoseconds = allocations.map((it) => ({ ...it, ModifyTime: it.ModifyTime * 1e9 }));
  const { code, output } = await run("python3", [
    "-c",
    script,
    JSON.stringify({ allocations: nanoseconds, jobs, now }),
  ]);
  expect({ code, output }).toExit(0);
  return JSON.parse(output) as Awaited<ReturnType<typeof planOf>>;
}

describe("of 200 allocations that have lost their identity", () => {
  test("three are replaced, and no more while these are not back", async () => {
    expect(await planOf(strangers(200))).toEqual({
      ...{ replace: ["stranger-1000", "stranger-1001", "stranger-1002"], obstacle: null },
    });
    const leaving = { DesiredTransition: { Migrate: true } };
    const amid = [allocation("a", leaving), ...gone("b"), ...gone("c", { ClientStatus: "pending" })];
    expect(await planOf([...amid, ...strangers(197)])).toEqual({ replace: [], obstacle: null });
  });

  test("the next one goes when one is back", async () => {
    const amid = [...gone("a", {}), ...gone("b"), ...gone("c", { ClientStatus: "pending" })];
    expect(await planOf([...amid, ...strangers(197)])).toMatchObject({ replace: ["stranger-1000"] });
  });

  test("none goes any more once a replacement has failed for long, and the reason is said", async () => {
    const failed = gone("a", { ClientStatus: "failed", ClientDescription: "no such image" });
    const all = [...failed, ...gone("b", {}), ...strangers(190)];
    expect(await planOf(all)).toMatchObject({ replace: [expect.anything(), expect.anything()], obstacle: null });
    expect(await planOf(all, { now: NOW + 300 })).toEqual({
      replace: [],
      obstacle:
        "Replacing allocation a of web has not helped: allocation a-next of web, its replacement, is failed (no such image). " +
        "So 190 more allocations without identity are not replaced until that one runs. Look at `nomad alloc status a-next`.",
    });
  });

  test("none goes any more where Nomad places nothing", async () => {
    const { replace, obstacle } = await planOf([...gone("a"), ...strangers(9)], { now: NOW + 300 });
    expect(replace).toEqual([]);
    expect(obstacle).toContain("Nomad has not placed a replacement within 300 s.");
    expect(obstacle).toContain("Look at `nomad job status -namespace default web`.");
  });
});

test("a job that was stopped, or a replacement that is no longer wanted, holds nothing up", async () => {
  const other = allocation("other", { JobID: "old" });
  const stopped = [{ ...other, DesiredStatus: "stop", DesiredTransition: { Migrate: true } }];
  const jobs = [
    { Namespace: "default", ID: "web", Stop: false },
    { Namespace: "default", ID: "old", Stop: true },
  ];
  const all = [...stopped, ...gone("a", { DesiredStatus: "stop", ClientStatus: "failed" }), ...strangers(5)];
  const { replace, obstacle } = await planOf(all, { jobs, now: NOW + 900 });
  expect([replace.length, obstacle]).toEqual([3, null]);
});

test("a replacement of which Nomad does not say whom it replaces is known by its name", async () => {
  const successor = allocation("b", { Name: "web.web[a]", TaskStates: healthy });
  const { replace, obstacle } = await planOf([...gone("a"), successor, ...strangers(5)], { now: NOW + 900 });
  expect([replace.length, obstacle]).toEqual([3, null]);
});

test("what is well is left alone", async () => {
  expect(await planOf([allocation("a", { TaskStates: healthy })])).toEqual({ replace: [], obstacle: null });
});
