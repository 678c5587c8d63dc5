import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fn, TerraformVariable, Testing } from "cdktf";
import {
  CaProvider,
  Duration,
  ExternalHealthCheck,
  MeshCertificateAuthority,
  ServiceMesh,
  Workload,
  type MeshCertificateAuthorityProps,
} from "../../constructs";
import { escapeTemplate } from "../../constructs/core/terraform-json";
import { applyStacks, type ApplyOptions, type ApplyResult, destroyStacks } from "../../lab/apply";
import { ensureEngines } from "../../lab/machine/engines/ensure-engines";
import { LabError } from "../../lab/core/errors";
import { findProgram } from "../../lab/machine/find-program";
import { waitFor } from "../../lab/core/wait";
import { type DevAgents, startDevAgents } from "../support/dev-agents";
import { TestStack } from "../support/synth";
import { type StackJson, SynthesizedApp } from "../support/synthesized-app";

let agents: DevAgents;
let app: SynthesizedApp;
let progress: string[];

beforeAll(async () => {
  agents = await startDevAgents(await ensureEngines());
}, 20 * 60_000);

afterAll(async () => {
  await agents.stop();
}, 60_000);

beforeEach(() => {
  app = new SynthesizedApp();
  progress = [];
});

afterEach(async () => {
  await destroyStacks(options({ engine: "auto" }));
  app.remove();
}, 120_000);

function options(more: Partial<ApplyOptions> = {}): ApplyOptions {
  return {
    outDir: app.outDir,
    stateDir: app.stateDir,
    endpoints: agents.endpoints,
    engine: "offline",
    onProgress: (line) => progress.push(line),
    ...more,
  };
}

function apply(stacks: Readonly<Record<string, StackJson>>, more: Partial<ApplyOptions> = {}): Promise<ApplyResult> {
  app.synthesize(stacks);
  return applyStacks(options(more));
}

async function failure(attempt: Promise<unknown>): Promise<LabError> {
  const error: unknown = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof LabError) return error;
  throw new Error("expected a LabError", { cause: error });
}

async function ask(engine: "consul" | "nomad", path: string, method = "GET", body?: object): Promise<unknown> {
  const { address, token = "" } = agents.endpoints[engine];
  const answer = await fetch(address + path, {
    method,
    headers: { "X-Consul-Token": token },
    body: body && JSON.stringify(body),
  });
  return answer.ok ? answer.json() : undefined;
}

/** A job whose task sleeps. */
function job(ID: string, { env = {}, command = "exec sleep 1000", ...more }: JobOptions = {}) {
  const task = {
    Name: "sleep",
    Driver: "raw_exec",
    Config: { command: "/bin/sh", args: ["-c", command] },
    Env: env,
    Resources: { CPU: 20, MemoryMB: 20 },
    KillTimeout: 1e9,
  };
  const jobspec = JSON.stringify({ ID, TaskGroups: [{ Name: "group", Tasks: [task] }], ...more });
  return { jobspec: escapeTemplate(jobspec), json: true };
}

interface JobOptions extends Record<string, unknown> {
  readonly env?: Readonly<Record<string, string>>;
  readonly command?: string;
}

function entry(kind: string, name: string, config: object, more: object = {}) {
  return { kind, name, config_json: JSON.stringify(config), ...more };
}

function intentions(name: string, source: object, more: object = {}) {
  return entry("service-intentions", name, { Sources: [{ Name: "web", ...source }] }, more);
}

const http = { Protocol: "http" };
const tcp = { Protocol: "tcp" };
const anyRequest = { Permissions: [{ Action: "allow", HTTP: { PathPrefix: "/" } }] };

function mesh(env: Readonly<Record<string, string>> = {}) {
  return {
    resource: {
      nomad_job: { api: job("api", { env }) },
      consul_config_entry: {
        defaults: entry("service-defaults", "api", http),
        intentions: intentions("api", { Action: "allow" }, { depends_on: ["consul_config_entry.defaults"] }),
      },
    },
  };
}

const meshAddresses = [
  "mesh/nomad_job.api",
  "mesh/consul_config_entry.defaults",
  "mesh/consul_config_entry.intentions",
];

test("a map that only Terraform knows, a key of one, and a length of time reach the engines merged and reckoned", async () => {
  const stack = new TestStack();
  const variable = (name: string, type: string, value: unknown) =>
    new TerraformVariable(stack, name, { type, default: value });
  const labels = variable("labels", "map(string)", { team: "blue", rack: "1" }).value as Readonly<
    Record<string, string>
  >;
  const key = variable("key", "string", "EXTRA").stringValue;
  const minutes = variable("minutes", "number", 2).numberValue;
  new ServiceMesh(stack, "mesh").addService("api", {
    port: 8080,
    meta: Fn.merge([labels, { rack: "2" }]) as Readonly<Record<string, string>>,
    workload: Workload.exec({
      driver: "raw_exec",
      command: "/bin/true",
      env: { [key]: "${NOMAD_DC}" },
      killTimeout: Duration.minutes(minutes),
      override: { Env: labels },
    }),
  });
  await apply({ [stack.node.id]: JSON.parse(Testing.synth(stack, true)) as StackJson });
  expect(await ask("nomad", "/v1/job/api")).toMatchObject({
    TaskGroups: [
      {
        Services: [{ Meta: { team: "blue", rack: "2" } }],
        Tasks: [
          { Env: { EXTRA: "${NOMAD_DC}", team: "blue", rack: "1" }, KillTimeout: 120e9 },
          { Name: "connect-proxy-api" },
        ],
      },
    ],
  });
});

describe("the offline apply", () => {
  test("creates what the stacks say, changes nothing a second time, and updates only what differs", async () => {
    const env = { ID: "${NOMAD_ALLOC_ID} %{x} $${y}" };
    expect(await apply({ mesh: mesh(env) })).toEqual({
      ...{ engine: "offline", reason: undefined, updated: [], unchanged: [], deleted: [] },
      created: meshAddresses,
    });
    expect(progress[0]).toMatch(/^This is an offline apply/);
    expect(progress).toContain("created mesh/nomad_job.api");
    expect(await ask("nomad", "/v1/job/api")).toMatchObject({ TaskGroups: [{ Tasks: [{ Env: env }] }] });
    const before = await ask("nomad", "/v1/job/api");

    expect(await apply({ mesh: mesh(env) })).toMatchObject({ created: [], updated: [], unchanged: meshAddresses });
    expect(await ask("nomad", "/v1/job/api")).toMatchObject({ Version: (before as { Version: number }).Version });

    const edited = mesh({ ID: "other" });
    edited.resource.consul_config_entry.intentions = intentions("api", { Action: "deny" });
    expect(await apply({ mesh: edited })).toMatchObject({
      created: [],
      updated: ["mesh/nomad_job.api", "mesh/consul_config_entry.intentions"],
      unchanged: ["mesh/consul_config_entry.defaults"],
    });
    expect(await ask("consul", "/v1/config/service-intentions/api")).toMatchObject({ Sources: [{ Action: "deny" }] });
  }, 60_000);

  test("puts back what somebody else removed or changed", async () => {
    await apply({ mesh: mesh() });
    await ask("nomad", "/v1/job/api", "DELETE");
    await ask("consul", "/v1/config/service-intentions/api", "DELETE");
    await ask("consul", "/v1/config", "PUT", { Kind: "service-defaults", Name: "api", ...tcp });
    expect(await apply({ mesh: mesh() })).toMatchObject({
      created: ["mesh/nomad_job.api", "mesh/consul_config_entry.intentions"],
      updated: ["mesh/consul_config_entry.defaults"],
      unchanged: [],
    });
    expect(await ask("nomad", "/v1/job/api")).toMatchObject({ Stop: false });
    expect(await ask("consul", "/v1/config/service-defaults/api")).toMatchObject(http);
  }, 60_000);

  test("removes what vanished from the stacks, and whole stacks, the last one first", async () => {
    const other = { dependencies: ["mesh"], resource: { nomad_job: { web: job("web") } } };
    await apply({ mesh: mesh(), other });
    const rest = mesh();
    Reflect.deleteProperty(rest.resource.consul_config_entry, "intentions");
    expect(await apply({ mesh: rest })).toMatchObject({
      deleted: ["other/nomad_job.web", "mesh/consul_config_entry.intentions"],
      unchanged: ["mesh/nomad_job.api", "mesh/consul_config_entry.defaults"],
    });
    expect(await ask("nomad", "/v1/job/web")).toBeUndefined();
    expect(await ask("consul", "/v1/config/service-intentions/api")).toBeUndefined();

    expect(await destroyStacks(options())).toMatchObject({
      deleted: ["mesh/consul_config_entry.defaults", "mesh/nomad_job.api"],
    });
    expect(await ask("nomad", "/v1/job/api")).toBeUndefined();
    expect(readdirSync(app.stateDir)).toEqual([]);
  }, 60_000);

  test("refuses what only got another address, since Terraform may remove it, and replaces what got another name", async () => {
    await apply({ mesh: mesh() });
    const moved = mesh();
    const { api } = moved.resource.nomad_job;
    Object.assign(moved.resource, { nomad_job: { renamed: api } });
    const error = await failure(apply({ mesh: moved }));
    expect(error.problem).toMatch(/^mesh\/nomad_job.api and mesh\/nomad_job.renamed are the same object/);
    moved.resource.nomad_job = { api };
    moved.resource.consul_config_entry.intentions = intentions("other", { Action: "allow" });
    expect(await apply({ mesh: moved })).toMatchObject({
      created: [],
      updated: ["mesh/consul_config_entry.intentions"],
      unchanged: ["mesh/nomad_job.api", "mesh/consul_config_entry.defaults"],
      deleted: [],
    });
    expect(await ask("nomad", "/v1/job/api")).toMatchObject({ Stop: false });
    expect(await ask("consul", "/v1/config/service-intentions/api")).toBeUndefined();
    expect(await ask("consul", "/v1/config/service-intentions/other")).toBeDefined();
  }, 60_000);

  test("refuses what moved to a stack that is applied before, since Terraform would write it and then remove it", async () => {
    const stack = (names: readonly string[], more: object = {}) => ({
      ...more,
      resource: {
        consul_config_entry: Object.fromEntries(names.map((name) => [name, entry("service-defaults", name, http)])),
      },
    });
    const after = { dependencies: ["first"] };
    await apply({ first: stack(["a"]), second: stack(["b", "moved"], after) });
    const error = await failure(apply({ first: stack(["a", "moved"]), second: stack(["b"], after) }));
    expect(error.problem).toMatch(
      /^second\/consul_config_entry.moved would be removed, but first\/consul_config_entry.moved/,
    );
    expect(await ask("consul", "/v1/config/service-defaults/moved")).toMatchObject(http);
  });

  test("makes an edit in Terraform's order, and fails where Terraform does", async () => {
    const waiting = { depends_on: ["consul_config_entry.defaults"] };
    const speaking = (protocol: object, source: object, more: object = {}) => ({
      mesh: {
        resource: {
          terraform_data: { protocol: { input: protocol } },
          consul_config_entry: {
            defaults: entry("service-defaults", "turncoat", protocol),
            intentions: intentions("turncoat", source, { ...waiting, ...more }),
          },
        },
      },
    });
    await apply(speaking(http, anyRequest));
    const refusal = await failure(apply(speaking(tcp, { Action: "allow" })));
    expect(refusal.problem).toMatch(/^mesh\/consul_config_entry.defaults: Consul returned status 500: /);
    expect(await ask("consul", "/v1/config/service-defaults/turncoat")).toMatchObject(http);
    await destroyStacks(options());

    const lifecycle = { lifecycle: { replace_triggered_by: ["terraform_data.protocol"] } };
    await apply(speaking(http, anyRequest, lifecycle));
    expect(await apply(speaking(tcp, { Action: "allow" }, lifecycle))).toMatchObject({
      updated: [
        "mesh/terraform_data.protocol",
        "mesh/consul_config_entry.defaults",
        "mesh/consul_config_entry.intentions",
      ],
    });
    expect(await ask("consul", "/v1/config/service-defaults/turncoat")).toMatchObject(tcp);
  });

  test("removes what is created first only after what led to it has changed, and else before", async () => {
    const leading = (names: readonly string[], more: object = {}) => {
      const listener = {
        Port: 8080,
        Protocol: "http",
        Services: names.map((Name) => ({ Name, Hosts: [`${Name}.x`] })),
      };
      const defaults = names.map((name) => [name, entry("service-defaults", name, http, more)]);
      const depends_on = names.map((name) => `consul_config_entry.${name}`);
      const ingress = entry("ingress-gateway", "ingress", { Listeners: [listener] }, { depends_on });
      return {
        mesh: { resource: { consul_config_entry: Object.assign(Object.fromEntries(defaults) as object, { ingress }) } },
      };
    };
    await apply(leading(["one", "two"]));
    expect((await failure(apply(leading(["one"])))).problem).toMatch(
      /^mesh\/consul_config_entry.two: Consul returned status 500: /,
    );
    const first = { lifecycle: { create_before_destroy: true } };
    await apply(leading(["one", "two"], first));
    expect(await apply(leading(["one"], first))).toMatchObject({
      updated: ["mesh/consul_config_entry.ingress"],
      deleted: ["mesh/consul_config_entry.two"],
    });
  });

  test("removes nothing that is protected, and leaves what is not to be followed", async () => {
    const lifecycle = (more: object) => ({
      mesh: { resource: { consul_config_entry: { a: entry("service-defaults", "kept", http, { lifecycle: more }) } } },
    });
    await apply(lifecycle({ prevent_destroy: true, ignore_changes: ["config_json"] }));
    expect((await failure(destroyStacks(options()))).problem).toMatch(/its lifecycle.prevent_destroy forbids this/);
    const other = lifecycle({ ignore_changes: "all" });
    other.mesh.resource.consul_config_entry.a.config_json = JSON.stringify(tcp);
    expect(await apply(other)).toMatchObject({ unchanged: ["mesh/consul_config_entry.a"] });
    expect(await ask("consul", "/v1/config/service-defaults/kept")).toMatchObject(http);
  });

  test("says which resource Consul refuses, in Consul's words, and goes on from there once it is corrected", async () => {
    const refused = (source: object) => ({
      mesh: {
        resource: { consul_config_entry: { a: entry("service-defaults", "t", tcp), b: intentions("t", source) } },
      },
    });
    const error = await failure(apply(refused(anyRequest)));
    expect(error.problem).toMatch(
      /^mesh\/consul_config_entry.b: Consul returned status 500: service "t" has protocol "tcp"/,
    );
    expect(await apply(refused({ Action: "allow" }))).toMatchObject({
      created: ["mesh/consul_config_entry.b"],
      unchanged: ["mesh/consul_config_entry.a"],
    });
  });

  test("is complete after an interruption and a repetition", async () => {
    const controller = new AbortController();
    const reason = new Error("stopped by the test");
    const stopEarly = (line: string) => {
      if (line.startsWith("created")) controller.abort(reason);
    };
    const interrupted = apply({ mesh: mesh() }, { signal: controller.signal, onProgress: stopEarly });
    await expect(interrupted).rejects.toBe(reason);
    expect(await apply({ mesh: mesh() })).toMatchObject({
      unchanged: [meshAddresses[0]],
      created: meshAddresses.slice(1),
    });
  }, 60_000);

  test("can be removed after an interruption between the write and its record", async () => {
    await apply({ mesh: mesh() });
    const file = join(app.stateDir, "offline-state.json");
    const state = JSON.parse(readFileSync(file, "utf8")) as { resources: { live?: string }[] };
    for (const resource of state.resources) delete resource.live;
    writeFileSync(file, JSON.stringify(state));
    expect(await apply({ mesh: mesh() })).toMatchObject({ unchanged: meshAddresses, updated: [], created: [] });
    expect((await destroyStacks(options())).deleted).toHaveLength(3);
  }, 60_000);

  test("refuses what it does not support before anything is applied", async () => {
    const stacks = { mesh: mesh(), cloud: { resource: { aws_vpc: { v: {} }, consul_intention: { i: {} } } } };
    const error = await failure(apply(stacks));
    expect(error.problem).toContain("cloud/aws_vpc.v: the type aws_vpc is not supported");
    expect(error.problem).toContain("cloud/consul_intention.i: the type consul_intention is not supported");
    expect(error.fix).toContain("Terraform");
    expect(await ask("nomad", "/v1/job/api")).toBeUndefined();
    expect(existsSync(app.stateDir)).toBe(false);
  });

  test("lists all that Nomad's own validation objects to before anything is applied", async () => {
    const jobs = {
      aimless: { jobspec: '{"ID":"aimless"}', json: true },
      negative: job("negative", { Priority: -5 }),
    };
    const error = await failure(apply({ mesh: mesh(), broken: { resource: { nomad_job: jobs } } }));
    expect(error.problem).toMatch(/broken\/nomad_job.aimless: .*Missing job task groups/);
    expect(error.problem).toMatch(/broken\/nomad_job.negative: .*priority/);
    expect(await ask("nomad", "/v1/job/api")).toBeUndefined();
  });

  test("waits for the deployment of a job that asks for it", async () => {
    const Update = { HealthCheck: "task_states", MinHealthyTime: 1e8, HealthyDeadline: 20e9, ProgressDeadline: 30e9 };
    const patient = { ...job("patient", { Update }), detach: false };
    await apply({ mesh: { resource: { nomad_job: { patient } } } });
    // How far it is at the first look is up to the machine; that it succeeds is not.
    expect(progress).toContainEqual(expect.stringMatching(/^job patient: group [01]\/1 healthy$/));
    expect(await ask("nomad", "/v1/job/patient/deployment")).toMatchObject({ Status: "successful" });
  }, 60_000);

  const quick = { MinHealthyTime: 1e8, HealthyDeadline: 3e9, ProgressDeadline: 4e9 };
  /** A job that is waited for, and whose deployment fails within seconds unless its task runs. */
  const waited = (id: string, command: string, more: object = {}) => ({
    ...job(id, { Update: { HealthCheck: "task_states", ...quick, ...more }, command }),
    detach: false,
  });

  test("shows what a task of a job that cannot be deployed wrote, and makes another job of one that never ran", async () => {
    const stacks = {
      mesh: { resource: { nomad_job: { failing: waited("failing", "echo no such wheel >&2; exit 3") } } },
    };
    const error = await failure(apply(stacks));
    expect(error.problem).toMatch(/^mesh\/nomad_job.failing: The deployment of job failing has the status failed/);
    expect(error.problem).toMatch(/task sleep is \w+\n.*Terminated: Exit Code: 3/s);
    expect(error.problem).toContain("stderr: no such wheel");
    const { JobModifyIndex } = (await ask("nomad", "/v1/job/failing")) as { JobModifyIndex: number };
    expect((await failure(apply(stacks))).problem).toMatch(/has the status failed/);
    // Terraform calls it tainted: it removes the job and makes it again.
    expect(await ask("nomad", "/v1/job/failing")).toMatchObject({ Version: 0 });
    expect(((await ask("nomad", "/v1/job/failing")) as { JobModifyIndex: number }).JobModifyIndex).toBeGreaterThan(
      JobModifyIndex,
    );
    const better = { mesh: { resource: { nomad_job: { failing: waited("failing", "exec sleep 1000") } } } };
    expect(await apply(better)).toMatchObject({ updated: ["mesh/nomad_job.failing"] });
    expect(await apply(better)).toMatchObject({ unchanged: ["mesh/nomad_job.failing"] });
  }, 60_000);

  test("shows what a failing check says soon after Nomad has given up, and leaves an update that failed to itself", async () => {
    const Checks = [{ Name: "answers", Type: "tcp", Interval: 1e9, Timeout: 1e9 }];
    const group = (command: string) => {
      const { TaskGroups } = JSON.parse(job("checked", { command }).jobspec) as { TaskGroups: object[] };
      const Services = [{ Name: "checked", PortLabel: "http", Provider: "consul", Checks }];
      return TaskGroups.map((it) => ({ ...it, Networks: [{ DynamicPorts: [{ Label: "http" }] }], Services }));
    };
    const checked = (command: string) => {
      const jobspec = { ID: "checked", Update: { HealthCheck: "checks", ...quick }, TaskGroups: group(command) };
      const body = { jobspec: escapeTemplate(JSON.stringify(jobspec)), json: true, detach: false };
      return { mesh: { resource: { nomad_job: { checked: body } } } };
    };
    const server = 'require("net").createServer().listen(process.env.NOMAD_PORT_http)';
    await apply(checked(`exec '${process.execPath}' -e '${server}'`));
    const failed = waitFor(
      "the end of the deployment",
      async () => {
        const { Status } = (await ask("nomad", "/v1/job/checked/deployment")) as { Status: string };
        return Status === "failed" && Date.now();
      },
      { timeoutMs: 30_000 },
    );
    const error = await failure(apply(checked("exec sleep 1000")));
    const told = Date.now();
    expect(error.problem).toMatch(/has the status failed: Failed due to progress deadline/);
    expect(error.problem).toMatch(/answers.*connection refused/);
    expect(told - (await failed)).toBeLessThan(3_000);
    expect(await apply(checked("exec sleep 1000"))).toMatchObject({ unchanged: ["mesh/nomad_job.checked"] });
  }, 60_000);

  test("waits for jobs at once, so that each may need the others", async () => {
    const file = join(app.folder, "begun");
    const resource = {
      nomad_job: {
        a: waited("a", `until [ -e '${file}' ]; do sleep 0.1; done; exec sleep 1000`, { MinHealthyTime: 15e8 }),
        b: waited("b", `touch '${file}'; exec sleep 1000`),
      },
      terraform_data: { last: { input: "1", depends_on: ["nomad_job.a"] } },
    };
    const { created } = await apply({ mesh: { resource } });
    expect(created).toEqual(["mesh/nomad_job.b", "mesh/nomad_job.a", "mesh/terraform_data.last"]);
  }, 60_000);

  test("goes on after a failure with what does not depend on it, and reports all failures", async () => {
    const permitted = { ...anyRequest };
    const resource = {
      consul_config_entry: {
        defaults: entry("service-defaults", "t", tcp),
        refused: intentions("t", permitted, { depends_on: ["consul_config_entry.defaults"] }),
        other: entry("service-defaults", "other", http),
        wrong: entry("service-splitter", "t", { Splits: [{ Weight: 5 }] }),
      },
      terraform_data: {
        after: { input: "1", depends_on: ["consul_config_entry.refused"] },
        later: { input: "1", depends_on: ["terraform_data.after"] },
      },
    };
    const next = { dependencies: ["mesh"], resource: { terraform_data: { next: { input: "1" } } } };
    const error = await failure(apply({ mesh: { resource }, next }));
    expect(error.problem).toMatch(/^2 resources could not be applied:/);
    expect(error.problem).toMatch(
      /mesh\/consul_config_entry.refused: Consul returned status 500: service \\?"t\\?" has protocol/,
    );
    expect(error.problem).toMatch(/mesh\/consul_config_entry.wrong: Consul returned status 500: .*100/);
    expect(error.problem).toMatch(
      /Skipped, because it depends on that: mesh\/terraform_data.after, mesh\/terraform_data.later\.$/,
    );
    expect(progress).toEqual(
      expect.arrayContaining(["created mesh/consul_config_entry.defaults", "created mesh/consul_config_entry.other"]),
    );
    expect(progress.join()).not.toContain("next/");
  });

  test("gives up waiting for a job that no node can run, and says why", async () => {
    const Constraints = [{ LTarget: "${attr.kernel.name}", RTarget: "plan9", Operand: "=" }];
    const homeless = { ...job("homeless", { Constraints }), detach: false, timeouts: { create: "2s" } };
    const error = await failure(apply({ mesh: { resource: { nomad_job: { homeless } } } }));
    expect(error.problem).toMatch(/Timed out after 2 s waiting for the deployment of job homeless/);
    expect(progress.join("\n")).toMatch(/group group cannot be placed on .*\$\{attr.kernel.name\} = plan9/);
  }, 60_000);

  test("applies namespaces before their jobs, and removes them once the jobs have ended", async () => {
    const placed = job("placed", { Namespace: "team" });
    const stack = {
      resource: {
        nomad_namespace: { team: { name: "team", description: "a team", meta: { "a-b": "c" } } },
        nomad_job: { placed: { ...placed, depends_on: ["nomad_namespace.team"] } },
      },
    };
    expect((await apply({ stack })).created).toHaveLength(2);
    expect(await ask("nomad", "/v1/namespace/team")).toMatchObject({ Meta: { "a-b": "c" } });
    const isRunning = async () => JSON.stringify(await ask("nomad", "/v1/job/placed/allocations?namespace=team"));
    await waitFor("the job's task", async () => (await isRunning()).includes('"ClientStatus":"running"'), {
      timeoutMs: 20_000,
    });
    expect((await apply({ stack })).unchanged).toHaveLength(2);
    expect((await destroyStacks(options())).deleted).toHaveLength(2);
    expect(await ask("nomad", "/v1/namespace/team")).toBeUndefined();
  }, 60_000);

  test("applies Consul's access rules, and writes no secret down", async () => {
    const anonymous = "00000000-0000-0000-0000-000000000002";
    const stack = (rules: string) => ({
      resource: {
        consul_acl_policy: { p: { name: "p", rules } },
        consul_acl_role: {
          r: { name: "r", policies: ["${consul_acl_policy.p.id}"], service_identities: [{ service_name: "web" }] },
        },
        consul_acl_token: { t: { description: "for a test", roles: ["${consul_acl_role.r.name}"], local: true } },
        consul_acl_token_policy_attachment: { a: { token_id: anonymous, policy: "${consul_acl_policy.p.name}" } },
        consul_acl_auth_method: {
          m: {
            name: "m",
            type: "jwt",
            config_json: JSON.stringify({
              JWTValidationPubKeys: [publicKey],
              ClaimMappings: { nomad_namespace: "nomad_namespace" },
            }),
          },
        },
        consul_acl_binding_rule: {
          b: {
            auth_method: "${consul_acl_auth_method.m.name}",
            bind_type: "role",
            bind_name: "r-$${value.nomad_namespace}",
          },
        },
      },
    });
    const readers = stack('service "web" { policy = "read" }');
    expect((await apply({ access: readers })).created).toHaveLength(6);
    expect((await apply({ access: readers })).unchanged).toHaveLength(6);

    const state = readFileSync(join(app.stateDir, "offline-state.json"), "utf8");
    const { AccessorID } = /"AccessorID":"(?<AccessorID>[^"]+)"/.exec(state)?.groups ?? {};
    const token = (await ask("consul", `/v1/acl/token/${AccessorID}`)) as { SecretID: string };
    expect(token).toMatchObject({ Roles: [{ Name: "r" }], Local: true });
    expect(state).not.toContain(token.SecretID);
    expect(await ask("consul", `/v1/acl/token/${anonymous}`)).toMatchObject({ Policies: [{ Name: "p" }] });
    expect(await ask("consul", "/v1/acl/binding-rules?authmethod=m")).toMatchObject([
      { BindName: "r-${value.nomad_namespace}" },
    ]);

    expect(await apply({ access: stack('service "web" { policy = "write" }') })).toMatchObject({
      updated: ["access/consul_acl_policy.p"],
      created: [],
      deleted: [],
    });
    expect((await destroyStacks(options())).deleted).toHaveLength(6);
    expect(await ask("consul", `/v1/acl/token/${AccessorID}`)).toBeUndefined();
    expect(await ask("consul", `/v1/acl/token/${anonymous}`)).not.toMatchObject({ Policies: [{ Name: "p" }] });
  }, 60_000);

  test("puts in the values of variables, and never repeats a sensitive one", async () => {
    const stack = (policy: string) => ({
      variable: { key: { type: "string", sensitive: true } },
      resource: {
        consul_acl_policy: { p: { name: "p", rules: `key "\${var.key}" { policy = "${policy}" }` } },
      },
    });
    const variables = { key: "hunter2" };
    expect((await failure(apply({ access: stack("read") }))).message).toBe(
      "The variable key must have a value. Set it as TF_VAR_key.",
    );
    const refusal = await failure(apply({ access: stack("nonsense") }, { variables }));
    expect(refusal.problem).toMatch(
      /^access\/consul_acl_policy.p: Consul returned status 500: .*"\(sensitive value\)"/,
    );
    expect(refusal.message).not.toContain("hunter2");
    await apply({ access: stack("read") }, { variables });
    expect(await ask("consul", "/v1/acl/policy/name/p")).toMatchObject({ Rules: 'key "hunter2" { policy = "read" }' });
    expect((await apply({ access: stack("read") }, { variables })).unchanged).toHaveLength(1);
    expect((await apply({ access: stack("read") }, { variables: { key: "other" } })).updated).toHaveLength(1);
    expect(readFileSync(join(app.stateDir, "offline-state.json"), "utf8")).not.toMatch(/hunter2|other/);
  }, 60_000);

  test("registers external services", async () => {
    const stack = (port: number) => ({
      resource: {
        consul_node: { n: { name: "outside", address: "192.0.2.1", meta: { "external-node": "true" } } },
        consul_service: {
          s: {
            name: "db",
            node: "${consul_node.n.name}",
            port,
            check: [{ check_id: "db", name: "tcp", tcp: "192.0.2.1:5432", interval: "10s", timeout: "2s" }],
          },
        },
      },
    });
    expect((await apply({ outside: stack(5432) })).created).toHaveLength(2);
    expect((await apply({ outside: stack(5432) })).unchanged).toHaveLength(2);
    expect(await ask("consul", "/v1/catalog/service/db")).toMatchObject([
      { Node: "outside", ServiceAddress: "192.0.2.1", ServicePort: 5432 },
    ]);
    expect(await apply({ outside: stack(5433) })).toMatchObject({ updated: ["outside/consul_service.s"] });
    expect((await destroyStacks(options())).deleted).toHaveLength(2);
    expect(await ask("consul", "/v1/catalog/service/db")).toEqual([]);
  }, 60_000);

  test("leaves the status of the check of an external service to what runs the check, and replaces the instance for another check", async () => {
    const stack = (healthCheck: ExternalHealthCheck, tag: string) => {
      const made = new TestStack();
      const props = { address: "192.0.2.1", port: 5432, plaintext: "It is a test.", healthCheck, tags: [tag] };
      new ServiceMesh(made, "mesh").addExternalService("db", props);
      return { outside: JSON.parse(Testing.synth(made)) as StackJson };
    };
    const tcp = ExternalHealthCheck.tcp();
    const checks = async () => (await ask("consul", "/v1/health/node/external-db")) as Record<string, unknown>[];
    await apply(stack(tcp, "a"));
    const [check] = await checks();
    expect(check).toMatchObject({ Status: "passing", Definition: { TCP: "192.0.2.1:5432" } });
    // What Consul says of a check is more than it takes.
    const Check = { ...check, Interval: undefined, Timeout: undefined, Status: "critical", Output: "Refused" };
    await ask("consul", "/v1/txn", "PUT", [{ Check: { Verb: "cas", Check } }]);
    expect(await checks()).toMatchObject([{ Status: "critical" }]);

    expect(await apply(stack(tcp, "a"))).toMatchObject({ created: [], updated: [] });
    expect((await apply(stack(tcp, "b"))).updated).toEqual(["outside/consul_service.external-db_db"]);
    expect(await ask("consul", "/v1/catalog/service/db")).toMatchObject([{ ServiceTags: ["b"] }]);
    expect(await checks()).toMatchObject([{ Status: "critical", Output: "Refused" }]);

    expect((await apply(stack(ExternalHealthCheck.http("/"), "b"))).updated).toHaveLength(1);
    expect(await checks()).toMatchObject([{ Status: "passing", Definition: { HTTP: "http://192.0.2.1:5432/" } }]);
    await destroyStacks(options());
  }, 60_000);

  test("changes the certificate authority of the mesh, and leaves it to Consul when it is destroyed", async () => {
    const stack = (props: Omit<MeshCertificateAuthorityProps, "provider">) => {
      const made = new TestStack();
      new MeshCertificateAuthority(made, "ca", { provider: CaProvider.consul(), ...props });
      return { ca: JSON.parse(Testing.synth(made)) as StackJson };
    };
    const roots = async () =>
      (await ask("consul", "/v1/agent/connect/ca/roots")) as { readonly Roots: readonly object[] };
    const before = await roots();
    const day = { leafCertTtl: "24h" };
    expect((await apply(stack(day))).updated).toEqual(["ca/consul_certificate_authority.certificate-authority"]);
    expect((await apply(stack(day))).unchanged).toHaveLength(1);
    expect(await ask("consul", "/v1/connect/ca/configuration")).toMatchObject({ Config: { LeafCertTTL: "24h0m0s" } });
    expect(await roots()).toEqual(before);
    expect((await apply(stack({ ...day, privateKeyType: "rsa" }))).updated).toHaveLength(1);
    expect((await roots()).Roots).toHaveLength(before.Roots.length + 1);
    expect((await destroyStacks(options())).deleted).toHaveLength(1);
    expect(await ask("consul", "/v1/connect/ca/configuration")).toMatchObject({ Config: { PrivateKeyType: "rsa" } });
  }, 60_000);

  test("says which engine does not answer, and where", async () => {
    const endpoints = { ...agents.endpoints, consul: { address: "http://127.0.0.1:1" } };
    const error = await failure(apply({ mesh: mesh() }, { endpoints }));
    expect(error.problem).toMatch(/Consul does not answer at http:\/\/127.0.0.1:1: .*ECONNREFUSED/);
  });

  test("refuses a token that is not good enough, and says what to give", async () => {
    const consul = { ...agents.endpoints.consul, token: "11111111-2222-3333-4444-555555555555" };
    const error = await failure(apply({ mesh: mesh() }, { endpoints: { ...agents.endpoints, consul } }));
    expect(error.message).toMatch(/mesh\/consul_config_entry.defaults: Consul returned status 403: .*not found/);
    expect(error.fix).toMatch(/Use a token/);
  });
});

const hasTerraform = findProgram("terraform") !== undefined || findProgram("tofu") !== undefined;

(hasTerraform ? describe : describe.skip)("Terraform", () => {
  const terraformConfig = process.env.TF_CLI_CONFIG_FILE;

  beforeEach(() => {
    // A mirror that holds nothing: no provider can be installed, whatever this machine can reach.
    const file = join(app.folder, "terraformrc");
    const mirror = { filesystem_mirror: [{ path: app.folder }] };
    writeFileSync(file, JSON.stringify({ provider_installation: [mirror] }));
    process.env.TF_CLI_CONFIG_FILE = file;
  });

  afterAll(() => {
    process.env.TF_CLI_CONFIG_FILE = terraformConfig;
  });

  const unavailable = {
    ...mesh(),
    terraform: { required_providers: { nomad: { source: "nomad", version: "2.5.2" } } },
    provider: { nomad: [{ address: "http://production.example:4646" }] },
  };

  test("that cannot install its providers gives way to the offline apply, with the reason", async () => {
    const result = await apply({ mesh: unavailable }, { engine: "auto" });
    expect(result).toMatchObject({ engine: "offline", created: meshAddresses });
    expect(result.reason).toMatch(/^Terraform cannot be used here: .*hashicorp\/(nomad|consul).*\.$/);
    expect(progress).toContain(result.reason);
    expect(await apply({ mesh: unavailable }, { engine: "auto" })).toMatchObject({
      reason: "These stacks were applied offline before.",
      unchanged: meshAddresses,
    });
    expect((await failure(apply({ mesh: unavailable }, { engine: "terraform" }))).message).toMatch(
      /applied with --engine offline.* Use --engine offline, or remove the lab first/,
    );
  }, 60_000);

  test("that is insisted on and cannot install its providers says so in its own words", async () => {
    const error = await failure(apply({ mesh: unavailable }, { engine: "terraform" }));
    expect(error.problem).toMatch(
      /`(terraform|tofu) init` failed for the stack mesh:\s+Error: Failed to \w+ .*provider/,
    );
    expect(error.fix).toMatch(/registry or a mirror/);
    expect(await ask("nomad", "/v1/job/api")).toBeUndefined();
  });

  test("that is not on PATH gives way to the offline apply", async () => {
    const { PATH } = process.env;
    process.env.PATH = app.folder;
    try {
      expect(await apply({ mesh: mesh() }, { engine: "auto" })).toMatchObject({
        reason: "Neither terraform nor tofu is on PATH.",
      });
      await destroyStacks(options());
      const error = await failure(apply({ mesh: mesh() }, { engine: "terraform" }));
      expect(error.problem).toBe("Neither terraform nor tofu is on PATH.");
    } finally {
      process.env.PATH = PATH;
    }
  });

  // Terraform's own resource needs no provider, so the whole way is tried without one.
  const remembering = (input: string, more: object = {}) => ({
    terraform: { backend: { s3: { bucket: "somebody-elses", key: "state", region: "eu-west-1" } } },
    resource: { terraform_data: { kept: { input: "kept" }, edited: { input }, ...more } },
    output: { edited: { value: "${terraform_data.edited.output}" } },
  });
  const reader = {
    dependencies: ["first"],
    data: {
      terraform_remote_state: {
        "cross-stack-reference-input-first": { backend: "local", config: { path: "/nowhere/first.tfstate" } },
      },
    },
    resource: {
      terraform_data: {
        copy: { input: "${data.terraform_remote_state.cross-stack-reference-input-first.outputs.edited}" },
      },
    },
  };

  test("applies stacks in their order, a second time without a difference, and writes only to the state folder", async () => {
    const first = remembering("one", { vanishing: { input: 1 } });
    expect(await apply({ second: reader, first }, { engine: "auto" })).toEqual({
      ...{ engine: "terraform", reason: undefined, updated: [], unchanged: [], deleted: [] },
      created: ["edited", "kept", "vanishing"]
        .map((name) => `first/terraform_data.${name}`)
        .concat("second/terraform_data.copy"),
    });
    expect(progress).toContain("created second/terraform_data.copy");
    expect(readdirSync(join(app.outDir, "stacks", "first"))).toEqual(["cdk.tf.json"]);
    expect(await apply({ second: reader, first }, { engine: "auto" })).toMatchObject({
      created: [],
      updated: [],
      deleted: [],
      unchanged: [
        ...["edited", "kept", "vanishing"].map((name) => `first/terraform_data.${name}`),
        "second/terraform_data.copy",
      ],
    });

    expect(await apply({ second: reader, first: remembering("two") }, { engine: "terraform" })).toMatchObject({
      updated: ["first/terraform_data.edited", "second/terraform_data.copy"],
      unchanged: ["first/terraform_data.kept"],
      deleted: ["first/terraform_data.vanishing"],
    });
    expect(await apply({ first: remembering("two") }, { engine: "auto" })).toMatchObject({
      deleted: ["second/terraform_data.copy"],
      unchanged: ["first/terraform_data.edited", "first/terraform_data.kept"],
    });
    expect((await failure(apply({ mesh: mesh() }))).message).toMatch(/applied with --engine terraform/);

    expect(await destroyStacks(options())).toMatchObject({
      engine: "terraform",
      deleted: ["first/terraform_data.edited", "first/terraform_data.kept"],
    });
    expect(readdirSync(app.stateDir)).toEqual([]);
  }, 60_000);

  test("is given the values of variables by its environment", async () => {
    const stack = {
      variable: { who: { type: "string" } },
      resource: { terraform_data: { kept: { input: "${var.who}" } } },
      output: { who: { value: "${terraform_data.kept.output}" } },
    };
    const variables = { who: 'it\'s "me"\n$HOME' };
    await apply({ first: stack }, { engine: "terraform", variables });
    const state = readFileSync(join(app.stateDir, "terraform", "first", "terraform.tfstate"), "utf8");
    expect(JSON.parse(state)).toMatchObject({ outputs: { who: { value: variables.who } } });
    const missing = await failure(apply({ first: stack }, { engine: "terraform" }));
    expect(missing.problem).toMatch(/No value for required variable.*"who"/s);
    await destroyStacks(options({ engine: "terraform", variables }));
  }, 60_000);

  test("is interrupted in good order, so that the apply can be repeated", async () => {
    const slow = {
      fast: { input: 1 },
      slow: {
        input: 1,
        provisioner: [{ "local-exec": { command: "sleep 100" } }],
        depends_on: ["terraform_data.fast"],
      },
    };
    const controller = new AbortController();
    const reason = new Error("stopped by the test");
    const onProgress = (line: string) => {
      if (line === "created first/terraform_data.fast") controller.abort(reason);
    };
    const interrupted = apply(
      { first: remembering("one", slow) },
      { engine: "auto", signal: controller.signal, onProgress },
    );
    await expect(interrupted).rejects.toBe(reason);
    const { fast } = slow;
    expect((await apply({ first: remembering("one", { fast }) }, { engine: "auto" })).unchanged).toContain(
      "first/terraform_data.fast",
    );
  }, 60_000);

  test("is never let loose on anything but Consul and Nomad", async () => {
    const error = await failure(apply({ cloud: { resource: { aws_vpc: { v: {} } } } }, { engine: "auto" }));
    expect(error.problem).toMatch(/only Consul and Nomad, but these stacks need more:\s+cloud: aws_vpc/);
  });
});

/** Of a key pair that nobody keeps. */
const publicKey = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEvrHR6FLcG1zkcZ31PqH3W7q4fHIr
Xd1jdHPpltlwUE8O5MRT5Byq0JWJFURa5VZSx17QQugDN4efPDrXopXGHg==
-----END PUBLIC KEY-----`;
