import type { nomad } from "../../constructs";

/** A job, and what is reported of it. */
export interface JobCase {
  readonly name: string;
  readonly job: nomad.Job;
  /**
   * - `accepted`, `refused`: by Nomad and by us.
   * - `enterprise`: Nomad's community edition refuses it, the other does not, so we do not either.
   * - `ours`: Nomad takes it, but for something else than was meant; `why` says for what.
   */
  readonly verdict: "accepted" | "refused" | "enterprise" | "ours";
  /** Where we see the problem. */
  readonly place?: string;
  readonly why?: string;
  /** What Nomad judges only when a job is registered. @default it judges when it plans */
  readonly isRegistered?: boolean;
}

const s = 1e9;
const m = 60 * s;
const h = 60 * m;

function accepted(name: string, job: nomad.Job): JobCase {
  return { name, job, verdict: "accepted" };
}

function refused(name: string, job: nomad.Job, place: string): JobCase {
  return { name, job, place, verdict: "refused" };
}

function enterprise(name: string, job: nomad.Job): JobCase {
  return { name, job, verdict: "enterprise" };
}

function ours(name: string, job: nomad.Job, place: string, why: string): JobCase {
  return { name, job, place, why, verdict: "ours" };
}

/** A job that Nomad accepts, with fields of its own. */
function ofJob(fields: nomad.Job): nomad.Job {
  return { ID: "case", TaskGroups: [{ Name: "web", Tasks: [api] }], ...fields };
}

function ofGroup(fields: nomad.TaskGroup, job: nomad.Job = {}): nomad.Job {
  return ofJob({ TaskGroups: [{ Name: "web", Tasks: [api], ...fields }], ...job });
}

function ofTask(fields: nomad.Task, group: nomad.TaskGroup = {}, job: nomad.Job = {}): nomad.Job {
  return ofGroup({ Tasks: [{ ...api, ...fields }], ...group }, job);
}

const api: nomad.Task = { Name: "api", Driver: "raw_exec", Config: { command: "/bin/true" } };
const batch: nomad.Job = { Type: "batch" };
const system: nomad.Job = { Type: "system" };
const sysbatch: nomad.Job = { Type: "sysbatch" };
const bridge: nomad.NetworkResource = { Mode: "bridge" };

const jobs: readonly JobCase[] = [
  accepted("a job with nothing but a task", ofJob({})),
  refused("no id", ofJob({ ID: "" }), "id"),
  refused("an id with a space", ofJob({ ID: "a b" }), "id"),
  refused("an empty name", ofJob({ Name: "" }), "name"),
  accepted("a name with spaces", ofJob({ Name: "a b" })),
  refused("an unknown type", ofJob({ Type: "servise" }), "type"),
  refused("an empty type", ofJob({ Type: "" }), "type"),
  accepted("type batch", ofJob(batch)),
  accepted("type system", ofJob(system)),
  accepted("type sysbatch", ofJob(sysbatch)),
  accepted("priority 1", ofJob({ Priority: 1 })),
  accepted("priority 100", ofJob({ Priority: 100 })),
  accepted("priority 0, for the default", ofJob({ Priority: 0 })),
  refused("priority 101", ofJob({ Priority: 101 }), "priority"),
  refused("priority -1", ofJob({ Priority: -1 }), "priority"),
  refused("priority 50.5", ofJob({ Priority: 50.5 }), "priority"),
  ours("priority NaN", ofJob({ Priority: NaN }), "priority", "JSON has no NaN, so that it is the default"),
  refused("an empty datacenter", ofJob({ Datacenters: ["dc1", ""] }), "datacenters"),
  accepted("no datacenters", ofJob({ Datacenters: [] })),
  refused("no groups", ofJob({ TaskGroups: [] }), "group"),
  refused("a payload", ofJob({ ...batch, ParameterizedJob: {}, Payload: "eA==" }), "payload"),
  refused("a long description", ofJob({ UI: { Description: "x".repeat(1001) } }), "ui.description"),
  accepted("a description of 1000 characters", ofJob({ UI: { Description: "x".repeat(1000) } })),
  refused(
    "two groups of one name",
    ofJob({
      TaskGroups: [
        { Name: "web", Tasks: [api] },
        { Name: "web", Tasks: [api] },
      ],
    }),
    'group "web" > name',
  ),
  accepted(
    "two groups",
    ofJob({
      TaskGroups: [
        { Name: "web", Tasks: [api] },
        { Name: "db", Tasks: [api] },
      ],
    }),
  ),
  refused("a group without a name", ofGroup({ Name: "" }), 'group "" > name'),
  enterprise(
    "a job for several regions",
    ofJob({ Multiregion: { Strategy: { MaxParallel: 1, OnFailure: "" }, Regions: [{ Name: "global", Count: 1 }] } }),
  ),
];

const periodic: readonly JobCase[] = [
  accepted("a periodic job", ofJob({ ...batch, Periodic: { Spec: "*/15 * * * *" } })),
  accepted("a periodic sysbatch job", ofJob({ ...sysbatch, Periodic: { Spec: "@daily" } })),
  accepted("a schedule that is switched off", ofJob({ Periodic: { Enabled: false, Spec: "nonsense" } })),
  refused("a periodic service", ofJob({ Periodic: { Spec: "@daily" } }), "periodic.enabled"),
  refused("no schedule", ofJob({ ...batch, Periodic: {} }), "periodic.cron"),
  refused(
    "both kinds of schedules",
    ofJob({ ...batch, Periodic: { Spec: "@daily", Specs: ["@hourly"] } }),
    "periodic.cron",
  ),
  ...[
    "* * * *",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * * 13 *",
    "* * * * 8",
    "a b c d e",
    "*/0 * * * *",
    "*/60 * * * *",
    "1-60 * * * *",
    ", * * * *",
    "* * * * * 1969",
    "61 * * * * * *",
    "* * * * mondays",
    "* * 32w * *",
    "* * * * 5#6",
  ].map((spec) => refused(`the schedule ${spec}`, ofJob({ ...batch, Periodic: { Spec: spec } }), "periodic.cron")),
  ...[
    "0 0 1 1 *",
    "59 23 31 12 7",
    "*/59 * * * *",
    "1,2,3 1-5 * * *",
    "1-30/2 * * * *",
    "5/10 * * * *",
    "* * L * *",
    "* * LW * *",
    "* * 15W * *",
    "* * * JAN mon",
    "* * * january friday",
    "* * * * 5L",
    "* * * * 5#3",
    "? * * * *",
    "0 * * * * 2099",
    "0 0 * * * * 2030-2040",
    "@weekly",
    "01 02 03 04 05",
  ].map((spec) => accepted(`the schedule ${spec}`, ofJob({ ...batch, Periodic: { Specs: [spec] } }))),
  refused("one bad schedule of two", ofJob({ ...batch, Periodic: { Specs: ["@daily", "x"] } }), "periodic.cron"),
  refused(
    "an unknown kind of schedule",
    ofJob({ ...batch, Periodic: { Spec: "@daily", SpecType: "at" } }),
    "periodic.spec_type",
  ),
  accepted("a time zone", ofJob({ ...batch, Periodic: { Spec: "@daily", TimeZone: "Europe/Berlin" } })),
  refused(
    "an unknown time zone",
    ofJob({ ...batch, Periodic: { Spec: "@daily", TimeZone: "Mars/Base" } }),
    "periodic.time_zone",
  ),
  refused(
    "an offset as time zone",
    ofJob({ ...batch, Periodic: { Spec: "@daily", TimeZone: "+01:00" } }),
    "periodic.time_zone",
  ),
  accepted(
    "a parameterized job",
    ofJob({ ...batch, ParameterizedJob: { Payload: "required", MetaRequired: ["a"], MetaOptional: ["b"] } }),
  ),
  refused("a parameterized service", ofJob({ ParameterizedJob: {} }), "parameterized.type"),
  refused("an unknown payload", ofJob({ ...batch, ParameterizedJob: { Payload: "maybe" } }), "parameterized.payload"),
  refused(
    "a key that is required and optional",
    ofJob({ ...batch, ParameterizedJob: { MetaRequired: ["a"], MetaOptional: ["a"] } }),
    "parameterized.meta_optional",
  ),
];

const groups: readonly JobCase[] = [
  accepted("count 0", ofGroup({ Count: 0 })),
  refused("count -1", ofGroup({ Count: -1 }), 'group "web" > count'),
  refused("count 1.5", ofGroup({ Count: 1.5 }), 'group "web" > count'),
  refused("count 2 of a system job", ofGroup({ Count: 2 }, system), 'group "web" > count'),
  accepted("count 2 of a sysbatch job", ofGroup({ Count: 2 }, sysbatch)),
  refused("no tasks", ofGroup({ Tasks: [] }), 'group "web" > task'),
  refused("two tasks of one name", ofGroup({ Tasks: [api, api] }), 'group "web" > task "api" > name'),
  refused(
    "two leaders",
    ofGroup({
      Tasks: [
        { ...api, Leader: true },
        { ...api, Name: "db", Leader: true },
      ],
    }),
    'group "web" > leader',
  ),
  accepted(
    "a leader",
    ofGroup({
      Tasks: [
        { ...api, Leader: true },
        { ...api, Name: "db" },
      ],
    }),
  ),
  refused("a negative shutdown delay", ofGroup({ ShutdownDelay: -s }), 'group "web" > shutdown_delay'),
  refused(
    "a small disk",
    ofGroup({ EphemeralDisk: { SizeMB: 9 }, Tasks: [{ ...api, LogConfig: { MaxFiles: 1, MaxFileSizeMB: 1 } }] }),
    'group "web" > ephemeral_disk.size',
  ),
  accepted(
    "the smallest disk",
    ofGroup({ EphemeralDisk: { SizeMB: 10 }, Tasks: [{ ...api, LogConfig: { MaxFiles: 1, MaxFileSizeMB: 1 } }] }),
  ),
  accepted("scaling", ofGroup({ Scaling: { Min: 1, Max: 3 } })),
  refused("scaling without a maximum", ofGroup({ Scaling: { Min: 1 } }), 'group "web" > scaling.max'),
  refused(
    "scaling with less at most than at least",
    ofGroup({ Count: 3, Scaling: { Min: 3, Max: 2 } }),
    'group "web" > scaling.max',
  ),
  refused("scaling below 0", ofGroup({ Count: 0, Scaling: { Min: -1, Max: 2 } }), 'group "web" > scaling.min'),
  refused("a count above scaling", ofGroup({ Count: 4, Scaling: { Min: 1, Max: 3 } }), 'group "web" > count'),
  refused("a count below scaling", ofGroup({ Count: 0, Scaling: { Min: 1, Max: 3 } }), 'group "web" > count'),
  refused(
    "an unknown kind of scaling",
    ofGroup({ Scaling: { Min: 1, Max: 3, Type: "diagonal" } }),
    'group "web" > scaling.type',
  ),
  {
    ...refused("scaling of a system job", ofGroup({ Scaling: { Min: 1, Max: 1 } }, system), 'group "web" > scaling'),
    isRegistered: true,
  },
];

const policies: readonly JobCase[] = [
  accepted("an update", ofGroup({ Update: { MaxParallel: 2, Canary: 1, AutoPromote: true, AutoRevert: true } })),
  accepted("autoRevert without canaries", ofGroup({ Update: { AutoRevert: true } })),
  accepted("no update at a time", ofGroup({ Update: { MaxParallel: 0 } })),
  refused(
    "autoPromote without canaries",
    ofGroup({ Update: { AutoPromote: true } }),
    'group "web" > update.auto_promote',
  ),
  accepted(
    "canaries of the job, promoted by its group",
    ofGroup({ Update: { AutoPromote: true } }, { Update: { Canary: 1 } }),
  ),
  refused("maxParallel -1", ofGroup({ Update: { MaxParallel: -1 } }), 'group "web" > update.max_parallel'),
  refused("canary -1", ofGroup({ Update: { Canary: -1 } }), 'group "web" > update.canary'),
  refused("an unknown health check", ofGroup({ Update: { HealthCheck: "luck" } }), 'group "web" > update.health_check'),
  refused("a negative time", ofGroup({ Update: { MinHealthyTime: -s } }), 'group "web" > update.min_healthy_time'),
  refused(
    "healthy after the deadline",
    ofGroup({ Update: { MinHealthyTime: 5 * m } }),
    'group "web" > update.healthy_deadline',
  ),
  refused(
    "a deadline of 0",
    ofGroup({ Update: { MinHealthyTime: 0, HealthyDeadline: 0 } }),
    'group "web" > update.healthy_deadline',
  ),
  refused(
    "a deadline after that of the deployment",
    ofGroup({ Update: { HealthyDeadline: 10 * m } }),
    'group "web" > update.progress_deadline',
  ),
  refused(
    "a deadline of the group after that of the job",
    ofGroup({ Update: { HealthyDeadline: 8 * m } }, { Update: { ProgressDeadline: 7 * m } }),
    'group "web" > update.progress_deadline',
  ),
  accepted("a deployment without a deadline", ofGroup({ Update: { HealthyDeadline: 20 * m, ProgressDeadline: 0 } })),
  refused(
    "a negative deadline",
    ofGroup({ Update: { ProgressDeadline: -1 } }),
    'group "web" > update.progress_deadline',
  ),
  refused("no stagger", ofGroup({ Update: { Stagger: 0 } }), 'group "web" > update.stagger'),
  refused("an update of a batch job", ofGroup({ Update: { MaxParallel: 1 } }, batch), 'group "web" > update'),
  refused(
    "an update above a batch job's group",
    ofJob({ ...batch, Update: { MaxParallel: 1 } }),
    'group "web" > update',
  ),
  refused("an update of a sysbatch job", ofGroup({ Update: { MaxParallel: 1 } }, sysbatch), 'group "web" > update'),
  accepted("an update of a system job", ofGroup({ Update: { MaxParallel: 2, Canary: 1 } }, system)),
  refused(
    "a bad update of a system job",
    ofGroup({ Update: { MaxParallel: -1 } }, system),
    'group "web" > update.max_parallel',
  ),

  accepted(
    "a restart policy",
    ofGroup({ RestartPolicy: { Attempts: 10, Interval: 5 * m, Delay: 25 * s, Mode: "delay" } }),
  ),
  refused(
    "more restarts than fit",
    ofGroup({ RestartPolicy: { Attempts: 10, Interval: m } }),
    'group "web" > restart.interval',
  ),
  accepted("restarts that just fit", ofGroup({ RestartPolicy: { Attempts: 4, Interval: m } })),
  refused(
    "a short interval",
    ofGroup({ RestartPolicy: { Attempts: 0, Interval: 4 * s } }),
    'group "web" > restart.interval',
  ),
  refused("an unknown mode", ofGroup({ RestartPolicy: { Mode: "retry" } }), 'group "web" > restart.mode'),
  refused(
    "a delay without attempts",
    ofGroup({ RestartPolicy: { Attempts: 0, Mode: "delay" } }),
    'group "web" > restart.attempts',
  ),
  accepted("a batch job's own restarts", ofGroup({ RestartPolicy: { Attempts: 3, Interval: m } }, batch)),
  accepted("any restart policy of a task", ofTask({ RestartPolicy: { Attempts: 10, Interval: 1 } })),

  accepted(
    "a reschedule policy",
    ofGroup({
      ReschedulePolicy: { Attempts: 3, Interval: h, Delay: 30 * s, DelayFunction: "constant", Unlimited: false },
    }),
  ),
  accepted("no rescheduling", ofGroup({ ReschedulePolicy: { Attempts: 0, Unlimited: false } })),
  refused(
    "attempts beside unlimited",
    ofGroup({ ReschedulePolicy: { Attempts: 3, Interval: h } }),
    'group "web" > reschedule.attempts',
  ),
  refused(
    "attempts without an interval",
    ofGroup({ ReschedulePolicy: { Attempts: 3, Unlimited: false } }),
    'group "web" > reschedule.interval',
  ),
  refused("a short delay", ofGroup({ ReschedulePolicy: { Delay: 4 * s } }), 'group "web" > reschedule.delay'),
  refused(
    "an unknown function",
    ofGroup({ ReschedulePolicy: { DelayFunction: "linear" } }),
    'group "web" > reschedule.delay_function',
  ),
  refused(
    "a longest delay below the first",
    ofGroup({ ReschedulePolicy: { Delay: m, MaxDelay: 30 * s } }),
    'group "web" > reschedule.max_delay',
  ),
  refused(
    "a longest delay of 4s",
    ofGroup({ ReschedulePolicy: { Delay: 5 * s, MaxDelay: 4 * s } }),
    'group "web" > reschedule.max_delay',
  ),
  ...(
    [
      ["constant", 90 * s, 90 * s - 1],
      ["exponential", 120 * s + 1, 120 * s],
      ["fibonacci", 60 * s, 60 * s - 1],
    ] as const
  ).flatMap(([DelayFunction, enough, less]) =>
    [enough, less].map((Interval) => {
      const policy = { Attempts: 3, Interval, Delay: 30 * s, DelayFunction, MaxDelay: h, Unlimited: false };
      const name = `3 ${DelayFunction} attempts in ${Interval / s}s`;
      const job = ofGroup({ ReschedulePolicy: policy });
      return Interval === enough ? accepted(name, job) : refused(name, job, 'group "web" > reschedule.interval');
    }),
  ),
  ...(
    [
      ["exponential", 9, 14 * m],
      ["fibonacci", 9, 10 * m],
    ] as const
  ).flatMap(([DelayFunction, Attempts, limit]) =>
    [-1, 1].map((step) => {
      const Interval = limit + step * 29 * s;
      const policy = { Attempts, Interval, Delay: 30 * s, DelayFunction, MaxDelay: 2 * m, Unlimited: false };
      const job = ofGroup({ ReschedulePolicy: policy });
      const name = `${Attempts} ${DelayFunction} attempts up to a ceiling in ${Interval / s}s`;
      return step > 0 ? accepted(name, job) : refused(name, job, 'group "web" > reschedule.interval');
    }),
  ),
  refused(
    "a reschedule policy of a system job",
    ofGroup({ ReschedulePolicy: { Delay: m } }, system),
    'group "web" > reschedule',
  ),
  refused(
    "a reschedule policy of a sysbatch job",
    ofJob({ ...sysbatch, Reschedule: { Delay: m } }),
    'group "web" > reschedule',
  ),
  accepted("a batch job's own rescheduling", ofGroup({ ReschedulePolicy: { Attempts: 2 } }, batch)),
  refused(
    "a batch job that is rescheduled too often",
    ofGroup({ ReschedulePolicy: { Attempts: 3, Interval: 15 * s, Delay: 6 * s } }, batch),
    'group "web" > reschedule.interval',
  ),

  accepted("a migrate block", ofGroup({ Migrate: { MaxParallel: 2, MinHealthyTime: 5 * s } })),
  refused("a migrate block of a batch job", ofGroup({ Migrate: { MaxParallel: 1 } }, batch), 'group "web" > migrate'),
  refused(
    "a migrate block above a system job's group",
    ofJob({ ...system, Migrate: { MaxParallel: 1 } }),
    'group "web" > migrate',
  ),
  refused(
    "a negative number of migrations",
    ofGroup({ Migrate: { MaxParallel: -1 } }),
    'group "web" > migrate.max_parallel',
  ),
  refused(
    "an unknown health of migrations",
    ofGroup({ Migrate: { HealthCheck: "manual" } }),
    'group "web" > migrate.health_check',
  ),
  accepted("no health of no migrations", ofGroup({ Migrate: { HealthCheck: "", MaxParallel: 0 } })),
  refused(
    "a migration that is healthy too late",
    ofGroup({ Migrate: { MinHealthyTime: 6 * m } }),
    'group "web" > migrate.healthy_deadline',
  ),
  accepted("a migration that is healthy just in time", ofGroup({ Migrate: { MinHealthyTime: 5 * m } })),
  refused(
    "a negative time of migrations",
    ofGroup({ Migrate: { MinHealthyTime: -1 } }),
    'group "web" > migrate.min_healthy_time',
  ),

  accepted(
    "a disconnect block",
    ofGroup({ Disconnect: { LostAfter: 6 * h, Replace: false, Reconcile: "keep_original" } }),
  ),
  refused(
    "an unknown reconciliation",
    ofGroup({ Disconnect: { Reconcile: "oldest" } }),
    'group "web" > disconnect.reconcile',
  ),
  refused(
    "both ways to lose a node",
    ofGroup({ Disconnect: { LostAfter: h, StopOnClientAfter: h } }),
    'group "web" > disconnect.lost_after',
  ),
  refused(
    "a negative time to lose a node",
    ofGroup({ Disconnect: { LostAfter: -h } }),
    'group "web" > disconnect.lost_after',
  ),
  refused(
    "a negative time to stop",
    ofGroup({ Disconnect: { StopOnClientAfter: -h } }),
    'group "web" > disconnect.stop_on_client_after',
  ),
  refused(
    "a system job that stops",
    ofGroup({ Disconnect: { StopOnClientAfter: h } }, system),
    'group "web" > disconnect.stop_on_client_after',
  ),
  accepted("a batch job that stops", ofGroup({ Disconnect: { StopOnClientAfter: h } }, batch)),
];

const constraint = (fields: nomad.Constraint): nomad.Job => ofGroup({ Constraints: [fields] });
const affinity = (fields: nomad.Affinity, job?: nomad.Job): nomad.Job => ofGroup({ Affinities: [fields] }, job);
const spread = (fields: nomad.Spread, job?: nomad.Job): nomad.Job => ofGroup({ Spreads: [fields] }, job);
const arch = "${attr.cpu.arch}";

const placement: readonly JobCase[] = [
  ...[
    "=",
    "==",
    "is",
    "!=",
    "not",
    "<",
    "<=",
    ">",
    ">=",
    "set_contains",
    "set_contains_all",
    "set_contains_any",
    "regexp",
  ].map((Operand) => accepted(`the operator ${Operand}`, constraint({ LTarget: arch, Operand, RTarget: "amd64" }))),
  refused(
    "an unknown operator",
    constraint({ LTarget: arch, Operand: "~", RTarget: "x" }),
    'group "web" > constraint 1.operator',
  ),
  refused("no operator", constraint({ LTarget: arch, RTarget: "x" }), 'group "web" > constraint 1.operator'),
  refused("no value", constraint({ LTarget: arch, Operand: "=" }), 'group "web" > constraint 1.value'),
  refused("no set", constraint({ LTarget: arch, Operand: "set_contains" }), 'group "web" > constraint 1.value'),
  refused(
    "a value of is_set",
    constraint({ LTarget: arch, Operand: "is_set", RTarget: "x" }),
    'group "web" > constraint 1.value',
  ),
  accepted("is_set", constraint({ LTarget: arch, Operand: "is_set" })),
  accepted("is_not_set", constraint({ LTarget: arch, Operand: "is_not_set" })),
  refused("no attribute", constraint({ Operand: "=", RTarget: "x" }), 'group "web" > constraint 1.attribute'),
  refused(
    "an unknown attribute",
    constraint({ LTarget: "${node.name}", Operand: "=", RTarget: "x" }),
    'group "web" > constraint 1.attribute',
  ),
  refused(
    "an attribute without a brace",
    constraint({ LTarget: "$attr.cpu.arch", Operand: "=", RTarget: "x" }),
    'group "web" > constraint 1.attribute',
  ),
  refused(
    "an attribute that is not closed",
    constraint({ LTarget: "${attr.cpu.arch", Operand: "=", RTarget: "x" }),
    'group "web" > constraint 1.attribute',
  ),
  ...[
    "${node.unique.id}",
    "${node.datacenter}",
    "${node.unique.name}",
    "${node.class}",
    "${node.pool}",
    "${meta.a}",
    "${device.model}",
    "literal",
  ].map((LTarget) => accepted(`the attribute ${LTarget}`, constraint({ LTarget, Operand: "=", RTarget: "x" }))),
  ...[">= 1.2, < 2", "~> 1.0", "1.2.3-beta", "v1.2", "1.2beta1", "= 1.0.0+build"].map((RTarget) =>
    accepted(`the version ${RTarget}`, constraint({ LTarget: arch, Operand: "version", RTarget })),
  ),
  ...["", "latest", ">= ", "=> 1.2", "1.2 || 1.3", "${meta.v}"].map((RTarget) =>
    refused(
      `the version ${RTarget}`,
      constraint({ LTarget: arch, Operand: "version", RTarget }),
      'group "web" > constraint 1.value',
    ),
  ),
  ...[">= 1.2.0, < 2.0.0", "1.2.3-beta", "v1.2"].map((RTarget) =>
    accepted(`the semantic version ${RTarget}`, constraint({ LTarget: arch, Operand: "semver", RTarget })),
  ),
  ...["~> 1.0", "1.2beta1", ""].map((RTarget) =>
    refused(
      `the semantic version ${RTarget}`,
      constraint({ LTarget: arch, Operand: "semver", RTarget }),
      'group "web" > constraint 1.value',
    ),
  ),
  ...["[a-z]+", "(?i)amd", "", "[[:alpha:]]", String.raw`\pL`, "(?P<n>a)"].map((RTarget) =>
    accepted(`the pattern ${RTarget}`, constraint({ LTarget: arch, Operand: "regexp", RTarget })),
  ),
  ...["[a-", "(", "a**", "(?=a)", String.raw`(a)\1`, "a{1001}"].map((RTarget) =>
    refused(
      `the pattern ${RTarget}`,
      constraint({ LTarget: arch, Operand: "regexp", RTarget }),
      'group "web" > constraint 1.value',
    ),
  ),
  accepted("distinct hosts", constraint({ Operand: "distinct_hosts", RTarget: "true" })),
  accepted("a distinct property", constraint({ LTarget: "${meta.rack}", Operand: "distinct_property", RTarget: "2" })),
  accepted("a distinct property once", constraint({ LTarget: "${meta.rack}", Operand: "distinct_property" })),
  ...["0", "-1", "two", "1.5", "+1"].map((RTarget) =>
    refused(
      `a distinct property ${RTarget} times`,
      constraint({ LTarget: "${meta.rack}", Operand: "distinct_property", RTarget }),
      'group "web" > constraint 1.value',
    ),
  ),
  refused(
    "distinct hosts for a task",
    ofTask({ Constraints: [{ Operand: "distinct_hosts" }] }),
    'group "web" > task "api" > constraint 1.operator',
  ),
  refused(
    "a distinct property for a task",
    ofTask({ Constraints: [{ LTarget: arch, Operand: "distinct_property" }] }),
    'group "web" > task "api" > constraint 1.operator',
  ),
  refused("a bad constraint of a job", ofJob({ Constraints: [{ LTarget: arch, Operand: "=" }] }), "constraint 1.value"),

  accepted("an affinity", affinity({ LTarget: arch, Operand: "=", RTarget: "x", Weight: -100 })),
  accepted("an affinity of the default weight", affinity({ LTarget: arch, Operand: "version", RTarget: ">= 1" })),
  refused(
    "an affinity of weight 0",
    affinity({ LTarget: arch, Operand: "=", RTarget: "x", Weight: 0 }),
    'group "web" > affinity 1.weight',
  ),
  refused(
    "an affinity of weight 101",
    affinity({ LTarget: arch, Operand: "=", RTarget: "x", Weight: 101 }),
    'group "web" > affinity 1.weight',
  ),
  refused(
    "an affinity of weight 1000",
    affinity({ LTarget: arch, Operand: "=", RTarget: "x", Weight: 1000 }),
    'group "web" > affinity 1.weight',
  ),
  refused(
    "an affinity with is_set",
    affinity({ LTarget: arch, Operand: "is_set" }),
    'group "web" > affinity 1.operator',
  ),
  refused(
    "an affinity without an attribute",
    affinity({ Operand: "=", RTarget: "x" }),
    'group "web" > affinity 1.attribute',
  ),
  accepted("an affinity for any attribute", affinity({ LTarget: "${node.name}", Operand: "=", RTarget: "x" })),
  refused(
    "an affinity with a bad pattern",
    affinity({ LTarget: arch, Operand: "regexp", RTarget: "(" }),
    'group "web" > affinity 1.value',
  ),
  refused(
    "an affinity of a system job",
    affinity({ LTarget: arch, Operand: "=", RTarget: "x" }, system),
    'group "web" > affinity',
  ),
  accepted("an affinity of a sysbatch job", affinity({ LTarget: arch, Operand: "=", RTarget: "x" }, sysbatch)),
  accepted("an empty list of affinities of a system job", ofGroup({ Affinities: [] }, system)),
  refused(
    "an affinity of a system job's task",
    ofTask({ Affinities: [{ LTarget: arch, Operand: "=", RTarget: "x" }] }, {}, system),
    'group "web" > task "api" > affinity',
  ),

  accepted(
    "a spread",
    spread({
      Attribute: "${node.datacenter}",
      SpreadTarget: [
        { Value: "a", Percent: 60 },
        { Value: "b", Percent: 40 },
      ],
    }),
  ),
  refused("a spread of weight 0", spread({ Attribute: arch, Weight: 0 }), 'group "web" > spread 1.weight'),
  refused("a spread of weight 101", spread({ Attribute: arch, Weight: 101 }), 'group "web" > spread 1.weight'),
  refused("a spread over nothing", spread({}), 'group "web" > spread 1.attribute'),
  refused(
    "a spread of more than everything",
    spread({
      Attribute: arch,
      SpreadTarget: [
        { Value: "a", Percent: 60 },
        { Value: "b", Percent: 41 },
      ],
    }),
    'group "web" > spread 1.target',
  ),
  refused(
    "a spread that names a value twice",
    spread({
      Attribute: arch,
      SpreadTarget: [
        { Value: "a", Percent: 1 },
        { Value: "a", Percent: 2 },
      ],
    }),
    'group "web" > spread 1.target "a" > value',
  ),
  refused(
    "a spread with a percentage of 101",
    spread({ Attribute: arch, SpreadTarget: [{ Value: "a", Percent: 101 }] }),
    'group "web" > spread 1.target "a" > percent',
  ),
  refused(
    "a spread with a percentage of -1",
    spread({ Attribute: arch, SpreadTarget: [{ Value: "a", Percent: -1 }] }),
    'group "web" > spread 1.target "a" > percent',
  ),
  refused("a spread of a system job", spread({ Attribute: arch }, system), 'group "web" > spread'),
  refused("a spread above a system job's group", ofJob({ ...system, Spreads: [{ Attribute: arch }] }), "spread"),
];

const volume = (fields: nomad.VolumeRequest, group: nomad.TaskGroup = {}, job: nomad.Job = {}): nomad.Job =>
  ofGroup({ Volumes: { data: { Source: "data", ...fields } }, ...group }, job);
const csi = { Type: "csi", AttachmentMode: "file-system", AccessMode: "single-node-writer" };
const mount = (fields: nomad.VolumeMount): nomad.Job =>
  ofTask(
    { VolumeMounts: [{ Volume: "data", Destination: "/data", ...fields }] },
    { Volumes: { data: { Type: "host", Source: "data" } } },
  );

const volumes: readonly JobCase[] = [
  accepted("a host volume", volume({ Type: "host" })),
  ours("a volume of an unknown type", volume({ Type: "nfs" }), 'group "web" > volume "data" > type', "Nomad drops it"),
  refused(
    "a host volume without a source",
    volume({ Type: "host", Source: "" }),
    'group "web" > volume "data" > source',
  ),
  refused(
    "a host volume with mount options",
    volume({ Type: "host", MountOptions: { FSType: "ext4" } }),
    'group "web" > volume "data" > mount_options',
  ),
  accepted("a dynamic host volume", volume({ Type: "host", AccessMode: "single-node-multi-writer", Sticky: true })),
  refused(
    "a host volume for many nodes",
    volume({ Type: "host", AccessMode: "multi-node-multi-writer" }),
    'group "web" > volume "data" > access_mode',
  ),
  refused(
    "a host volume that is only read, but written",
    volume({ Type: "host", AccessMode: "single-node-reader-only" }),
    'group "web" > volume "data" > read_only',
  ),
  accepted("a host volume for each allocation", volume({ Type: "host", PerAlloc: true })),
  refused(
    "a sticky volume for each allocation",
    volume({ Type: "host", PerAlloc: true, Sticky: true }),
    'group "web" > volume "data" > per_alloc',
  ),
  refused(
    "a volume for each allocation of a system job",
    volume({ Type: "host", PerAlloc: true }, {}, system),
    'group "web" > volume "data" > per_alloc',
  ),
  refused(
    "a volume for each allocation and canary",
    volume({ Type: "host", PerAlloc: true }, { Update: { Canary: 1 } }),
    'group "web" > volume "data" > per_alloc',
  ),
  accepted("a CSI volume", volume(csi)),
  refused(
    "a CSI volume without an access mode",
    volume({ ...csi, AccessMode: undefined }),
    'group "web" > volume "data" > access_mode',
  ),
  refused(
    "a CSI volume without an attachment mode",
    volume({ ...csi, AttachmentMode: undefined }),
    'group "web" > volume "data" > attachment_mode',
  ),
  refused(
    "a block device with mount options",
    volume({ ...csi, AttachmentMode: "block-device", MountOptions: { FSType: "ext4" } }),
    'group "web" > volume "data" > mount_options',
  ),
  accepted("a file system with mount options", volume({ ...csi, MountOptions: { FSType: "ext4" } })),
  refused("one writer for two allocations", volume(csi, { Count: 2 }), 'group "web" > volume "data" > access_mode'),
  refused(
    "one reader for two allocations",
    volume({ ...csi, AccessMode: "single-node-reader-only", ReadOnly: true }, { Count: 2 }),
    'group "web" > volume "data" > access_mode',
  ),
  refused(
    "one writer on many nodes for two allocations",
    volume({ ...csi, AccessMode: "multi-node-single-writer" }, { Count: 2 }),
    'group "web" > volume "data" > access_mode',
  ),
  accepted(
    "one writer on many nodes for two readers",
    volume({ ...csi, AccessMode: "multi-node-single-writer", ReadOnly: true }, { Count: 2 }),
  ),
  accepted("one writer for each of two allocations", volume({ ...csi, PerAlloc: true }, { Count: 2 })),
  accepted("many writers for two allocations", volume({ ...csi, AccessMode: "multi-node-multi-writer" }, { Count: 2 })),
  accepted(
    "many readers for two allocations",
    volume({ ...csi, AccessMode: "multi-node-reader-only", ReadOnly: true }, { Count: 2 }),
  ),
  refused(
    "readers that write",
    volume({ ...csi, AccessMode: "multi-node-reader-only" }),
    'group "web" > volume "data" > read_only',
  ),
  refused(
    "a reader that writes",
    volume({ ...csi, AccessMode: "single-node-reader-only" }),
    'group "web" > volume "data" > read_only',
  ),
  accepted("a mount", mount({ PropagationMode: "private", ReadOnly: true })),
  refused(
    "an unknown propagation mode",
    mount({ PropagationMode: "public" }),
    'group "web" > task "api" > volume_mount 1.propagation_mode',
  ),
  refused(
    "an unknown SELinux label",
    mount({ SELinuxLabel: "y" }),
    'group "web" > task "api" > volume_mount 1.selinux_label',
  ),
  refused("an undeclared volume", mount({ Volume: "dada" }), 'group "web" > task "api" > volume_mount 1.volume'),
  refused("no volume", mount({ Volume: "" }), 'group "web" > task "api" > volume_mount 1.volume'),
];

const network = (fields: nomad.NetworkResource, group: nomad.TaskGroup = {}): nomad.Job =>
  ofGroup({ Networks: [fields], ...group });

const networks: readonly JobCase[] = [
  accepted(
    "static and dynamic ports",
    network({
      ...bridge,
      ReservedPorts: [{ Label: "http", Value: 80, To: 8080 }],
      DynamicPorts: [{ Label: "admin", To: -1 }],
    }),
  ),
  refused(
    "a label twice",
    network({ ReservedPorts: [{ Label: "http", Value: 80 }], DynamicPorts: [{ Label: "http" }] }),
    'group "web" > network.port "http" > label',
  ),
  refused(
    "a static port twice",
    network({
      ReservedPorts: [
        { Label: "a", Value: 80 },
        { Label: "b", Value: 80 },
      ],
    }),
    'group "web" > network.port "b" > static',
  ),
  accepted(
    "a static port on two networks of the host",
    network({
      ReservedPorts: [
        { Label: "a", Value: 80 },
        { Label: "b", Value: 80, HostNetwork: "public" },
      ],
    }),
  ),
  accepted(
    "a static port twice, knowingly",
    network({
      ReservedPorts: [
        { Label: "a", Value: 80 },
        { Label: "b", Value: 80, IgnoreCollision: true },
      ],
    }),
  ),
  refused(
    "a knowing collision in a network namespace",
    network({ ...bridge, ReservedPorts: [{ Label: "a", Value: 80, IgnoreCollision: true }] }),
    'group "web" > network.port "a" > ignore_collision',
  ),
  refused(
    "a port above 65535",
    network({ ReservedPorts: [{ Label: "a", Value: 65_536 }] }),
    'group "web" > network.port "a" > static',
  ),
  refused(
    "a port inside above 65535",
    network({ ...bridge, DynamicPorts: [{ Label: "a", To: 65_536 }] }),
    'group "web" > network.port "a" > to',
  ),
  refused(
    "a port inside of -2",
    network({ ...bridge, DynamicPorts: [{ Label: "a", To: -2 }] }),
    'group "web" > network.port "a" > to',
  ),
  accepted("a host name", network({ ...bridge, Hostname: "web-1.example.com" })),
  accepted("a host name with a variable", network({ ...bridge, Hostname: "web..${NOMAD_ALLOC_INDEX}" })),
  refused("a host name with two dots", network({ ...bridge, Hostname: "web..com" }), 'group "web" > network.hostname'),
  refused(
    "a host name with a long label",
    network({ ...bridge, Hostname: "a".repeat(64) }),
    'group "web" > network.hostname',
  ),
  accepted("dns", network({ ...bridge, DNS: { Servers: ["10.0.0.2"], Searches: ["a"], Options: ["ndots:2"] } })),
  accepted("arguments of a CNI plugin", network({ Mode: "cni/x", CNI: { Args: { a: "b" } } })),
  refused(
    "a semicolon in an argument",
    network({ Mode: "cni/x", CNI: { Args: { a: "b;c" } } }),
    'group "web" > network.cni.args.a',
  ),
  refused(
    "a semicolon in an argument's name",
    network({ Mode: "cni/x", CNI: { Args: { "a;b": "c" } } }),
    'group "web" > network.cni.args.a;b',
  ),
  refused(
    "a port that a task's own network has too",
    ofTask(
      { Resources: { Networks: [{ ReservedPorts: [{ Label: "b", Value: 80 }] }] } },
      { Networks: [{ ReservedPorts: [{ Label: "a", Value: 80 }] }] },
    ),
    'group "web" > task "api" > resources.network.port "b" > static',
  ),
];

const resources = (Resources: nomad.Resources): nomad.Job => ofTask({ Resources });

const tasks: readonly JobCase[] = [
  refused("a task without a name", ofTask({ Name: "" }), 'group "web" > task "" > name'),
  refused("a task called alloc", ofTask({ Name: "alloc" }), 'group "web" > task "alloc" > name'),
  refused("a task with a slash", ofTask({ Name: "a/b" }), 'group "web" > task "a/b" > name'),
  refused("a task without a driver", ofTask({ Driver: "" }), 'group "web" > task "api" > driver'),
  refused("a negative kill timeout", ofTask({ KillTimeout: -1 }), 'group "web" > task "api" > kill_timeout'),
  refused(
    "a kill timeout longer than a deployment",
    ofTask({ KillTimeout: 11 * m }),
    'group "web" > task "api" > kill_timeout',
  ),
  accepted("a kill timeout as long as a deployment", ofTask({ KillTimeout: 10 * m })),
  accepted("a long kill timeout of a batch job", ofTask({ KillTimeout: 11 * m }, {}, batch)),
  accepted("a long kill timeout of a system job", ofTask({ KillTimeout: 11 * m }, {}, system)),
  refused(
    "a negative shutdown delay of a task",
    ofTask({ ShutdownDelay: -1 }),
    'group "web" > task "api" > shutdown_delay',
  ),

  accepted("cpu and memory", resources({ CPU: 1, MemoryMB: 10, MemoryMaxMB: 10 })),
  accepted("cores", resources({ Cores: 1 })),
  refused("cpu and cores", resources({ CPU: 100, Cores: 1 }), 'group "web" > task "api" > resources.cores'),
  refused("no cpu", resources({ CPU: 0 }), 'group "web" > task "api" > resources.cpu'),
  refused("no cores", resources({ Cores: 0 }), 'group "web" > task "api" > resources.cpu'),
  refused("cpu -1", resources({ CPU: -1 }), 'group "web" > task "api" > resources.cpu'),
  refused("cpu 0.5", resources({ CPU: 0.5 }), 'group "web" > task "api" > resources.cpu'),
  refused("memory 9", resources({ MemoryMB: 9 }), 'group "web" > task "api" > resources.memory'),
  refused("memory 128.5", resources({ MemoryMB: 128.5 }), 'group "web" > task "api" > resources.memory'),
  ours(
    "memory NaN",
    resources({ MemoryMB: NaN }),
    'group "web" > task "api" > resources.memory',
    "JSON has no NaN, so that it is the default",
  ),
  refused(
    "less memory at most than at least",
    resources({ MemoryMB: 128, MemoryMaxMB: 64 }),
    'group "web" > task "api" > resources.memory_max',
  ),
  refused(
    "less memory at most than the default",
    resources({ MemoryMaxMB: 299 }),
    'group "web" > task "api" > resources.memory_max',
  ),
  accepted("memory without a limit", resources({ MemoryMaxMB: -1 })),
  refused("more secrets than memory", resources({ SecretsMB: 301 }), 'group "web" > task "api" > resources.secrets'),
  refused("less than no secrets", resources({ SecretsMB: -1 }), 'group "web" > task "api" > resources.secrets'),
  accepted(
    "a device",
    resources({
      Devices: [
        {
          Name: "nvidia/gpu",
          Count: 1,
          Constraints: [{ LTarget: "${device.attr.memory}", Operand: ">=", RTarget: "2 GiB" }],
        },
      ],
    }),
  ),
  refused(
    "a device without a name",
    resources({ Devices: [{ Name: "" }] }),
    'group "web" > task "api" > resources.device "" > name',
  ),
  refused(
    "-1 devices",
    resources({ Devices: [{ Name: "gpu", Count: -1 }] }),
    'group "web" > task "api" > resources.device "gpu" > count',
  ),
  refused(
    "distinct hosts for a device",
    resources({ Devices: [{ Name: "gpu", Constraints: [{ Operand: "distinct_hosts" }] }] }),
    'group "web" > task "api" > resources.device "gpu" > constraint 1.operator',
  ),
  refused(
    "a device with a weightless affinity",
    resources({ Devices: [{ Name: "gpu", Affinities: [{ LTarget: "a", Operand: "=", RTarget: "b", Weight: 0 }] }] }),
    'group "web" > task "api" > resources.device "gpu" > affinity 1.weight',
  ),
  accepted("no NUMA", resources({ Cores: 1, NUMA: { Affinity: "none" } })),
  enterprise("NUMA", resources({ Cores: 1, NUMA: { Affinity: "require" } })),
  refused(
    "an unknown NUMA affinity",
    resources({ Cores: 1, NUMA: { Affinity: "some" } }),
    'group "web" > task "api" > resources.numa.affinity',
  ),
  refused(
    "NUMA for a device that is not asked for",
    resources({ Cores: 1, NUMA: { Affinity: "none", Devices: ["gpu"] } }),
    'group "web" > task "api" > resources.numa.devices',
  ),
  enterprise(
    "a schedule of a task",
    ofTask({ Schedule: { Cron: { Start: "0 30 9 * * *", End: "0 17", Timezone: "UTC" } } }),
  ),

  accepted("logs", ofTask({ LogConfig: { MaxFiles: 2, MaxFileSizeMB: 100 } })),
  refused("no log files", ofTask({ LogConfig: { MaxFiles: 0 } }), 'group "web" > task "api" > logs.max_files'),
  refused(
    "log files of no size",
    ofTask({ LogConfig: { MaxFileSizeMB: 0 } }),
    'group "web" > task "api" > logs.max_file_size',
  ),
  refused(
    "logs as large as the disk",
    ofTask({ LogConfig: { MaxFiles: 3, MaxFileSizeMB: 100 } }),
    'group "web" > task "api" > logs.max_file_size',
  ),
  refused(
    "a disk as small as the logs",
    ofGroup({ EphemeralDisk: { SizeMB: 100 } }),
    'group "web" > task "api" > logs.max_file_size',
  ),

  ours(
    "a variable without a name",
    ofTask({ Env: { "": "x" } }),
    'group "web" > task "api" > env.',
    "no process can be given it",
  ),
  ours(
    "a variable with =",
    ofTask({ Env: { "A=B": "x" } }),
    'group "web" > task "api" > env.A=B',
    "no process can be given it",
  ),
  accepted("unusual variables", ofTask({ Env: { "a.b-c d": "", _: "${NOMAD_ALLOC_ID}" } })),

  accepted("a lifecycle", ofTask({ Lifecycle: { Hook: "prestart", Sidecar: true } })),
  refused("an unknown hook", ofTask({ Lifecycle: { Hook: "later" } }), 'group "web" > task "api" > lifecycle.hook'),
  refused("no hook", ofTask({ Lifecycle: { Sidecar: true } }), 'group "web" > task "api" > lifecycle.hook'),

  accepted("an action", ofTask({ Actions: [{ Name: "flush", Command: "/bin/true" }] })),
  refused(
    "an action without a command",
    ofTask({ Actions: [{ Name: "flush" }] }),
    'group "web" > task "api" > action "flush" > command',
  ),
  refused(
    "an action with a space",
    ofTask({ Actions: [{ Name: "a b", Command: "x" }] }),
    'group "web" > task "api" > action "a b" > name',
  ),
  refused(
    "an action without a name",
    ofTask({ Actions: [{ Command: "x" }] }),
    'group "web" > task "api" > action "" > name',
  ),
  refused(
    "an action twice",
    ofTask({
      Actions: [
        { Name: "a", Command: "x" },
        { Name: "a", Command: "y" },
      ],
    }),
    'group "web" > task "api" > action "a" > name',
  ),

  accepted("a payload's file", ofTask({ DispatchPayload: { File: "a/b" } }, {}, { ...batch, ParameterizedJob: {} })),
  refused(
    "a payload outside the allocation",
    ofTask({ DispatchPayload: { File: "../../../x" } }, {}, { ...batch, ParameterizedJob: {} }),
    'group "web" > task "api" > dispatch_payload.file',
  ),

  accepted("a CSI plugin", ofTask({ CSIPluginConfig: { ID: "ebs", Type: "node" } })),
  refused(
    "a CSI plugin without an id",
    ofTask({ CSIPluginConfig: { Type: "node" } }),
    'group "web" > task "api" > csi_plugin.id',
  ),
  refused(
    "an unknown kind of CSI plugin",
    ofTask({ CSIPluginConfig: { ID: "ebs", Type: "both" } }),
    'group "web" > task "api" > csi_plugin.type',
  ),
  refused(
    "a CSI plugin that stages inside its mount",
    ofTask({ CSIPluginConfig: { ID: "ebs", Type: "node", StagePublishBaseDir: "/csi/stage" } }),
    'group "web" > task "api" > csi_plugin.stage_publish_base_dir',
  ),
  refused("an Envoy of no service", ofTask({ Kind: "connect-proxy:web" }), 'group "web" > task "api" > kind'),
];

const template = (fields: nomad.Template): nomad.Job =>
  ofTask({ Templates: [{ EmbeddedTmpl: "x", DestPath: "local/x", ...fields }] });
const artifact = (fields: nomad.TaskArtifact): nomad.Job =>
  ofTask({ Artifacts: [{ GetterSource: "https://example.com/x", ...fields }] });
const inTemplate = 'group "web" > task "api" > template "local/x" > ';
const inArtifact = 'group "web" > task "api" > artifact "https://example.com/x" > ';

const files: readonly JobCase[] = [
  accepted("a template", template({ ChangeMode: "signal", ChangeSignal: "SIGHUP", Perms: "0600", Splay: 0 })),
  accepted("a template's source", template({ EmbeddedTmpl: undefined, SourcePath: "local/x.tpl" })),
  refused("an empty template", template({ EmbeddedTmpl: "" }), `${inTemplate}data`),
  refused(
    "a template without a destination",
    template({ DestPath: "" }),
    'group "web" > task "api" > template 1 > destination',
  ),
  accepted("a template in another task's folder", template({ DestPath: "../x" })),
  accepted("an absolute destination, which is inside all the same", template({ DestPath: "/etc/x" })),
  refused(
    "a template outside the allocation",
    template({ DestPath: "../../x" }),
    'group "web" > task "api" > template "../../x" > destination',
  ),
  refused(
    "a template hidden outside the allocation",
    template({ DestPath: "local/../../../x" }),
    'group "web" > task "api" > template "local/../../../x" > destination',
  ),
  refused(
    "two templates for one file",
    ofTask({
      Templates: [
        { EmbeddedTmpl: "x", DestPath: "a" },
        { EmbeddedTmpl: "y", DestPath: "a" },
      ],
    }),
    'group "web" > task "api" > template "a" > destination',
  ),
  refused("an unknown change mode", template({ ChangeMode: "reload" }), `${inTemplate}change_mode`),
  refused("an empty change mode", template({ ChangeMode: "" }), `${inTemplate}change_mode`),
  accepted("the default signal", template({ ChangeMode: "signal" })),
  accepted("any signal", template({ ChangeMode: "signal", ChangeSignal: "SIGNONSENSE" })),
  refused("an empty signal", template({ ChangeMode: "signal", ChangeSignal: "" }), `${inTemplate}change_signal`),
  refused("a signal for variables", template({ ChangeMode: "signal", Envvars: true }), `${inTemplate}env`),
  accepted("a change script", template({ ChangeMode: "script", ChangeScript: { Command: "/bin/true" } })),
  refused("no script", template({ ChangeMode: "script" }), `${inTemplate}change_script.command`),
  refused(
    "a script without a command",
    template({ ChangeMode: "script", ChangeScript: {} }),
    `${inTemplate}change_script.command`,
  ),
  refused("a negative splay", template({ Splay: -1 }), `${inTemplate}splay`),
  ...["644", "0", "7777", ""].map((Perms) => accepted(`the permissions ${Perms}`, template({ Perms }))),
  ...["rw-r--r--", "888", "10000", "0o644"].map((Perms) =>
    refused(`the permissions ${Perms}`, template({ Perms }), `${inTemplate}perms`),
  ),
  accepted("a wait", template({ Wait: { Min: s, Max: s } })),
  refused(
    "a wait that is shorter at most than at least",
    template({ Wait: { Min: 2 * s, Max: s } }),
    `${inTemplate}wait.min`,
  ),

  accepted("an artifact", artifact({ GetterMode: "file", RelativeDest: "local/a" })),
  refused(
    "an artifact without a source",
    artifact({ GetterSource: "" }),
    'group "web" > task "api" > artifact "" > source',
  ),
  refused("an unknown artifact mode", artifact({ GetterMode: "tar" }), `${inArtifact}mode`),
  refused("an artifact outside the allocation", artifact({ RelativeDest: "../../x" }), `${inArtifact}destination`),
  accepted("an artifact's checksum", artifact({ GetterOptions: { checksum: `md5:${"a".repeat(32)}` } })),
  accepted("a checksum with a variable", artifact({ GetterOptions: { checksum: "md5:${meta.sum}" } })),
  ...[
    "",
    "a".repeat(32),
    "md5:abc",
    `md5:${"g".repeat(32)}`,
    `crc32:${"a".repeat(8)}`,
    `sha256:${"a".repeat(32)}`,
    "file:./sums",
  ].map((checksum) =>
    refused(`the checksum ${checksum}`, artifact({ GetterOptions: { checksum } }), `${inArtifact}options.checksum`),
  ),
];

const identity = (...Identities: readonly nomad.WorkloadIdentity[]): nomad.Job => ofTask({ Identities });
const vault = (Vault: nomad.Vault): nomad.Job => ofTask({ Vault });
const secret = (fields: nomad.Secret, task: nomad.Task = {}): nomad.Job =>
  ofTask({ Secrets: [{ Name: "db", Provider: "nomad", Path: "nomad/jobs/x", ...fields }], ...task });
const inAws = 'group "web" > task "api" > identity "aws" > ';
const inSecret = 'group "web" > task "api" > secret "db" > ';

const identities: readonly JobCase[] = [
  accepted(
    "an identity",
    identity({
      Name: "aws",
      Audience: ["sts"],
      File: true,
      Filepath: "a",
      TTL: h,
      ChangeMode: "signal",
      ChangeSignal: "SIGHUP",
    }),
  ),
  accepted("the default identity", identity({ Env: true, File: true })),
  accepted("the default identity in its old place", ofTask({ Identity: { Env: true } })),
  refused("an identity with a dot", identity({ Name: "a.b" }), 'group "web" > task "api" > identity "a.b" > name'),
  refused("an empty audience", identity({ Name: "aws", Audience: [""] }), `${inAws}aud`),
  accepted("an empty audience of the default identity", identity({ Audience: [""] })),
  refused("an unknown change of an identity", identity({ Name: "aws", ChangeMode: "script" }), `${inAws}change_mode`),
  refused("a change by no signal", identity({ Name: "aws", ChangeMode: "signal" }), `${inAws}change_signal`),
  refused("a signal that nothing sends", identity({ Name: "aws", ChangeSignal: "SIGHUP" }), `${inAws}change_signal`),
  refused("a ttl of the default identity", identity({ TTL: h }), 'group "web" > task "api" > identity "default" > ttl'),
  refused("a negative ttl", identity({ Name: "aws", TTL: -1 }), `${inAws}ttl`),
  refused("a path of no file", identity({ Name: "aws", Filepath: "a" }), `${inAws}filepath`),
  refused(
    "two default identities",
    identity({ Env: true }, { Name: "default" }),
    'group "web" > task "api" > identity "default" > name',
  ),

  accepted("a Vault", vault({ Role: "x", ChangeMode: "noop" })),
  accepted("a Vault with the default signal", vault({ ChangeMode: "signal" })),
  refused(
    "a Vault with an empty signal",
    vault({ ChangeMode: "signal", ChangeSignal: "" }),
    'group "web" > task "api" > vault.change_signal',
  ),
  refused(
    "a Vault with an unknown change",
    vault({ ChangeMode: "script" }),
    'group "web" > task "api" > vault.change_mode',
  ),
  enterprise("a Vault namespace", vault({ Namespace: "team" })),

  accepted("a secret", secret({ Config: { namespace: "default" } })),
  accepted("a secret of a plugin", secret({ Provider: "mine", Env: { A: "b" } })),
  refused("a secret without a name", secret({ Name: "" }), 'group "web" > task "api" > secret "" > name'),
  refused("a secret with a dash", secret({ Name: "a-b" }), 'group "web" > task "api" > secret "a-b" > name'),
  refused("a secret of nobody", secret({ Provider: "" }), `${inSecret}provider`),
  refused("a secret from nowhere", secret({ Path: "" }), `${inSecret}path`),
  refused("a secret of a Vault that the task does not have", secret({ Provider: "vault" }), `${inSecret}provider`),
  accepted("a secret of Vault", secret({ Provider: "vault" }, { Vault: {} })),
  refused("an environment of Nomad's own provider", secret({ Env: { A: "b" } }), `${inSecret}env`),
  refused("a configuration of a plugin", secret({ Provider: "mine", Config: { a: "b" } }), `${inSecret}config`),
  refused(
    "a secret twice",
    ofTask({
      Secrets: [
        { Name: "db", Provider: "nomad", Path: "a" },
        { Name: "db", Provider: "nomad", Path: "b" },
      ],
    }),
    `${inSecret}name`,
  ),
];

const http: nomad.ServiceCheck = { Name: "up", Type: "http", Path: "/", Interval: 10 * s, Timeout: 2 * s };
const withService = (fields: nomad.Service, group: nomad.TaskGroup = {}): nomad.Job =>
  ofGroup({
    Networks: [{ DynamicPorts: [{ Label: "http" }] }],
    Services: [{ Name: "shop", PortLabel: "http", ...fields }],
    ...group,
  });
const withCheck = (fields: nomad.ServiceCheck, service: nomad.Service = {}): nomad.Job =>
  withService({ Checks: [{ ...http, ...fields }], ...service });
const inService = 'group "web" > service "shop" > ';
const inCheck = `${inService}check "up" > `;
const ofNomad: nomad.Service = { Provider: "nomad" };
const taskService = (fields: nomad.Service): nomad.Job =>
  ofTask(
    { Services: [{ Name: "shop", PortLabel: "http", ...fields }] },
    { Networks: [{ DynamicPorts: [{ Label: "http" }] }] },
  );
const inTaskService = 'group "web" > task "api" > service "shop" > ';

const services: readonly JobCase[] = [
  accepted("a service", withService({ Tags: ["a"], Meta: { a: "b" }, Weights: { Passing: 1 } })),
  accepted("a service with the default name", withService({ Name: undefined })),
  accepted("a service named with variables", withService({ Name: "${JOB}-${NOMAD_ALLOC_INDEX}" })),
  ...["a_b", "-a", "a-", "a.b", "a".repeat(64), "${a b}"].map((Name) =>
    refused(`a service called ${Name}`, withService({ Name }), `group "web" > service "${Name}" > name`),
  ),
  accepted("a service in capitals", withService({ Name: "Shop" })),
  refused("an unknown address mode", withService({ AddressMode: "public" }), `${inService}address_mode`),
  refused("a driver's address of a group", withService({ AddressMode: "driver" }), `${inService}address_mode`),
  accepted("an allocation's address", withService({ AddressMode: "alloc" })),
  accepted("an address", withService({ Address: "example.com" })),
  refused(
    "an address beside a mode",
    withService({ Address: "example.com", AddressMode: "host" }),
    `${inService}address_mode`,
  ),
  refused("an unknown on_update", withService({ OnUpdate: "retry" }), `${inService}on_update`),
  refused("an unknown provider", withService({ Provider: "etcd" }), `${inService}provider`),
  accepted("a service of Nomad", withService(ofNomad)),
  accepted("a gateway's kind", withService({ Kind: "api-gateway" })),
  refused("an unknown kind", withService({ Kind: "gateway" }), `${inService}kind`),
  refused(
    "one service twice",
    ofGroup({
      Services: [
        { Name: "a", PortLabel: "80" },
        { Name: "a", PortLabel: "80" },
      ],
    }),
    'group "web" > service "a" > port',
  ),
  accepted(
    "one service at two ports",
    ofGroup({
      Services: [
        { Name: "a", PortLabel: "80" },
        { Name: "a", PortLabel: "81" },
      ],
    }),
  ),
  refused(
    "two providers in a group",
    ofGroup({ Services: [{ Name: "a" }, { Name: "b", Provider: "nomad" }] }),
    'group "web" > service "b" > provider',
  ),
  refused(
    "another provider for a task",
    ofGroup({ Services: [{ Name: "a" }], Tasks: [{ ...api, Services: [{ Name: "b", Provider: "nomad" }] }] }),
    'group "web" > task "api" > service "b" > provider',
  ),
  accepted("a port that a group does not have", withService({ PortLabel: "nowhere" })),
  enterprise("another Consul", withService({ Cluster: "other" })),
  accepted("an identity of a service", withService({ Identity: { Audience: ["consul.io"] } })),
  refused("an identity for nobody", withService({ Identity: { Audience: [] } }), `${inService}identity.aud`),
  refused(
    "an identity without a name",
    withService({ ...ofNomad, Identity: { Audience: ["a"] } }),
    `${inService}identity.name`,
  ),
  accepted("an identity with a name", withService({ ...ofNomad, Identity: { Name: "x", Audience: ["a"] } })),

  accepted("an http check", withCheck({})),
  accepted("a check's type in capitals", withCheck({ Type: "HTTP" })),
  accepted("a grpc check", withCheck({ Type: "grpc", Path: undefined, GRPCService: "x" })),
  accepted("a tcp check", withCheck({ Type: "tcp", Path: undefined })),
  accepted("a script", withCheck({ Type: "script", Command: "/bin/true", TaskName: "api" })),
  accepted("a script in the service's task", withCheck({ Type: "script", Command: "/bin/true" }, { TaskName: "api" })),
  refused("a script nowhere", withCheck({ Type: "script", Command: "/bin/true" }), `${inCheck}task`),
  refused(
    "a script in another group's task",
    withCheck({ Type: "script", Command: "/bin/true", TaskName: "db" }),
    `${inCheck}task`,
  ),
  refused("no script to run", withCheck({ Type: "script", TaskName: "api" }), `${inCheck}command`),
  refused("an unknown type of check", withCheck({ Type: "udp" }), `${inCheck}type`),
  refused("no type of check", withCheck({ Type: undefined }), `${inCheck}type`),
  refused("no path", withCheck({ Path: undefined }), `${inCheck}path`),
  refused("a URL as path", withCheck({ Path: "http://localhost/health" }), `${inCheck}path`),
  refused("a bad escape in a path", withCheck({ Path: "/%zz" }), `${inCheck}path`),
  refused("a path with a colon", withCheck({ Path: "a:b" }), `${inCheck}path`),
  accepted("a path without a slash", withCheck({ Path: "health" })),
  accepted("a path with a query", withCheck({ Path: "/health?a=%zz" })),
  refused("no interval", withCheck({ Interval: undefined }), `${inCheck}interval`),
  refused("an interval of 999ms", withCheck({ Interval: 0.999 * s }), `${inCheck}interval`),
  accepted("an interval of 1s", withCheck({ Interval: s, Timeout: s })),
  refused("no timeout", withCheck({ Timeout: undefined }), `${inCheck}timeout`),
  refused("a timeout of 500ms", withCheck({ Timeout: 0.5 * s }), `${inCheck}timeout`),
  accepted("a timeout above the interval", withCheck({ Interval: s, Timeout: 5 * s })),
  refused("an unknown status", withCheck({ InitialStatus: "unknown" }), `${inCheck}initial_status`),
  accepted("a status", withCheck({ InitialStatus: "warning" })),
  refused("an automatic address of a check", withCheck({ AddressMode: "auto" }), `${inCheck}address_mode`),
  refused("an unknown on_update of a check", withCheck({ OnUpdate: "retry" }), `${inCheck}on_update`),
  refused(
    "a check that is ignored and restarts",
    withCheck({ OnUpdate: "ignore", CheckRestart: { Limit: 3 } }),
    `${inCheck}on_update`,
  ),
  refused(
    "a check that is ignored by its service and restarts",
    withCheck({ CheckRestart: { Limit: 3 } }, { OnUpdate: "ignore" }),
    `${inCheck}on_update`,
  ),
  refused(
    "a check that is ignored and restarted by its service",
    withCheck({ OnUpdate: "ignore" }, { CheckRestart: { Limit: 3 } }),
    `${inCheck}on_update`,
  ),
  refused(
    "warnings that are ignored and restart",
    withCheck({ OnUpdate: "ignore_warnings", CheckRestart: { Limit: 3 } }),
    `${inCheck}check_restart.ignore_warnings`,
  ),
  accepted(
    "warnings that are ignored",
    withCheck({ OnUpdate: "ignore_warnings", CheckRestart: { Limit: 3, IgnoreWarnings: true } }),
  ),
  refused("-1 bad answers", withCheck({ CheckRestart: { Limit: -1 } }), `${inCheck}check_restart.limit`),
  refused("a negative grace", withCheck({ CheckRestart: { Limit: 1, Grace: -s } }), `${inCheck}check_restart.grace`),
  accepted("a check's number as port", withCheck({ PortLabel: "8080", AddressMode: "alloc" })),
  refused("a check without a port", withCheck({}, { PortLabel: undefined }), `${inCheck}port`),
  accepted(
    "counted answers",
    withCheck({ SuccessBeforePassing: 1, FailuresBeforeCritical: 2, FailuresBeforeWarning: 1 }),
  ),
  refused(
    "counted answers of a script",
    withCheck({ Type: "script", Command: "x", TaskName: "api", SuccessBeforePassing: 1 }),
    `${inCheck}success_before_passing`,
  ),
  refused(
    "counted answers of a check in capitals",
    withCheck({ Type: "HTTP", FailuresBeforeCritical: 1 }),
    `${inCheck}failures_before_critical`,
  ),
  refused("long notes", withCheck({ Notes: "x".repeat(256) }), `${inCheck}notes`),
  refused(
    "an exposed check without a sidecar",
    withService({ Checks: [{ ...http, Expose: true }] }, { Networks: [bridge] }),
    `${inCheck}expose`,
  ),

  accepted("a check of Nomad", withCheck({ Method: "HEAD" }, ofNomad)),
  ...(
    [
      ["type", { Type: "grpc" }],
      ["expose", { Expose: true }],
      ["on_update", { OnUpdate: "ignore_warnings" }],
      ["check_restart.ignore_warnings", { CheckRestart: { Limit: 1, IgnoreWarnings: true } }],
      ["address_mode", { AddressMode: "driver" }],
      ["method", { Method: "FETCH" }],
      ["success_before_passing", { SuccessBeforePassing: 1 }],
      ["failures_before_critical", { FailuresBeforeCritical: 1 }],
      ["failures_before_warning", { FailuresBeforeWarning: 1 }],
      ["tls_server_name", { TLSServerName: "x" }],
    ] as const
  ).map(([field, fields]) => refused(`${field} of a check of Nomad`, withCheck(fields, ofNomad), `${inCheck}${field}`)),
  accepted("any method of a check of Consul", withCheck({ Method: "FETCH" })),

  accepted("a service of a task", taskService({ Checks: [http] })),
  refused("a port that a task does not have", taskService({ PortLabel: "nowhere" }), `${inTaskService}port`),
  accepted("a number as a driver's port", taskService({ PortLabel: "8080", AddressMode: "driver" })),
  refused("a number as port", taskService({ PortLabel: "8080" }), `${inTaskService}port`),
  refused("an allocation's address for a task", taskService({ AddressMode: "alloc" }), `${inTaskService}address_mode`),
  refused("a sidecar of a task's service", taskService({ Connect: { SidecarService: {} } }), `${inTaskService}connect`),
  refused("another task's service", taskService({ TaskName: "db" }), `${inTaskService}task`),
  refused("a check twice", taskService({ Checks: [http, http] }), `${inTaskService}check "up" > name`),
  refused(
    "a check at no port of the task",
    taskService({ Checks: [{ ...http, PortLabel: "nowhere" }] }),
    `${inTaskService}check "up" > port`,
  ),
  refused(
    "a check at a number",
    taskService({ Checks: [{ ...http, PortLabel: "80" }] }),
    `${inTaskService}check "up" > port`,
  ),
  accepted(
    "a check at a driver's number",
    taskService({ Checks: [{ ...http, PortLabel: "80", AddressMode: "driver" }] }),
  ),
  refused(
    "a check at a driver's port 0",
    taskService({ Checks: [{ ...http, PortLabel: "0", AddressMode: "driver" }] }),
    `${inTaskService}check "up" > port`,
  ),
  refused(
    "an allocation's address for a task's check",
    taskService({ Checks: [{ ...http, AddressMode: "alloc" }] }),
    `${inTaskService}check "up" > address_mode`,
  ),
  refused(
    "an exposed check of a task",
    taskService({ Checks: [{ ...http, Expose: true }] }),
    `${inTaskService}check "up" > expose`,
  ),
];

const withConnect = (
  Connect: nomad.ConsulConnect,
  service: nomad.Service = {},
  group: nomad.TaskGroup = {},
): nomad.Job =>
  ofGroup({ Networks: [bridge], Services: [{ Name: "shop", PortLabel: "8080", Connect, ...service }], ...group });
const withSidecar = (
  SidecarService: nomad.ConsulSidecarService,
  service: nomad.Service = {},
  group: nomad.TaskGroup = {},
) => withConnect({ SidecarService }, service, group);
const withUpstreams = (...Upstreams: readonly nomad.ConsulUpstream[]): nomad.Job =>
  withSidecar({ Proxy: { Upstreams } });
const withTransparency = (TransparentProxy: nomad.ConsulTransparentProxy, group: nomad.TaskGroup = {}): nomad.Job =>
  withSidecar({ Proxy: { TransparentProxy } }, {}, group);
const withSidecarTask = (SidecarTask: nomad.SidecarTask, group: nomad.TaskGroup = {}): nomad.Job =>
  withConnect({ SidecarService: {}, SidecarTask }, {}, group);
const inConnect = `${inService}connect.`;
const inTransparency = `${inConnect}sidecar_service.proxy.transparent_proxy.`;

const connect: readonly JobCase[] = [
  accepted("a sidecar", withSidecar({})),
  accepted("a sidecar on a CNI network", withSidecar({}, {}, { Networks: [{ Mode: "cni/x" }] })),
  refused("a sidecar on the host", withSidecar({}, {}, { Networks: [{ Mode: "host" }] }), 'group "web" > network.mode'),
  refused("a sidecar without a network", withSidecar({}, {}, { Networks: [] }), 'group "web" > network'),
  refused("a sidecar with two networks", withSidecar({}, {}, { Networks: [bridge, bridge] }), 'group "web" > network'),
  refused("a sidecar in capitals", withSidecar({}, { Name: "Shop" }), 'group "web" > service "Shop" > name'),
  refused("a group with a sidecar in capitals", withSidecar({}, {}, { Name: "Web" }), 'group "Web" > name'),
  refused("neither sidecar nor gateway", withConnect({}), `${inService}connect`),
  refused(
    "native with a sidecar",
    withConnect({ Native: true, SidecarService: {} }, { TaskName: "api" }),
    `${inService}connect`,
  ),
  refused("a sidecar for a service of Nomad", withSidecar({}, ofNomad), `${inService}connect`),
  refused("a tcp check behind a sidecar", withSidecar({}, { Checks: [{ ...http, Type: "tcp" }] }), `${inCheck}type`),
  accepted("a native service", withConnect({ Native: true })),
  accepted("a native service of a task", withConnect({ Native: true }, { TaskName: "api" }, { Networks: [] })),
  refused(
    "a native service without a network, of no task",
    withConnect({ Native: true }, {}, { Networks: [] }),
    `${inService}task`,
  ),
  refused(
    "a native service of one of two tasks",
    withConnect({ Native: true }, {}, { Tasks: [api, { ...api, Name: "db" }] }),
    `${inService}task`,
  ),
  refused("a native service of an unknown task", withConnect({ Native: true }, { TaskName: "db" }), `${inService}task`),
  refused(
    "a native service without a port",
    withConnect({ Native: true }, { PortLabel: undefined }),
    `${inService}port`,
  ),

  accepted(
    "upstreams",
    withUpstreams({ DestinationName: "a", LocalBindPort: 1 }, { DestinationName: "b", LocalBindPort: 2 }),
  ),
  accepted(
    "upstreams at two addresses",
    withUpstreams(
      { DestinationName: "a", LocalBindPort: 1 },
      { DestinationName: "b", LocalBindPort: 1, LocalBindAddress: "127.0.0.2" },
    ),
  ),
  refused(
    "two upstreams at one port",
    withUpstreams({ DestinationName: "a", LocalBindPort: 1 }, { DestinationName: "b", LocalBindPort: 1 }),
    `${inService}upstreams "b" > local_bind_port`,
  ),
  refused(
    "two upstreams at one socket",
    withUpstreams(
      { DestinationName: "a", LocalBindSocketPath: "/x" },
      { DestinationName: "b", LocalBindSocketPath: "/x" },
    ),
    `${inService}upstreams "b" > local_bind_socket_path`,
  ),
  refused(
    "two services with an upstream at one port",
    withSidecar(
      {},
      {},
      {
        Services: ["a", "b"].map((Name) => ({
          Name,
          PortLabel: Name === "a" ? "1" : "2",
          Connect: { SidecarService: { Proxy: { Upstreams: [{ DestinationName: "x", LocalBindPort: 9 }] } } },
        })),
      },
    ),
    'group "web" > service "b" > upstreams "x" > local_bind_port',
  ),
  accepted(
    "any mode of mesh gateways",
    withUpstreams({ DestinationName: "a", LocalBindPort: 1, MeshGateway: { Mode: "some" } }),
  ),
  accepted(
    "an exposed path",
    withSidecar({
      Proxy: { Expose: { Path: [{ Path: "/x", Protocol: "http", LocalPathPort: 80, ListenerPort: "x" }] } },
    }),
  ),
  accepted("an exposed check", withSidecar({}, { Checks: [{ ...http, Expose: true }] })),
  refused(
    "an exposed check behind a dynamic port",
    withSidecar(
      {},
      { PortLabel: "x", Checks: [{ ...http, Expose: true, PortLabel: "y" }] },
      { Networks: [{ ...bridge, DynamicPorts: [{ Label: "x" }, { Label: "y" }] }] },
    ),
    `${inService}port`,
  ),
  accepted(
    "an exposed check behind a static port",
    withSidecar(
      {},
      { PortLabel: "x", Checks: [{ ...http, Expose: true }] },
      { Networks: [{ ...bridge, ReservedPorts: [{ Label: "x", Value: 80 }] }] },
    ),
  ),
  refused(
    "an exposed script",
    withSidecar({}, { Checks: [{ ...http, Type: "script", Command: "x", TaskName: "api", Expose: true }] }),
    `${inCheck}expose`,
  ),
  refused(
    "a sidecar at a static port",
    withSidecar({ Port: "x" }, {}, { Networks: [{ ...bridge, ReservedPorts: [{ Label: "x", Value: 80 }] }] }),
    'group "web" > network.port "x" > static',
  ),
  accepted(
    "a sidecar at a dynamic port",
    withSidecar({ Port: "x" }, {}, { Networks: [{ ...bridge, DynamicPorts: [{ Label: "x", To: -1 }] }] }),
  ),

  accepted(
    "a transparent proxy",
    withTransparency({
      UID: "101",
      ExcludeInboundPorts: ["22"],
      ExcludeOutboundPorts: [443],
      ExcludeOutboundCIDRs: ["10.0.0.0/8", "::/0"],
      ExcludeUIDs: ["0"],
    }),
  ),
  refused(
    "a bad network",
    withTransparency({ ExcludeOutboundCIDRs: ["10.0.0.0"] }),
    `${inTransparency}exclude_outbound_cidrs`,
  ),
  refused(
    "a network of 33 bits",
    withTransparency({ ExcludeOutboundCIDRs: ["10.0.0.0/33"] }),
    `${inTransparency}exclude_outbound_cidrs`,
  ),
  refused("a user by name", withTransparency({ UID: "envoy" }), `${inTransparency}uid`),
  refused("a user above 65535", withTransparency({ ExcludeUIDs: ["65536"] }), `${inTransparency}exclude_uids`),
  refused(
    "an unknown port to let in",
    withTransparency({ ExcludeInboundPorts: ["ssh"] }),
    `${inTransparency}exclude_inbound_ports`,
  ),
  refused(
    "a dynamic port to let in",
    withTransparency({ ExcludeInboundPorts: ["ssh"] }, { Networks: [{ ...bridge, DynamicPorts: [{ Label: "ssh" }] }] }),
    `${inTransparency}exclude_inbound_ports`,
  ),
  accepted(
    "a static port to let in",
    withTransparency(
      { ExcludeInboundPorts: ["ssh"] },
      { Networks: [{ ...bridge, ReservedPorts: [{ Label: "ssh", Value: 22 }] }] },
    ),
  ),
  refused(
    "a transparent proxy beside dns",
    withTransparency({}, { Networks: [{ ...bridge, DNS: { Servers: ["10.0.0.2"] } }] }),
    `${inTransparency}no_dns`,
  ),
  accepted(
    "a transparent proxy that leaves dns alone",
    withTransparency({ NoDNS: true }, { Networks: [{ ...bridge, DNS: { Servers: ["10.0.0.2"] } }] }),
  ),
  refused(
    "a transparent proxy beside another sidecar",
    withSidecar(
      {},
      {},
      {
        Services: [
          { Name: "shop", PortLabel: "1", Connect: { SidecarService: { Proxy: { TransparentProxy: {} } } } },
          { Name: "b", PortLabel: "2", Connect: { SidecarService: {} } },
        ],
      },
    ),
    `${inTransparency}services`,
  ),

  accepted(
    "a sidecar task",
    withSidecarTask({ Driver: "raw_exec", Config: { command: "envoy" }, Resources: { CPU: 100, MemoryMB: 64 } }),
  ),
  refused(
    "cores for a sidecar",
    withSidecarTask({ Resources: { Cores: 1 } }),
    `${inConnect}sidecar_task.resources.cores`,
  ),
  refused(
    "little memory for a sidecar",
    withSidecarTask({ Resources: { MemoryMB: 9 } }),
    `${inConnect}sidecar_task.resources.memory`,
  ),
  refused(
    "a negative kill timeout of a sidecar",
    withSidecarTask({ KillTimeout: -1 }),
    `${inConnect}sidecar_task.kill_timeout`,
  ),
  refused(
    "a volume that a sidecar's group does not have",
    withSidecarTask({ VolumeMounts: [{ Volume: "x", Destination: "/x" }] }),
    `${inConnect}sidecar_task.volume_mount 1.volume`,
  ),
  refused("a sidecar with the name of a task", withSidecarTask({ Name: "api" }), `${inConnect}sidecar_task.name`),
  accepted(
    "a task with the name of a sidecar",
    withSidecar({}, {}, { Tasks: [{ ...api, Name: "connect-proxy-shop" }] }),
  ),
  accepted(
    "a small disk beside a sidecar",
    withSidecar(
      {},
      {},
      { EphemeralDisk: { SizeMB: 50 }, Tasks: [{ ...api, LogConfig: { MaxFiles: 1, MaxFileSizeMB: 1 } }] },
    ),
  ),
  refused(
    "a small disk beside a sidecar's logs",
    withSidecarTask(
      { Env: {} },
      { EphemeralDisk: { SizeMB: 50 }, Tasks: [{ ...api, LogConfig: { MaxFiles: 1, MaxFileSizeMB: 1 } }] },
    ),
    `${inConnect}sidecar_task.logs.max_file_size`,
  ),
  refused(
    "an Envoy of our own that leads",
    withSidecar({}, {}, { Tasks: [api, { ...api, Name: "envoy", Kind: "connect-proxy:shop", Leader: true }] }),
    'group "web" > task "envoy" > leader',
  ),
  refused(
    "an Envoy of our own with a service",
    withSidecar(
      {},
      {},
      { Tasks: [api, { ...api, Name: "envoy", Kind: "connect-proxy:shop", Services: [{ Name: "x" }] }] },
    ),
    'group "web" > task "envoy" > service',
  ),
  accepted(
    "an Envoy of our own",
    withSidecar({}, {}, { Tasks: [api, { ...api, Name: "envoy", Kind: "connect-proxy:shop" }] }),
  ),
  accepted(
    "a lone Envoy",
    withConnect(
      { Gateway: { Mesh: {} } },
      { PortLabel: "wan" },
      { Tasks: [], Networks: [{ ...bridge, ReservedPorts: [{ Label: "wan", Value: 8443 }] }] },
    ),
  ),
];

const withGateway = (
  Gateway: nomad.ConsulGateway,
  service: nomad.Service = {},
  group: nomad.TaskGroup = {},
): nomad.Job => withConnect({ Gateway }, service, group);
const ingress = (...Listeners: readonly nomad.ConsulIngressListener[]): nomad.Job =>
  withGateway({ Ingress: { Listeners } });
const terminating = (...Services: readonly nomad.ConsulLinkedService[]): nomad.Job =>
  withGateway({ Terminating: { Services } });
const inGateway = `${inConnect}gateway.`;

const gateways: readonly JobCase[] = [
  accepted(
    "an ingress gateway",
    ingress({ Port: 80, Protocol: "http", Services: [{ Name: "*" }] }, { Port: 81, Services: [{ Name: "a" }] }),
  ),
  accepted(
    "a gateway on the host",
    withGateway({ Terminating: { Services: [{ Name: "a" }] } }, {}, { Networks: [{ Mode: "host" }] }),
  ),
  refused(
    "a gateway on no network",
    withGateway({ Terminating: { Services: [{ Name: "a" }] } }, {}, { Networks: [] }),
    'group "web" > network',
  ),
  refused("an ingress gateway without listeners", ingress(), `${inGateway}ingress.listener`),
  refused("a listener without a port", ingress({ Services: [{ Name: "a" }] }), `${inGateway}ingress.listener 0 > port`),
  refused(
    "a listener of an unknown protocol",
    ingress({ Port: 80, Protocol: "udp", Services: [{ Name: "a" }] }),
    `${inGateway}ingress.listener 80 > protocol`,
  ),
  refused("a listener without services", ingress({ Port: 80 }), `${inGateway}ingress.listener 80 > service`),
  refused(
    "a listener's service without a name",
    ingress({ Port: 80, Services: [{}] }),
    `${inGateway}ingress.listener 80 > service "" > name`,
  ),
  refused(
    "every service on a tcp listener",
    ingress({ Port: 80, Services: [{ Name: "*" }] }),
    `${inGateway}ingress.listener 80 > service "*" > name`,
  ),
  refused(
    "hosts on a tcp listener",
    ingress({ Port: 80, Services: [{ Name: "a", Hosts: ["x"] }] }),
    `${inGateway}ingress.listener 80 > service "a" > hosts`,
  ),
  refused(
    "hosts of every service",
    ingress({ Port: 80, Protocol: "http", Services: [{ Name: "*", Hosts: ["x"] }] }),
    `${inGateway}ingress.listener 80 > service "*" > hosts`,
  ),
  accepted(
    "a terminating gateway",
    terminating({ Name: "a", CAFile: "/ca", CertFile: "/cert", KeyFile: "/key", SNI: "x" }),
  ),
  accepted(
    "a check of a terminating gateway's own port",
    withGateway(
      { Terminating: { Services: [{ Name: "a" }] } },
      { PortLabel: undefined, Checks: [{ ...http, Type: "tcp" }] },
    ),
  ),
  refused("a terminating gateway without services", terminating(), `${inGateway}terminating.service`),
  refused("a service outside without a name", terminating({}), `${inGateway}terminating.service not set > name`),
  refused(
    "a certificate without a key",
    terminating({ Name: "a", CAFile: "/ca", CertFile: "/cert" }),
    `${inGateway}terminating.service "a" > key_file`,
  ),
  refused(
    "a key without an authority",
    terminating({ Name: "a", CertFile: "/cert", KeyFile: "/key" }),
    `${inGateway}terminating.service "a" > ca_file`,
  ),
  refused(
    "a name without an authority",
    terminating({ Name: "a", SNI: "x" }),
    `${inGateway}terminating.service "a" > ca_file`,
  ),
  refused("a mesh gateway without a port", withGateway({ Mesh: {} }, { PortLabel: undefined }), `${inService}port`),
  refused(
    "two kinds of gateway",
    withGateway({ Mesh: {}, Terminating: { Services: [{ Name: "a" }] } }),
    `${inGateway}kind`,
  ),
  refused("no kind of gateway", withGateway({}), `${inGateway}kind`),
  accepted(
    "a gateway's proxy",
    withGateway({
      Proxy: {
        ConnectTimeout: s,
        EnvoyDNSDiscoveryType: "STRICT_DNS",
        EnvoyGatewayBindAddresses: { a: { Address: "0.0.0.0", Port: -1 } },
      },
      Terminating: { Services: [{ Name: "a" }] },
    }),
  ),
  refused(
    "an unknown kind of discovery",
    withGateway({ Proxy: { EnvoyDNSDiscoveryType: "DNS" }, Terminating: { Services: [{ Name: "a" }] } }),
    `${inGateway}proxy.envoy_dns_discovery_type`,
  ),
  refused(
    "no address to bind",
    withGateway({
      Proxy: { EnvoyGatewayBindAddresses: { a: { Port: 80 } } },
      Terminating: { Services: [{ Name: "a" }] },
    }),
    `${inGateway}proxy.envoy_gateway_bind_addresses "a" > address`,
  ),
  refused(
    "port 0 to bind",
    withGateway({
      Proxy: { EnvoyGatewayBindAddresses: { a: { Address: "::", Port: 0 } } },
      Terminating: { Services: [{ Name: "a" }] },
    }),
    `${inGateway}proxy.envoy_gateway_bind_addresses "a" > port`,
  ),
];

const consul: readonly JobCase[] = [
  accepted("a consul block", ofTask({ Consul: { Cluster: "default" } }, { Consul: {} })),
  refused(
    "another partition for a task",
    ofTask({ Consul: { Partition: "a" } }, { Consul: { Partition: "b" } }),
    'group "web" > task "api" > consul.partition',
  ),
  enterprise("another Consul for a task", ofTask({ Consul: { Cluster: "other" } })),
];

/** What is reported of jobs, by us and by Nomad. */
export const JOB_CASES: readonly JobCase[] = [
  ...jobs,
  ...periodic,
  ...groups,
  ...policies,
  ...placement,
  ...volumes,
  ...networks,
  ...tasks,
  ...files,
  ...identities,
  ...services,
  ...connect,
  ...gateways,
  ...consul,
];
