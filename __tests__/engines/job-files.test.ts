import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { consul, nomad } from "../../constructs";
import { readJobFiles } from "../../import/read-job-files";
import { withoutNulls } from "../../import/values";
import { enginesOfEnvironment } from "../../lab/cluster/engines-of-environment";
import { ensureEngines } from "../../lab/machine/engines/ensure-engines";
import { JOB_FILES } from "../nomad/job-files";
import { startAgents } from "../support/agents-of-profile";
import type { DevAgents } from "../support/dev-agents";
import { IMPORTED_ENTRIES } from "../support/imported-entries";
import { run } from "../support/lab";
import { readStack, synthMesh, type SynthesizedStack } from "../support/synth";

jest.setTimeout(120_000);

const FOLDER = join(__dirname, "..", "nomad", "job-files");

let agents: DevAgents;
let program: string;
let apis: ReturnType<typeof enginesOfEnvironment>;

beforeAll(async () => {
  const engines = await ensureEngines();
  program = engines.nomad.path;
  // A Vault that is never there: Nomad refuses jobs that use one where it knows of none.
  agents = await startAgents(engines, { vault: { enabled: true, address: "http://127.0.0.1:9" } });
  apis = enginesOfEnvironment(env());
  // Only what Nomad makes of the jobs is of interest: none of them is to run.
  const [node] = (await apis.nomad.get("/v1/nodes")) as { readonly ID: string }[];
  await apis.nomad.post(`/v1/node/${node.ID}/eligibility`, { Eligibility: "ineligible" });
  await apis.nomad.put("/v1/namespace/shop", { Name: "shop" });
  await apis.nomad.put("/v1/node/pool/storage", { Name: "storage" });
}, 20 * 60_000);

afterAll(() => agents.stop());

/** The variables with which the engines' own commands reach the agents. */
function env(): Record<string, string> {
  const { consul, nomad } = agents.endpoints;
  return {
    ...{ CONSUL_HTTP_ADDR: consul.address, CONSUL_HTTP_TOKEN: consul.token ?? "" },
    ...{ NOMAD_ADDR: nomad.address, NOMAD_TOKEN: nomad.token ?? "", NOMAD_CACERT: nomad.caFile ?? "" },
  };
}

/** The job as `nomad job run` sends it. */
async function read(file: string): Promise<nomad.Job> {
  const { code, output } = await run(program, ["job", "run", "-output", file], {
    env: env(),
  });
  expect({ code, output: code === 0 ? "" : output }).toEqual({ code: 0, output: "" });
  return (JSON.parse(output) as { readonly Job: nomad.Job }).Job;
}

/** What Nomad says of a registration, not of the job. */
const OF_REGISTRATION = [
  "CreateIndex",
  "JobModifyIndex",
  "ModifyIndex",
  "Stable",
  "Status",
  "StatusDescription",
  "SubmitTime",
  "Version",
];

/** What Nomad stores of a job: its defaults filled in, and the Envoys that it adds. */
async function stored(job: nomad.Job): Promise<unknown> {
  const namespace = job.Namespace ?? "default";
  const path = `/v1/job/${job.ID}?namespace=${namespace}`;
  await apis.nomad.put(`/v1/jobs?namespace=${namespace}`, { Job: job });
  const registered = (await apis.nomad.get(path)) as nomad.Job;
  // Stopped and not purged: Nomad's server ends with a nil pointer when a plan is applied for a job that is gone by then.
  await apis.nomad.delete(path);
  return { ...without(registered, OF_REGISTRATION), TaskGroups: registered.TaskGroups?.map(withoutWays) };
}

/** A group without what Nomad stores of the ways in which the same may be written. */
function withoutWays(group: nomad.TaskGroup): unknown {
  return {
    ...group,
    // It has an id of each registration.
    Scaling: group.Scaling && without(group.Scaling, ["ID", "CreateIndex", "ModifyIndex"]),
    // The constructs add metadata by which Nomad replaces an Envoy. No file has it.
    Tasks: group.Tasks?.map((task) => {
      const meta = without(task.Meta ?? {}, ["envoy_start", "transparent_proxy"]);
      return { ...task, Meta: hasValue(meta) ? meta : null };
    }),
    Services: group.Services?.map(({ Connect, ...service }) => ({
      ...service,
      Connect: Connect && {
        ...Connect,
        // Nomad has added the Envoy as a task by then: that, and not the block with what to make of it, is what runs.
        SidecarTask: undefined,
        // A block in which nothing is set is the same as none.
        SidecarService: Connect.SidecarService && {
          ...Connect.SidecarService,
          Proxy: hasValue(Connect.SidecarService.Proxy) ? Connect.SidecarService.Proxy : undefined,
        },
      },
    })),
  };
}

function without(fields: object, names: readonly string[]): object {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}

function hasValue(block: object | null | undefined): boolean {
  return Object.values(block ?? {}).some((value) => value !== null && value !== "" && value !== 0);
}

test("each file has its constructs, none of which has an override", () => {
  const files = readdirSync(FOLDER).filter((file) => file !== "index.ts");
  expect(files).toEqual(JOB_FILES.flatMap(({ name }) => [`${name}.nomad.hcl`, `${name}.ts`]));
  for (const file of files.filter((each) => each.endsWith(".ts"))) {
    expect(readFileSync(join(FOLDER, file), "utf8")).not.toMatch(/\boverride\b|serviceOverride/);
  }
});

test.each(JOB_FILES.map((each) => [each.name, each] as const))(
  "%s: the constructs render the job of the file",
  async (name, { job, add }) => {
    const { jobs } = synthMesh(add);
    expect(await stored(jobs[job])).toEqual(await stored(await read(join(FOLDER, `${name}.nomad.hcl`))));
  },
);

const FILES = [join("__tests__", "nomad", "job-files"), join("__tests__", "import", "job-files")].flatMap((path) =>
  readdirSync(path)
    .filter((name) => name.endsWith(".nomad.hcl"))
    .map((name) => join(path, name)),
);

describe("meshform import", () => {
  const files = FILES;
  const golden = join("__tests__", "import", "imported.ts");
  const folder = mkdtempSync(join(tmpdir(), "meshform-import-"));
  const app = join(folder, "imported.ts");
  let jobs: SynthesizedStack["jobs"];

  beforeAll(async () => {
    await succeed(process.execPath, ["cli/meshform.mjs", "import", ...files, "--out", app]);
    await succeed(process.execPath, [require.resolve("tsx/cli"), app], { CDKTF_OUTDIR: folder });
    jobs = readStack(folder, "mesh").jobs;
  });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  test.each(files.map((file) => [basename(file), file]))("%s: the app renders the job of the file", async (_, file) => {
    const job = await read(file);
    expect(withoutWaysOfImport(await stored(jobs[job.ID ?? ""]))).toEqual(withoutWaysOfImport(await stored(job)));
  });

  // The compiler and the linter check that one with the rest of the repository. To replace it:
  // npm run import -- __tests__/nomad/job-files/*.hcl __tests__/import/job-files/*.hcl --out __tests__/import/imported.ts --force
  test("the app is the one in the repository", () => {
    expect(readFileSync(app, "utf8")).toBe(readFileSync(golden, "utf8"));
  });

  test("reports what is wrong with all files at once, with file and line, and writes nothing", async () => {
    const broken = { "one.nomad.hcl": 'job "one" {\n  typo = 1\n}\n', "two.nomad.hcl": 'job "two" {\n' };
    const paths = Object.entries(broken).map(([name, text]) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    });
    const out = join(folder, "none.ts");
    const arguments_ = ["cli/meshform.mjs", "import", files[0], ...paths, join(folder, "none.hcl"), "--out", out];
    const { code, output } = await run(process.execPath, arguments_);
    expect(code).toBe(1);
    expect(output).toContain(`${paths[0]}:2,3-7: Unsupported argument; An argument named "typo" is not expected here.`);
    expect(output).toContain(`${paths[1]}:1,11-12: Unclosed configuration block`);
    expect(output).toContain(
      `${join(folder, "none.hcl")}: There is no such file.\nFix the files. Nothing was written.`,
    );
    expect(existsSync(out)).toBe(false);
  });

  test("ends for the reason for which it is stopped, which is no defect", async () => {
    const reason = new Error("stopped");
    const stopped = readJobFiles([files[0]], { values: [], files: [] }, AbortSignal.abort(reason));
    await expect(stopped).rejects.toBe(reason);
  });

  test("replaces a file only with --force", async () => {
    const before = readFileSync(app, "utf8");
    const import_ = ["cli/meshform.mjs", "import", files[0], "--out", app];
    expect(await run(process.execPath, import_)).toEqual({
      code: 1,
      output: `${app} exists.\nName another file with --out, or use --force.\n`,
    });
    expect(readFileSync(app, "utf8")).toBe(before);
    await succeed(process.execPath, [...import_, "--force"]);
    expect(readFileSync(app, "utf8")).toContain('mesh.addJob("cart"');
    expect(readdirSync(folder).filter((name) => name.endsWith(".partial"))).toEqual([]);
  });

  test("the files are at least twelve, and no job is left over", () => {
    expect(files.length).toBeGreaterThanOrEqual(12);
    expect(Object.keys(jobs)).toHaveLength(files.length);
  });
});

describe("meshform import --from-cluster", () => {
  const folder = mkdtempSync(join(tmpdir(), "meshform-import-"));
  const golden = join("__tests__", "import", "imported-cluster.ts");
  type Registered = nomad.Job & { readonly Version: number };
  /** The jobs as Nomad stores them, without what differs at each registration. */
  const registered = new Map<string, Registered>();
  let synthesized: SynthesizedStack;

  async function importJobs(out: string, ...args: readonly string[]): Promise<void> {
    const all = ["cli/meshform.mjs", "import", "--from-cluster", ...args, "--out", out];
    const outcome = await run(process.execPath, all, { env: env() });
    expect({ ...outcome, output: outcome.code === 0 ? "" : outcome.output }).toEqual({ code: 0, output: "" });
  }

  const pathOf = ({ ID = "", Namespace }: nomad.Job, rest = "") =>
    `/v1/job/${ID}${rest}?namespace=${Namespace ?? "default"}`;

  beforeAll(async () => {
    for (const [index, file] of FILES.entries()) {
      const job = await read(file);
      const Namespace = job.Namespace ?? "default";
      const sources = [
        { Source: readFileSync(file, "utf8"), Format: "hcl2" },
        { Source: JSON.stringify({ Job: job }), Format: "json" },
        undefined,
      ];
      await apis.nomad.put(`/v1/jobs?namespace=${Namespace}`, { Job: job, Submission: sources[index % 3] });
      registered.set(job.ID ?? "", (await apis.nomad.get(pathOf(job))) as Registered);
    }
    for (const entry of IMPORTED_ENTRIES) expect(await apis.consul.put("/v1/config", entry)).toBe(true);
    const app = join(folder, "imported.ts");
    await importJobs(app);
    await succeed(process.execPath, [require.resolve("tsx/cli"), app], { CDKTF_OUTDIR: folder });
    synthesized = readStack(folder, "mesh");
  });

  afterAll(async () => {
    for (const job of registered.values()) await apis.nomad.delete(pathOf(job));
    rmSync(folder, { recursive: true });
  });

  // Whether Nomad has the text of the file, the JSON that Terraform sends, or only what it stores.
  test.each(FILES.map((file) => [basename(file), file]))("%s: Nomad plans no change of what runs", async (_, file) => {
    const { ID = "" } = await read(file);
    const Job = { Region: "global", ...synthesized.jobs[ID] };
    const planned = await apis.nomad.put(pathOf(Job, "/plan"), { Job, Diff: true });
    const { Diff } = planned as { readonly Diff: JobDiff };
    expect(changesOf(Diff).filter((change) => !SPELLINGS.some((it) => it.test(change)))).toEqual([]);
  });

  test("the app has each config entry as Consul has it, and none that Consul lacks but service-defaults", async () => {
    const stored = new Map<string, object>();
    for (const kind of new Set(IMPORTED_ENTRIES.map(({ Kind }) => Kind))) {
      const entries = withoutNulls(await apis.consul.get(`/v1/config/${kind}`));
      // For Terraform's provider, a field without a value is the same as none.
      for (const entry of entries as { readonly Name?: string }[]) {
        const { Name = "mesh" } = entry;
        const content = without({ ...entry, Name }, ["CreateIndex", "ModifyIndex", "Hash", "Status"]);
        stored.set(`${kind}/${Name}`, content);
      }
    }
    const added = Object.keys(synthesized.entries).filter((key) => !stored.has(key));
    expect(added.filter((key) => !key.startsWith("service-defaults/"))).toEqual([]);
    expect(synthesized.entries["service-defaults/catalogue"]).toMatchObject({ Protocol: "http" });
    for (const [key, entry] of stored) expect(inOrder(synthesized.entries[key])).toEqual(inOrder(entry));
  });

  test("Terraform imports each object at the address that it has in the stack", () => {
    const { import: blocks, resource = {} } = synthesized.terraform as {
      readonly import: readonly { readonly to: string; readonly id: string }[];
      readonly resource?: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>;
    };
    const ids = blocks.map(({ to, id }) => {
      const [type, name] = to.split(".");
      const { kind, name: own, jobspec } = resource[type][name];
      if (type === "consul_config_entry") return [id, `${String(kind)}/${String(own)}`];
      const { ID, Namespace = "default" } = JSON.parse(String(jobspec)) as nomad.Job;
      return [id, `${ID}@${Namespace}`];
    });
    expect(ids.filter(([id, own]) => id !== own)).toEqual([]);
    expect(ids).toHaveLength(FILES.length + IMPORTED_ENTRIES.length);
  });

  // The compiler and the linter check that one with the rest of the repository.
  test("named jobs have only the entries of their services, and the app is the one in the repository", async () => {
    const app = join(folder, "named.ts");
    await importJobs(app, "shop", "catalogue", "accounts", "tour");
    expect(readFileSync(app, "utf8")).toBe(readFileSync(golden, "utf8"));
  });

  test("says which job does not exist, and what a token does not permit", async () => {
    const out = join(folder, "none.ts");
    const args = ["cli/meshform.mjs", "import", "--from-cluster", "nothing", "--out", out];
    expect(await run(process.execPath, args, { env: env() })).toMatchObject({
      code: 1,
      output: expect.stringContaining("Nomad has no job nothing.\nIts jobs: ") as string,
    });
    const unknown = { ...env(), CONSUL_HTTP_TOKEN: "4f1b3c5e-0000-4000-8000-000000000000" };
    const denied = await run(process.execPath, [...args.slice(0, 3), "--out", out], { env: unknown });
    expect(denied.code).toBe(1);
    expect(denied.output).toContain("Consul does not permit to read /v1/config/");
    expect(denied.output).toContain("Set CONSUL_HTTP_TOKEN to a token with");
    expect(existsSync(out)).toBe(false);
  });
});

async function succeed(file: string, args: readonly string[], env: Record<string, string> = {}): Promise<void> {
  const { code, output } = await run(file, args, { env });
  expect({ code, output: code === 0 ? "" : output }).toEqual({ code: 0, output: "" });
}

/** An entry with its sources in one order, since their order has no meaning. */
function inOrder(entry: object): object {
  const { Sources } = entry as consul.ServiceIntentionsConfigEntry;
  const nameOf = ({ Name = "" }: consul.SourceIntention) => Name;
  const sorted = Sources && [...Sources].sort((one, other) => nameOf(one).localeCompare(nameOf(other)));
  return sorted ? { ...entry, Sources: sorted } : entry;
}

/** What may be written in two ways. */
const SPELLINGS = [
  // The metadata by which Nomad replaces an Envoy.
  /\.Meta\[(?:envoy_start|transparent_proxy)\]: {2}→ /,
  /\.ConsulProxy\.LocalServicePort: {2}→ 0$/,
  /\.ShutdownDelay: {2}→ 0$/,
  /^\.Periodic\.Spec: 15 2 \* \* \* → $/,
  /^\.Periodic\.Specs\.Specs: {2}→ 15 2 \* \* \*$/,
];

interface JobDiff {
  readonly Type: string;
  readonly Name?: string;
  readonly Fields?: readonly {
    readonly Type: string;
    readonly Name: string;
    readonly Old: string;
    readonly New: string;
  }[];
  readonly Objects?: readonly JobDiff[];
  readonly TaskGroups?: readonly JobDiff[];
  readonly Tasks?: readonly JobDiff[];
}

function changesOf(
  { Type, Name = "", Fields, Objects, TaskGroups, Tasks }: JobDiff,
  path: readonly string[] = [],
): string[] {
  if (Type === "None") return [];
  const here = [...path, Name];
  return [
    ...(Fields ?? [])
      .filter((field) => field.Type !== "None")
      .map((field) => `${[...here, field.Name].join(".")}: ${field.Old} → ${field.New}`),
    ...[...(Objects ?? []), ...(TaskGroups ?? []), ...(Tasks ?? [])].flatMap((inner) => changesOf(inner, here)),
  ];
}

/** A stored job without what Nomad stores of three ways in which the same may be written. */
function withoutWaysOfImport(job: unknown): unknown {
  const { TaskGroups = [], Periodic, ...fields } = job as nomad.Job;
  const nameOf = ({ Name = "" }: { readonly Name?: string }) => Name;
  return {
    ...fields,
    // One time, or a list of times.
    Periodic: Periodic && {
      ...Periodic,
      Spec: "",
      Specs: [Periodic.Spec ?? "", ...(Periodic.Specs ?? [])].filter(Boolean),
    },
    TaskGroups: TaskGroups.map((group) => ({
      ...group,
      // No delay, or one of 0.
      ShutdownDelay: group.ShutdownDelay ?? 0,
      // The order of the services of a group.
      Services: group.Services && [...group.Services].sort((one, other) => nameOf(one).localeCompare(nameOf(other))),
    })),
  };
}
