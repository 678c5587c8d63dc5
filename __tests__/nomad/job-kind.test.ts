import { JobKind, type nomad } from "../../constructs";
import { groupOf } from "../support/job";
import { synthMesh } from "../support/synth";
import { anyWorkload } from "../support/workload";

function jobOf(kind?: JobKind): nomad.Job {
  return synthMesh((mesh) => mesh.addService("web", { port: 8000, workload: anyWorkload, kind })).jobs.web;
}

describe("the kind of a job", () => {
  test("is a service, if nothing is said", () => {
    expect(jobOf()).toMatchObject({ Type: "service" });
    expect(jobOf()).not.toHaveProperty("Periodic");
  });

  test.each([
    ["service", JobKind.service()],
    ["system", JobKind.system()],
    ["batch", JobKind.batch()],
    ["sysbatch", JobKind.sysbatch()],
  ])("can be %s", (type, kind) => {
    expect(jobOf(kind).Type).toBe(type);
  });

  test("starts at certain times, as a batch job", () => {
    expect(jobOf(JobKind.periodic({ crons: ["0 3 * * *", "@weekly"] }))).toMatchObject({
      Type: "batch",
      Periodic: { Specs: ["0 3 * * *", "@weekly"], SpecType: "cron", Enabled: true },
    });
  });

  test("takes all that Nomad knows of such times", () => {
    const kind = JobKind.periodic({
      crons: ["@daily"],
      timeZone: "Europe/Berlin",
      prohibitOverlap: true,
      enabled: false,
      type: "sysbatch",
    });
    expect(jobOf(kind)).toMatchObject({
      Type: "sysbatch",
      Periodic: {
        Specs: ["@daily"],
        SpecType: "cron",
        TimeZone: "Europe/Berlin",
        ProhibitOverlap: true,
        Enabled: false,
      },
    });
  });

  test("starts when it is dispatched, with what the dispatch passes", () => {
    const kind = JobKind.parameterized({ payload: "required", metaRequired: ["order"], metaOptional: ["reason"] });
    expect(jobOf(kind)).toMatchObject({
      Type: "batch",
      ParameterizedJob: { Payload: "required", MetaRequired: ["order"], MetaOptional: ["reason"] },
    });
    expect(jobOf(JobKind.parameterized({ type: "sysbatch" })).Type).toBe("sysbatch");
  });

  test("has a successor run next to the only instance of nothing but a service job", () => {
    const updateOf = (kind?: JobKind) => jobOf(kind).TaskGroups?.[0]?.Update;
    expect(updateOf()).toMatchObject({ Canary: 1 });
    expect(updateOf(JobKind.batch())).toBeUndefined();
    expect(updateOf(JobKind.system())).toBeUndefined();
  });

  test.each([
    ["batch", JobKind.batch()],
    ["sysbatch", JobKind.sysbatch()],
    ["periodic", JobKind.periodic({ crons: ["@daily"] })],
    ["parameterized", JobKind.parameterized()],
  ])("leaves to Nomad how often tasks of a %s job are tried again, as far as nothing is said", (_, kind) => {
    expect(groupOf(jobOf(kind))).not.toHaveProperty("RestartPolicy");
    const { jobs } = synthMesh((mesh) => {
      const tasks = { task: anyWorkload };
      const job = mesh.addJob("job", { kind });
      job.addGroup("own", { tasks });
      job.addGroup("given", { tasks, restart: { attempts: 1 } });
    });
    expect(jobs.job.TaskGroups?.map(({ RestartPolicy }) => RestartPolicy)).toEqual([undefined, { Attempts: 1 }]);
  });

  test.each([undefined, JobKind.service(), JobKind.system()])("has services start again at once", (kind) => {
    const policy = { Attempts: 10, Interval: 1.8e12, Delay: 1e9, Mode: "fail" };
    expect(groupOf(jobOf(kind)).RestartPolicy).toEqual(policy);
    const { jobs } = synthMesh((mesh) => {
      mesh.addJob("job", { kind }).addGroup("group", { tasks: { task: anyWorkload } });
    });
    expect(groupOf(jobs.job).RestartPolicy).toEqual(policy);
  });

  test("fails at synthesis for a time that Nomad cannot read", () => {
    expect(() => jobOf(JobKind.periodic({ crons: ["every day"] }))).toThrow(/cron/);
  });
});

test("a job can say what it is, with links", () => {
  const { jobs } = synthMesh((mesh) =>
    mesh.addService("web", {
      port: 8000,
      workload: anyWorkload,
      description: "The *shop*.",
      links: { Runbook: "https://example.com/runbook" },
      allAtOnce: true,
    }),
  );
  expect(jobs.web).toMatchObject({
    AllAtOnce: true,
    UI: { Description: "The *shop*.", Links: [{ Label: "Runbook", URL: "https://example.com/runbook" }] },
  });
});
