import { join } from "node:path";
import { run, type Outcome } from "../../support/lab";
import { ensurePythonTools } from "../../support/python-tools";

jest.setTimeout(3 * 60_000);

const root = join(__dirname, "../../..");
let programs: string;

beforeAll(async () => {
  programs = await ensurePythonTools({ name: "python-checks", distribution: "mypy", version: "2.4.1" });
}, 20 * 60_000);

/** What a module of Python says of the host tool. Its program may name another folder, the module does not. */
function check(module: string, ...args: string[]): Promise<Outcome> {
  const folder = join(root, "host-tool");
  return run(join(programs, "python3"), ["-m", module, ...args], { cwd: folder, timeoutMs: 2 * 60_000 });
}

describe("the source of the host tool", () => {
  test("has right types everywhere", async () => {
    const { code, output } = await check("mypy", `--cache-dir=${join(root, ".meshform/mypy")}`);
    expect(output).toMatch(/^Success: no issues found in \d\d source files\n$/);
    expect(code).toBe(0);
  });

  test("has nothing in it that bandit finds dangerous, but for what says why it is not", async () => {
    const { code, output } = await check("bandit", "--quiet", "--recursive", ".");
    expect({ code, output }).toMatchObject({ code: 0 });
  });
});
