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
  // Its settings are there.
  const folder = join(root, "host-tool");
  return run(join(programs, "python3"), ["-m", module, ...args], { cwd: folder, timeoutMs: 2 * 60_000 });
}

/** What hosts of each cloud run besides. */
const notices = ["aws/platform/meshform_notices.py", "google/platform/meshform_preemption.py"].map((file) =>
  join(root, "constructs", file),
);

describe("the source of the host tool, and of what follows the notices of clouds", () => {
  test("has right types everywhere", async () => {
    const { code, output } = await check("mypy", `--cache-dir=${join(root, ".meshform/mypy")}`);
    expect(output).toMatch(/^Success: no issues found in \d\d source files\n$/);
    expect(code).toBe(0);
  });

  test("has right types there too", async () => {
    const { code, output } = await check("mypy", `--cache-dir=${join(root, ".meshform/mypy")}`, ...notices);
    expect(output).toBe("Success: no issues found in 2 source files\n");
    expect(code).toBe(0);
  });

  test("has nothing in it that bandit finds dangerous, but for what says why it is not", async () => {
    const { code, output } = await check("bandit", "--quiet", "--recursive", ".", ...notices);
    expect({ code, output }).toExit(0);
  });
});
