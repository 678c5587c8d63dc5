import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHECKS, type Report } from "../../constructs";

const root = join(__dirname, "..", "..");

// Each test starts processes of its own, which take their time on a loaded machine.
jest.setTimeout(120_000);

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meshform-checks-test-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function checks(...args: readonly string[]) {
  const command = [join(root, "cli", "meshform.mjs"), "checks", ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, {
    cwd: folder,
    encoding: "utf8",
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

/** An app with a service that nothing reaches, and what else is done to it. */
function appWith(statements: string): string {
  const file = join(folder, "app.ts");
  writeFileSync(
    file,
    `import { readSettings } from "${root}/stacks/settings";
     import { MeshStack } from "${root}/stacks/mesh-stack";
     import { registerCheck, silence, synthesize, Workload } from "${root}/constructs";
     synthesize((app) => {
       const settings = readSettings(app);
       const { mesh } = new MeshStack(app, "mesh", settings);
       const api = mesh.addService("api", { port: 9001, workload: Workload.exec({ command: "/bin/api" }) });
       ${statements}
     });`,
  );
  return file;
}

const ownCheck = `registerCheck(app, {
  id: "acme-runtime", reason: "We run docker.", level: "error",
  find: () => [{ at: api, problem: \`The runtime is \${settings.runtime}.\`, fix: "Use docker." }],
});`;

test("prints what was looked for, found and silenced, of an app that errors end too, and leaves nothing behind", () => {
  const { status, stdout, stderr } = checks(
    "--app",
    appWith(`${ownCheck} silence(api, "unreachable-service", "It is for tests.");`),
  );
  expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
  // As wide as the longest id.
  expect(stdout).toMatch(/^CHECK {2,}LEVEL {4}REASON$/m);
  expect(stdout).toMatch(/^acme-runtime {2,}error {4}We run docker\.$/m);
  expect(stdout).toContain(`
Silenced:
  mesh/mesh/api: unreachable-service is silenced (1 finding): It is for tests.

Errors:
  mesh/mesh/api: The runtime is docker. Use docker. (acme-runtime)
`);
  expect(stdout).toMatch(/\n\n\d+ checks, 1 error, 0 warnings, 1 silence\n$/);
  expect(readdirSync(folder)).toEqual(["app.ts"]);
});

test("prints the same as JSON", () => {
  const { status, stdout, stderr } = checks("--json", "--app", appWith(""));
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const report = JSON.parse(stdout) as Report;
  expect(CHECKS.map(({ id }) => id)).toEqual(expect.arrayContaining(report.checks.map(({ id }) => id)));
  expect(report.findings).toEqual([
    {
      ...{ id: "unreachable-service", level: "warning", path: "mesh/mesh/api" },
      problem: "Nothing can reach api: no intention allows a service, and it publishes no port.",
      fix: expect.stringContaining("Connect a service to it") as string,
    },
  ]);
  expect(report.silences).toEqual([]);
});

test.each([
  [
    "an app in which nothing is checked",
    `require("${root}/constructs").synthesize(() => {});`,
    /^No checks ran for .*\./,
  ],
  ["an app that fails on its own", `throw new Error("no app today");`, /no app today/],
])("says so of %s", (_, code, said) => {
  const file = join(folder, "app.ts");
  writeFileSync(file, code);
  const { status, stdout, stderr } = checks("--app", file);
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  expect(stderr).toMatch(said);
});
