import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { composeHost } from "../../constructs/linux/compose-host";
import type { HostUnit } from "../../constructs/linux/host";
import { supervisorConfiguration, unitScript } from "../../lab/hosts/boot-script";
import { ensureEngines } from "../../lab/machine/engines/ensure-engines";
import { eventually } from "../support/eventually";

jest.setTimeout(120_000);

let folder: string;
let supervisor: ChildProcess;

beforeAll(async () => {
  const { supervisor: engine } = await ensureEngines();
  folder = mkdtempSync(join(tmpdir(), "meshform-units-"));
  const units = [
    says("agent", "echo started; sleep 60", { after: ["secrets", "renewal"] }),
    // Fails at its first two runs.
    says("secrets", "echo run | tee -a $RUNS; [ $(wc -l < $RUNS) -ge 3 ]", {
      oneshot: true,
      restartSeconds: 0.1,
      user: "nobody",
    }),
    says("renewal", "echo run | tee -a $RUNS; [ $(wc -l < $RUNS) -ne 2 ]", { everySeconds: 0.2, restartSeconds: 0.1 }),
  ];
  for (const part of ["units", "log"]) mkdirSync(join(folder, part));
  for (const unit of units) writeFileSync(join(folder, "units", `${unit.name}.sh`), unitScript(unit, units, false));
  writeFileSync(join(folder, "supervisord.conf"), supervisorConfiguration(composeHost("host", { units })));
  const inside = `mount -t tmpfs tmpfs /run; mkdir -p /run/meshform/host; mkdir -m 1777 /run/meshform/succeeded
    mount --bind ${folder} /run/meshform/host; chmod 755 ${folder}
    exec ${engine.path}/supervisord --nodaemon --configuration /run/meshform/host/supervisord.conf`;
  supervisor = spawn("unshare", ["--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-ec", inside]);
}, 20 * 60_000);

afterAll(async () => {
  const ended = once(supervisor, "exit");
  supervisor.kill("SIGKILL");
  await ended;
  rmSync(folder, { recursive: true });
});

/** A unit that may count its runs in the file $RUNS. */
function says(name: string, script: string, rest: Partial<HostUnit>): HostUnit {
  const environment = { RUNS: `/run/${name}.runs` };
  return { name, description: name, command: ["/bin/sh", "-c", script], environment, ...rest };
}

async function log(name: string): Promise<string[]> {
  return (await readFile(join(folder, "log", `${name}.log`), "utf8")).trim().split("\n");
}

test("a unit that runs once is tried again until it succeeds, then left alone", async () => {
  await eventually(async () => {
    expect(await log("agent")).toEqual(["started"]);
    expect(await log("secrets")).toEqual(["run", "run", "run"]);
  });
});

test("a unit that runs again and again does so after success and after failure", async () => {
  await eventually(async () => {
    expect((await log("renewal")).length).toBeGreaterThan(4);
  });
  expect(await log("secrets")).toHaveLength(3);
});
