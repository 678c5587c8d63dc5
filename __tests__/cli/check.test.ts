import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CheckReport } from "../../cli/check";

// Each test starts a process of its own, which takes its time on a loaded machine.
jest.setTimeout(120_000);

test("reports a cluster that does not answer in text and as JSON, and ends with code 1", () => {
  const folder = mkdtempSync(join(tmpdir(), "meshform-check-test-"));
  const run = (...args: readonly string[]) =>
    spawnSync(process.execPath, [join(__dirname, "..", "..", "cli", "meshform.mjs"), "check", ...args], {
      cwd: folder,
      env: { ...process.env, CONSUL_HTTP_ADDR: "127.0.0.1:1", NOMAD_ADDR: "http://127.0.0.1:1" },
      encoding: "utf8",
      timeout: 60_000,
    });
  const [text, json] = [run("--pre"), run("--json")];
  rmSync(folder, { recursive: true });

  expect({ status: text.status, stderr: text.stderr }).toEqual({ status: 1, stderr: "" });
  expect(text.stdout).toMatch(/^Consul http:\/\/127\.0\.0\.1:1, Nomad http:\/\/127\.0\.0\.1:1\n/);
  expect(text.stdout).toContain("  Without an app, these were not checked: deployer-permissions, node-pools, ");
  expect(text.stdout).toMatch(
    /\n\nErrors:\n {2}Consul: It does not answer: .*ECONNREFUSED.* \(not-visible\)\n {2}Nomad: /,
  );
  expect(text.stdout).toMatch(/\n\n0 rules checked, 2 errors, 0 warnings\n$/);

  expect(json.status).toBe(1);
  const { ok, clusters } = JSON.parse(json.stdout) as CheckReport;
  expect(ok).toBe(false);
  expect(clusters).toEqual([
    expect.objectContaining({
      consul: "http://127.0.0.1:1",
      ok: false,
      checked: [],
    }) as CheckReport["clusters"][number],
  ]);
});
