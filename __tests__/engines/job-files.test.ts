import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { nomad } from "../../constructs";
import { ensureEngines } from "../../lab/machine/engines/ensure-engines";
import { JOB_FILES } from "../nomad/job-files";
import { startDevAgents, type DevAgents } from "../support/dev-agents";
import { run } from "../support/lab";
import { readStack, synthMesh, type SynthesizedStack } from "../support/synth";

jest.setTimeout(120_000);

const FOLDER = join(__dirname, "..", "nomad", "job-files");

let agents: DevAgents;
let program: string;

beforeAll(async () => {
  const engines = await ensureEngines();
  program = engines.nomad.path;
  // A Vault that is never there: Nomad refuses jobs that use one where it knows of none.
  agents = await startDevAgents(engines, { vault: { enabled: true, address: "http://127.0.0.1:9" } });
  // Only what Nomad makes of the jobs is of interest: none of them is to run.
  const [node] = await ask<{ readonly ID: string }[]>("GET", "/v1/nodes");
  await ask("POST", `/v1/node/${node.ID}/eligibility`, { Eligibility: "ineligible" });
  await ask("PUT", "/v1/namespace/shop", { Name: "shop" });
  await ask("PUT", "/v1/node/pool/storage", { Name: "storage" });
}, 20 * 60_000);

afterAll(() => agents.stop());

async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await fetch(`${agents.endpoints.nomad.address}${path}`, { method, body: JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) {
    throw new Error(`Nomad answers ${method} ${path} with ${answer.status}: ${text}`);
  }
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

/** The job as `nomad job run` sends it. */
async function read(file: string): Promise<nomad.Job> {
  const { code, output } = await run(program, ["job", "run", "-output", file], {
    env: { NOMAD_ADDR: agents.endpoints.nomad.address },
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
  await ask("PUT", `/v1/jobs?namespace=${namespace}`, { Job: job });
  const registered = await ask<nomad.Job>("GET", path);
  // Stopped and not purged: Nomad's server ends with a nil pointer when a plan is applied for a job that is gone by then.
  await ask("DELETE", path);
  return { ...without(registered, OF_REGISTRATION), TaskGroups: registered.TaskGroups?.map(withoutWays) };
}

/** A group without what Nomad stores of the ways in which the same may be written. */
function withoutWays(group: nomad.TaskGroup): unknown {
  return {
    ...group,
    // It has an id of each registration.
    Scaling: group.Scaling && without(group.Scaling, ["ID", "CreateIndex", "ModifyIndex"]),
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

describe("meshform import", () => {
  const folders = [join("__tests__", "nomad", "job-files"), join("__tests__", "import", "job-files")];
  const files = folders.flatMap((path) =>
    readdirSync(path)
      .filter((name) => name.endsWith(".nomad.hcl"))
      .map((name) => join(path, name)),
  );
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

async function succeed(file: string, args: readonly string[], env: Record<string, string> = {}): Promise<void> {
  const { code, output } = await run(file, args, { env });
  expect({ code, output: code === 0 ? "" : output }).toEqual({ code: 0, output: "" });
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
