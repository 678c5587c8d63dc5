import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(__dirname, "..", "..");
const app = join(root, "main.ts");

// Each test starts processes of its own, which take their time on a loaded machine.
jest.setTimeout(120_000);

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meshform-graph-test-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function graph(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, "cli", "meshform.mjs"), "graph", ...args],
    {
      cwd: folder,
      encoding: "utf8",
      timeout: 60_000,
    },
  );
  return { status, stdout, stderr };
}

test("draws an app three times, the same each time, and leaves nothing else behind", () => {
  const first = graph("--app", app);
  expect(first).toMatchObject({ status: 0, stderr: "" });
  expect(first.stdout).toMatch(/^2 services, 1 connection · as synthesized\n {2}mermaid +meshform-graph\/mesh\.mmd\n/);
  expect(readdirSync(folder)).toEqual(["meshform-graph"]);
  const files = () =>
    ["mesh.mmd", "mesh.svg", "mesh.html"].map((name) => readFileSync(join(folder, "meshform-graph", name), "utf8"));
  const [mermaid, svg, html] = files();
  expect(mermaid).toContain('"count-dashboard<br/>http :9002 · published"');
  expect(svg).toContain(">count-api</text>");
  expect(html).toContain("<title>count-dashboard talks to count-api</title>");
  graph("--app", app);
  expect(files()).toEqual([mermaid, svg, html]);
});

test("writes just what is asked for, where it is asked for", () => {
  const { status } = graph("--app", app, "--format", "svg", "--output", "a/b");
  expect(status).toBe(0);
  expect(readdirSync(join(folder, "a", "b"))).toEqual(["mesh.svg"]);
});

test("draws an app of plain cdktf too", () => {
  const file = join(folder, "plain.ts");
  const modules = join(root, "node_modules");
  writeFileSync(
    file,
    `const { App, TerraformStack } = require("${modules}/cdktf");
     const { Job } = require("${modules}/@cdktf/provider-nomad/lib/job");
     const { NomadProvider } = require("${modules}/@cdktf/provider-nomad/lib/provider");
     const app = new App();
     const stack = new TerraformStack(app, "stack");
     new NomadProvider(stack, "nomad", { address: "http://127.0.0.1:4646" });
     const service = { Name: "plain", PortLabel: "1", Connect: { SidecarService: {} } };
     new Job(stack, "job", { json: true, jobspec: JSON.stringify({ ID: "plain", TaskGroups: [{ Services: [service] }] }) });
     app.synth();`,
  );
  expect(graph("--app", file, "--format", "mermaid")).toMatchObject({ status: 0, stderr: "" });
  expect(readFileSync(join(folder, "meshform-graph", "mesh.mmd"), "utf8")).toContain('n0["plain<br/>tcp :1"]');
});

test.each([
  [
    "an app that is not there",
    ["--app", "none.ts"],
    1,
    /^The app .*none\.ts does not exist\.\nSet the app's file with --app, or run this in the directory of its cdktf\.json\.\n$/,
  ],
  [
    "an unknown format",
    ["--format", "png"],
    2,
    /argument 'png' is invalid\. Allowed choices are mermaid, svg, html, all/,
  ],
  ["a lab that is not there", ["--live", "--name", "nowhere"], 1, /^There is no lab nowhere\.\nRun `npm run up` first/],
  ["--live with an app", ["--live", "--app", "main.ts"], 2, /'--live' cannot be used with option '--app <file>'/],
  [
    "a folder that cannot be",
    ["--app", app, "--output", "/dev/null/x"],
    1,
    /Cannot write the files to \/dev\/null\/x: .*\nSet another directory with --output\.\n$/s,
  ],
])("ends with a sentence on %s", (_, args, code, said) => {
  const { status, stderr } = graph(...args);
  expect(stderr).toMatch(said);
  expect(status).toBe(code);
});

test("an app that fails says so in its own words", () => {
  const file = join(folder, "bad.ts");
  writeFileSync(file, 'console.error("no, thank you"); process.exitCode = 3;');
  const { status, stderr } = graph("--app", file);
  expect(stderr).toContain("no, thank you");
  expect(status).toBe(1);
});
