import { execFileSync } from "node:child_process";
import { join } from "node:path";

const root = join(__dirname, "..");

/** What TypeDoc finds wrong with the reference, as typedoc.json asks. */
function complaints(): string[] {
  const typedoc = join(root, "node_modules", "typedoc", "bin", "typedoc");
  // The types are checked elsewhere; everything that TypeDoc says goes to stdout or stderr by its level.
  const said = execFileSync(
    "sh",
    ["-c", '"$@" 2>&1', "sh", process.execPath, typedoc, "--emit", "none", "--skipErrorChecking"],
    {
      cwd: root,
      encoding: "utf8",
      timeout: 5 * 60_000,
      env: { ...process.env, NO_COLOR: "1" },
    },
  );
  const lines = said.split("\n").filter((line) => /^\[(warning|error)\]/.test(line));
  // Or the filter below would hide that nothing was looked at.
  expect(lines.length).toBeGreaterThan(0);
  return lines;
}

test("each export of the package is documented, its links lead somewhere, and its types are exported too", () => {
  // The types of jobs and config entries are generated from the engines' own API, which documents them; the last line counts.
  const own = complaints().filter(
    (line) => !line.includes("/generated/") && !/Found \d+ errors? and \d+ warnings?/.test(line),
  );
  expect(own).toEqual([]);
}, 180_000);
