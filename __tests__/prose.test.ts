import { spawnSync } from "node:child_process";
import { join } from "node:path";

const root = join(__dirname, "..");

/** What the linter says of the words of a file. */
function complaints(file: string, content: string): string[] {
  const eslint = join(root, "node_modules", "eslint", "bin", "eslint.js");
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [eslint, "--format", "json", "--stdin", "--stdin-filename", join(root, file)],
    { cwd: root, input: content, encoding: "utf8", timeout: 60_000 },
  );
  if (stderr !== "") throw new Error(stderr);
  const [{ messages }] = JSON.parse(stdout) as [{ messages: { ruleId: string; message: string }[] }];
  return messages.filter(({ ruleId }) => ruleId === "prose/words").map(({ message }) => message);
}

test("pages are refused words of the list, across lines too, but not in code", () => {
  const page = ["Leave it", "away, or _mend_ it.", "", "`mend` is a name.", "", "```sh", "mend", "```", ""].join("\n");
  expect(complaints("docs/page.md", page)).toEqual([
    '"Leave it away" is not how the field puts it. Write omit.',
    '"mend" is not how the field puts it. Write fix, or repair.',
  ]);
}, 60_000);

test("so are strings and comments, but not names", () => {
  const code = [
    "/** For whoever",
    " * asks. */",
    'export const mend = () => [`${1} in vain`, "It is said twice."];',
    "",
  ].join("\n");
  expect(complaints("cli/prose.mjs", code)).toEqual([
    '"whoever" is not how the field puts it. Write "anyone who", or "any service that".',
    '"in vain" is not how the field puts it. Write "timed out after … waiting for …".',
    '"is said twice" is not how the field puts it. Write is set twice.',
  ]);
}, 60_000);
