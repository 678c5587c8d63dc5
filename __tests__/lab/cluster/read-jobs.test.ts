import { isHealthy } from "../../../lab/cluster/job-status";
import { readJobs, type ReadableCluster } from "../../../lab/cluster/read-jobs";

/** A batch job of one task and its Envoy, as Nomad tells while the allocation runs, and Consul, which has the service or not. */
function clusterOf(
  task: { readonly State: string; readonly Failed: boolean; readonly Events?: readonly object[] },
  isInConsul: boolean,
): ReadableCluster {
  const service = { Name: "closing", PortLabel: "", Connect: { SidecarService: { Proxy: null } } };
  const tasks = [
    { Name: "closing", Kind: "", Lifecycle: null },
    { Name: "connect-proxy-closing", Kind: "connect-proxy:closing", Lifecycle: { Hook: "prestart", Sidecar: true } },
  ];
  const job = {
    ...{ ID: "closing", Namespace: "default", Type: "batch", Version: 0 },
    TaskGroups: [{ Name: "closing", Count: 1, Services: [service], Tasks: tasks }],
  };
  const allocation = {
    ...{ ID: "86c93194", Name: "closing.closing[0]", NodeName: "client-1", TaskGroup: "closing", JobVersion: 0 },
    ...{ CreateIndex: 1, DesiredStatus: "run", ClientStatus: "running", DeploymentStatus: null },
    TaskStates: {
      closing: { Events: [], ...task, Restarts: 0 },
      "connect-proxy-closing": { State: "running", Failed: false, Restarts: 0, Events: [] },
    },
  };
  const check = {
    ServiceID: "_nomad-task-86c93194-group-closing-closing--sidecar-proxy",
    Name: "x",
    Status: "passing",
  };
  const answers: Readonly<Record<string, unknown>> = {
    "/v1/jobs?namespace=*": [job],
    "/v1/job/closing?namespace=default": job,
    "/v1/job/closing/allocations?namespace=default": [allocation],
    "/v1/health/state/any": isInConsul ? [{ ...check, Output: "" }] : [],
  };
  const engine = { get: (path: string) => Promise.resolve(answers[path] ?? []) };
  return { nomad: engine, consul: engine } as unknown as ReadableCluster;
}

test.each([
  ["healthy while it runs and is in Consul", { State: "running", Failed: false }, true, true],
  ["not healthy before it is in Consul", { State: "running", Failed: false }, false, false],
  [
    "healthy when its work is done, although it is in Consul no more before its Envoy has ended",
    { State: "dead", Failed: false },
    false,
    true,
  ],
  ["not healthy when its work has failed", { State: "dead", Failed: true }, false, false],
])("a batch job in the mesh is %s", async (_, task, isInConsul, healthy) => {
  const [job] = await readJobs(clusterOf(task, isInConsul));
  expect(job.instances).toHaveLength(1);
  expect(isHealthy(job)).toBe(healthy);
});

test.each([
  ["a program is missing", 'exec: "/usr/bin/web": executable file not found in $PATH', false],
  [
    "the process of Nomad that runs the task did not start",
    "failed to create executor: error creating rpc client for executor plugin: Unrecognized remote plugin message: ",
    true,
  ],
  ["that process took too long", "failed to create executor: timeout while waiting for plugin to start", true],
])("a task that Nomad does not restart says why: %s", async (_, reason, isOfNomad) => {
  const Events = [
    { Type: "Driver Failure", Time: 1e9, DisplayMessage: reason },
    { Type: "Not Restarting", Time: 2e9, DisplayMessage: "Error was unrecoverable" },
  ];
  const [job] = await readJobs(clusterOf({ State: "dead", Failed: true, Events }, true));
  expect(job.instances[0].tasks.find(({ name }) => name === "closing")?.fatal).toEqual({ reason, at: 2000, isOfNomad });
});
