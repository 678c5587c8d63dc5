import { join } from "node:path";
import { run } from "../support/lab";

// Each test starts processes of its own, which take their time on a loaded machine.
jest.setTimeout(120_000);

const cli = join(__dirname, "..", "..", "cli", "meshform.mjs");

function complete(...args: readonly string[]) {
  return run(process.execPath, [cli, "complete", ...args]);
}

test.each([
  ["commands", ["sta"], ["status"]],
  ["the last of several commands", ["che"], ["checks", "check"]],
  ["options", ["up", "--dat"], ["--datacenters"]],
  ["the choices of an option", ["up", "--engine", "of"], ["offline"]],
])("completes %s", async (_, words, expected) => {
  const { code, output } = await complete("--", ...words);
  expect(code).toBe(0);
  // A description follows a tab; the last line is for the script.
  const lines = output.trimEnd().split("\n");
  expect(lines.slice(0, -1).map((line) => line.split("\t")[0])).toEqual(expected);
  expect(lines.at(-1)).toMatch(/^:\d+$/);
});

test("prints a script that bash can read, and calls the command", async () => {
  const { code, output } = await complete("bash");
  expect(code).toBe(0);
  expect(output).toContain("meshform complete -- ");
  expect(await run("bash", ["-n", "-c", output])).toEqual({ code: 0, output: "" });
});

test("a shell that is not supported is named, with those that are", async () => {
  const { code, output } = await complete("tcsh");
  expect(code).toBe(2);
  expect(output).toMatch(/'tcsh' is invalid .*Allowed choices are zsh, bash, fish, powershell/);
});
