import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, CLI } from "../support/lab";
import { documentedFields, expectDocumented, jsonOf } from "../support/json-output";

// Each test starts processes of its own, which take their time on a loaded machine.
jest.setTimeout(120_000);

const root = join(__dirname, "..", "..");
const folder = mkdtempSync(join(tmpdir(), "meshform-json-"));
const closed = { CONSUL_HTTP_ADDR: "http://127.0.0.1:1", NOMAD_ADDR: "http://127.0.0.1:1" };
const none = ["--name", "never-made"];

afterAll(() => {
  rmSync(folder, { recursive: true });
});

test("the documentation lists the commands that have --json", async () => {
  const { output } = await run(process.execPath, [CLI, "--help"]);
  const names = [...output.matchAll(/^ {2}(\w+) .*\S {2,}\S/gm)].map(([, name]) => name);
  const documented = Object.keys(documentedFields());
  expect(names).toEqual(expect.arrayContaining(documented));
  const without = ["init", "exec", "connect", "complete", "help"];
  expect(names.filter((it) => !documented.includes(it)).sort()).toEqual(without.sort());
});

describe("prints a result as JSON, and nothing else to standard output", () => {
  test.each<[string, readonly string[], number]>([
    ["check", [], 1],
    ["checks", [], 0],
    ["diff", ["--base", "HEAD"], 0],
    ["doctor", [], 0],
    ["down", none, 0],
    ["explain", ["count-dashboard", "count-api"], 0],
    ["graph", ["--format", "mermaid", "--output", join(folder, "graph")], 0],
    ["status", none, 1],
  ])("%s", async (command, args, code) => {
    const outcome = await jsonOf([command, ...args], { cwd: root, env: closed });
    // What a machine has decides it.
    if (command !== "doctor") expect(outcome.code).toBe(code);
    expect(outcome.json).not.toHaveProperty("error");
    expectDocumented(command, outcome.json);
  });

  test("list", async () => {
    const { code, json } = await jsonOf(["list"]);
    expect(code).toBe(0);
    for (const lab of json as object[]) expectDocumented("list", lab);
  });
});

describe("prints an error as JSON, with the same exit code as without", () => {
  test.each<[string, readonly string[], number, RegExp]>([
    ["checks", ["--app", "absent.ts"], 1, /^The app .*absent\.ts does not exist\.$/],
    ["diff", ["--base", "absent"], 1, /^absent is neither a revision of this repository nor a directory\.$/],
    ["disconnect", ["a", "b", ...none], 1, /^There is no lab never-made\.$/],
    ["env", none, 1, /^There is no lab never-made\.$/],
    ["explain", ["absent", "count-api"], 1, /^Unknown service absent\.$/],
    ["graph", ["--live", ...none], 1, /^There is no lab never-made\.$/],
    ["health", none, 1, /^There is no lab never-made\.$/],
    ["import", [], 1, /^No job file is given\.$/],
    ["logs", ["count-api", ...none], 1, /^There is no lab never-made\.$/],
    ["up", ["--app", "absent.ts"], 1, /^The app .*absent\.ts does not exist\.$/],
    ["up", ["--watch"], 2, /^option '--json' cannot be used with option '--watch'$/],
    ["explain", ["count-api"], 2, /^missing required argument 'destination'$/],
  ])("%s %j", async (command, args, code, problem) => {
    const outcome = await jsonOf([command, ...args], { cwd: root });
    expect(outcome.code).toBe(code);
    const { error } = outcome.json as { error: { problem: string; fix?: string } };
    expect(error.problem).toMatch(problem);
    expect(outcome.stderr).toContain(error.problem);
    if (code === 1) expect(outcome.stderr).toContain(error.fix);
  });

  test("an app that fails", async () => {
    const app = join(folder, "broken.ts");
    writeFileSync(app, `console.log("from the app");\nthrow new Error("broken");\n`);
    const { code, json } = await jsonOf(["checks", "--app", app]);
    expect(code).toBe(1);
    expect(json).toMatchObject({ error: { problem: expect.stringContaining("broken.ts:2") as string } });
  });
});

test("what belongs to the command of exec is not the option of meshform", async () => {
  const { code, output } = await run(process.execPath, [CLI, "exec", "client-1", ...none, "--", "echo", "--json"]);
  expect(code).toBe(1);
  expect(output).toMatch(/^Host client-1 of lab never-made is not running\./);
});
