import { HopelessJobs } from "../../../lab/apply/hopeless";
import type { JobStatus } from "../../../lab/cluster/job-status";

const job: JobStatus = {
  ...{ id: "api", datacenter: "dc1", namespace: "default", kind: "service", services: [], upstreams: [], ports: [] },
  ...{
    wanted: 1,
    groups: { api: 1 },
    instances: [],
    failed: [],
    awaitsPromotion: false,
    isReplacing: false,
    unplaced: [],
  },
  isMeshGateway: false,
};

const failing = (at: number, isOfNomad = false): JobStatus => ({
  ...job,
  instances: [
    {
      ...{ allocation: "1", group: "api", node: "client-1", isRunning: false, healthy: false, problems: ["failed"] },
      tasks: [
        {
          name: "api",
          state: "dead",
          events: [],
          isSidecar: false,
          hasFailed: true,
          fatal: { reason: "no such file", at, isOfNomad },
        },
      ],
    },
  ],
});

const problem = "group api cannot be placed on 2 nodes: network: reserved port collision http=80 (2 nodes).";

test("a task that no restart helps is hopeless at once, unless it failed before this apply", () => {
  expect(new HopelessJobs(1_000).find([failing(2_000)], 2_001)).toEqual([
    "The task api of api cannot run on client-1: no such file",
  ]);
  expect(new HopelessJobs(1_000).find([failing(500)], 100_000)).toEqual([]);
});

test("a task for which a process of Nomad did not start has the time that Nomad needs to start it in another place", () => {
  const hopeless = new HopelessJobs(1_000);
  expect([2_001, 92_000, 92_001].map((now) => hopeless.find([failing(2_000, true)], now))).toEqual([
    [],
    [],
    ["The task api of api cannot run on client-1: no such file"],
  ]);
});

test("a job without a place is hopeless once that lasts: longer where ports or memory may become free", () => {
  const busy = new HopelessJobs(0);
  const lookAt = (now: number, unplaced: readonly string[] = [problem]) => busy.find([{ ...job, unplaced }], now);
  expect(lookAt(0)).toEqual([]);
  expect(lookAt(15_000, [])).toEqual([]);
  expect(lookAt(16_000)).toEqual([]);
  expect(lookAt(35_000)).toEqual([]);
  expect(lookAt(36_000)).toEqual([`api: ${problem}`]);
  const wrong = new HopelessJobs(0);
  const unplaceable = { ...job, unplaced: [problem], isUnplaceable: true };
  expect([0, 2_999, 3_000].map((now) => wrong.find([unplaceable], now))).toEqual([[], [], [`api: ${problem}`]]);
});

test("a deployment that has failed is hopeless after a moment, and one that Nomad has taken back at once", () => {
  const failure = "The last deployment of api has failed: Failed due to progress deadline.";
  const hopeless = new HopelessJobs(0);
  expect([0, 3_000].map((now) => hopeless.find([{ ...job, failure }], now))).toEqual([[], [failure]]);
  expect(new HopelessJobs(0).find([{ ...job, outdated: "Nomad has taken it back." }], 0)).toEqual([
    "Nomad has taken it back.",
  ]);
});

test("healthy jobs are not looked at", () => {
  const healthy = { ...failing(5), wanted: 1, failure: "The last deployment has failed." };
  const [instance] = healthy.instances;
  expect(new HopelessJobs(0).find([{ ...healthy, instances: [{ ...instance, healthy: true }] }], 90_000)).toEqual([]);
});
