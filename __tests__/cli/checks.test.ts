import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(__dirname, "..", "..");
const folder = mkdtempSync(join(tmpdir(), "meshform-checks-test-"));

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Runs `meshform checks` for an app with one service, which does as told. */
function checks(body: string, ...args: string[]) {
  const file = join(folder, "app.ts");
  writeFileSync(
    file,
    `import { MeshStack } from ${JSON.stringify(join(root, "stacks", "mesh-stack"))};
     import { registerCheck, silence, synthesize, Workload } from ${JSON.stringify(join(root, "constructs"))};
     synthesize((app) => {
       const { mesh } = new MeshStack(app, "shop", { runtime: "exec" });
       const api = mesh.addService("api", { port: 8000, workload: Workload.exec({ command: "api" }) });
       ${body}
     });`,
  );
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, "cli", "meshform.mjs"), "checks", "--app", file, ...args],
    { cwd: root, encoding: "utf8" },
  );
  return { status, stdout, stderr };
}

test("lists checks, findings and silences, and says by its exit code that something is an error", () => {
  const { status, stdout } = checks(
    'api.allowFrom("*"); silence(api, "unreachable-service", "It is new."); api.allowFrom("wep");',
  );
  expect(stdout).toMatch(/^CHECK +LEVEL +WHY$/m);
  expect(stdout).toMatch(/^port-range +error +A port is a number from 1 to 65535\.$/m);
  expect(stdout).toMatch(/^unreachable-service +shop\/mesh\/api +0 +It is new\.$/m);
  expect(stdout).toContain("error: shop/mesh/api: Every service may reach api.");
  expect(stdout).toMatch(/^\d+ checks; errors: 2, warnings: 1, silenced: 1\.$/m);
  expect(status).toBe(1);
});

test("prints the same as JSON, with the rules of the team", () => {
  const { status, stdout } = checks(
    `registerCheck(app, { id: "acme", reason: "A test.", level: "warning", find: () => [{ at: api, problem: "It is.", fix: "Let it." }] });
     silence(api, "unreachable-service", "It is new.");`,
    "--json",
  );
  expect(status).toBe(0);
  const report = JSON.parse(stdout) as Record<string, readonly unknown[]>;
  expect(report.checks).toContainEqual({ id: "acme", level: "warning", reason: "A test." });
  expect(report.findings).toContainEqual({
    ...{ id: "acme", level: "warning", path: "shop/mesh/api", problem: "It is.", fix: "Let it." },
  });
  expect(report.silences).toEqual([
    { id: "unreachable-service", path: "shop/mesh/api", reason: "It is new.", findings: 1 },
  ]);
});

test("says what the app says if it ends before it is checked", () => {
  const { status, stderr } = checks('throw new Error("no app today");');
  expect(stderr).toContain("no app today");
  expect(status).toBe(1);
});
