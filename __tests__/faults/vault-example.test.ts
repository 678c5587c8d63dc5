import { join } from "node:path";
import { LabFiles } from "../../lab/core/lab-files";
import { ensureEngines } from "../../lab/machine/engines/ensure-engines";
import { eventually } from "../support/eventually";
import { run, TestLab } from "../support/lab";
import { loadWhile } from "../support/steady-load";

const MINUTE = 60_000;
jest.setTimeout(10 * MINUTE);

const example = join(__dirname, "..", "..", "examples", "vault");
const lab = new TestLab(`vault-example-${process.pid}`, join(example, "main.ts"));
let printed = "";

// Builds Vault first if it is missing.
beforeAll(() => ensureEngines({ also: ["vault"] }), 70 * MINUTE);
beforeAll(async () => {
  const { output } = await lab.mustUp("", "--vault", "--vault-setup", join(example, "prepare.sh"));
  printed = output;
}, 10 * MINUTE);
afterAll(() => lab.down(), MINUTE);

interface Login {
  readonly username: string;
  readonly password: string;
}

/** What the service has in its memory to log in to the database. */
async function login(): Promise<Login> {
  const allocations = await lab.api<{ ID: string; ClientStatus: string }[]>("Nomad", "/v1/job/billing/allocations");
  const { ID = "" } = allocations.find(({ ClientStatus }) => ClientStatus === "running") ?? {};
  const { output } = await lab.inTask(ID, "billing", ["cat", "secrets/database.json"]);
  return JSON.parse(output) as Login;
}

test("the password for the database changes twice, no request fails, and no file, output or argument contains one", async () => {
  const ask = async () => {
    const response = await fetch(lab.url("billing"), { signal: AbortSignal.timeout(10_000) });
    await response.text();
    return response.status;
  };
  const logins = [await login()];
  const { page } = await loadWhile({ page: ask }, async () => {
    while (logins.length < 3) {
      await eventually(async () => {
        const next = await login();
        expect(next.username).not.toBe(logins.at(-1)?.username);
        logins.push(next);
      }, 3 * MINUTE);
    }
  });
  expect([...new Set(page.answers)]).toEqual([200]);
  expect(page.sent).toBeGreaterThan(100);

  const files = new LabFiles(lab.name);
  const { output: arguments_ } = await run("ps", ["axww", "-o", "args"]);
  for (const { password } of logins) {
    expect(password.length).toBeGreaterThan(15);
    expect(printed + arguments_).not.toContain(password);
    // Vault's own data, which is encrypted, is searched too.
    expect((await run("grep", ["-rlaF", "-e", password, files.folder])).output).toBe("");
  }
});
