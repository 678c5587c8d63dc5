import { spawnSync } from "node:child_process";
import { join } from "node:path";

const root = join(__dirname, "..", "..");

// Each test starts processes of its own, which take their time on a loaded machine.
jest.setTimeout(120_000);

function explain(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, "cli", "meshform.mjs"), "explain", ...args],
    { cwd: root, encoding: "utf8", timeout: 60_000 },
  );
  return { status, stdout, stderr };
}

test("says whether a service can reach another, and what decides", () => {
  const { status, stdout } = explain("count-dashboard", "count-api");
  expect(stdout).toBe(
    [
      "count-dashboard → count-api: every request is allowed.",
      "",
      "  upstream   count-dashboard reaches count-api at 127.0.0.1:8080",
      "  count-api  the intention count-dashboard → count-api allows it",
      "",
    ].join("\n"),
  );
  expect(status).toBe(0);
});

test("says what to do about a refusal, and ends with 1", () => {
  const { status, stdout } = explain("count-api", "count-dashboard", "GET", "/orders?id=7", "--header", "x-team=a=b");
  expect(stdout).toBe(
    [
      "count-api → count-dashboard: GET /orders is refused.",
      "",
      "  count-dashboard  no intention allows count-api to reach count-dashboard, and the mesh denies by default",
      "",
      "count-api has no upstream to count-dashboard. Add it with connectTo or addUpstream of count-api.",
      "To allow it: connectTo(count-dashboard) of count-api, or allowFrom(count-api) of count-dashboard.",
      "",
    ].join("\n"),
  );
  expect(status).toBe(1);
});

test("refuses what is no header", () => {
  const { status, stderr } = explain("count-api", "count-dashboard", "--header", "x-team");
  expect(stderr).toContain("option '--header <name=value>' argument 'x-team' is invalid. Use name=value.");
  expect(status).toBe(2);
});
