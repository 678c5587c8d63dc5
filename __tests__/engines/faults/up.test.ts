import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LabFiles } from "../../../lab/core/lab-files";
import type { LabStatus } from "../../../lab/commands/status";
import { isAlive, markedProcesses } from "../../../lab/machine/processes";
import { eventually } from "../../support/eventually";
import { CLI, run, TestLab, type Outcome } from "../../support/lab";
import { traces } from "../../support/machine";

const MINUTE = 60_000;
jest.setTimeout(4 * MINUTE);
const app = join(__dirname, "..", "apps", "bare.ts");
const lab = new TestLab(`faults-up-${process.pid}`, app);

afterAll(async () => {
  await lab.down();
}, MINUTE);

/** Somewhere in the time that an `up` takes from nothing, other than in other runs. */
const randomMs = () => Math.round(200 + Math.random() * 9_000);

/** Starts `up`, and kills it outright after so long, or at a moment. */
async function killedUp(moment: number | (() => Promise<void>), itsApp = app): Promise<void> {
  const child = spawn(process.execPath, [CLI, "up", "--name", lab.name, "--app", itsApp], { stdio: "ignore" });
  const closed = once(child, "close");
  await Promise.race([closed, typeof moment === "number" ? sleep(moment) : moment()]);
  child.kill("SIGKILL");
  await closed;
}

/** Starts `up`, and returns early, so that it is still at work. */
async function begunUp(): Promise<{ readonly outcome: Promise<Outcome> }> {
  const outcome = lab.up("bare");
  await eventually(() => {
    expect(existsSync(new LabFiles(lab.name).incoming)).toBe(true);
    return Promise.resolve();
  });
  return { outcome };
}

async function expectHealthy(): Promise<void> {
  const { output } = await lab.meshform(["status", "--json"]);
  expect((JSON.parse(output) as LabStatus).healthy).toBe(true);
}

/** The kernel takes namespaces apart a moment after their last process. */
async function expectNoTraces(): Promise<void> {
  await eventually(async () => {
    expect(await traces([lab.name])).toMatchObject({ processes: [], files: [], groups: [] });
  });
}

/** What succeeds, or is refused since another command is at work: never anything else. */
function expectDoneOrRefused(outcome: Outcome): void {
  if (outcome.code !== 0) expect(outcome.output).toContain(`Another meshform command on the lab ${lab.name}`);
}

test("up that is killed at a random moment can be taken down, and nothing is left", async () => {
  const ms = randomMs();
  await killedUp(ms);
  const { code, output } = await lab.down();
  expect({ ms, code, output }).toExit(0);
  await expectNoTraces();
});

/** Runs something with an app that takes a minute. */
async function withSlowApp(act: (app: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "meshform-slow-app-"));
  try {
    const slow = join(folder, "slow.cjs");
    writeFileSync(slow, "setTimeout(() => undefined, 60_000);");
    await act(slow);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("an app that is still at work when its up is killed ends with the next up, or with down", async () => {
  await withSlowApp(async (slow) => {
    const isAtWork = () =>
      eventually(() => {
        expect(markedProcesses(lab.name)).toHaveLength(1);
        return Promise.resolve();
      });
    await killedUp(isAtWork, slow);
    const [first] = markedProcesses(lab.name);
    await killedUp(async () => {
      await eventually(() => {
        expect(isAlive(first)).toBe(false);
        return Promise.resolve();
      });
      await isAtWork();
    }, slow);
    expect(await lab.down()).toExit(0);
    expect(await traces([lab.name])).toMatchObject({ processes: [], files: [], groups: [] });
  });
});

test("a command whose output nobody reads ends as with Ctrl-C, or goes on if it has nothing to stop", async () => {
  await withSlowApp(async (slow) => {
    const unread = async (command: string) => {
      const script = `exec 3>&1; { "${process.execPath}" "${CLI}" ${command} 2>&3; echo "code $?" >&3; } | true`;
      return (await run("bash", ["-c", script])).output;
    };
    expect(await unread("checks")).toBe("code 0\n");
    const output = await unread(`up --name ${lab.name} --app ${slow}`);
    expect(output).toMatch(/^(?!.*\n +at )[^]*stopped\]\ncode 141\n$/);
    expect(await traces([lab.name])).toMatchObject({ processes: [], files: [], groups: [] });
  });
});

test("up that is killed at three random moments, one after the other, is completed by the next", async () => {
  const moments = [randomMs(), randomMs(), randomMs()];
  for (const ms of moments) await killedUp(ms);
  const { code, output } = await lab.up("bare");
  expect({ moments, code, output }).toExit(0);
  await expectHealthy();
  console.log(`up was killed after ${moments.join(", ")} ms, and the next one completed`);
});

test("down while up is at work is refused, and up completes; up while down is at work leaves a lab or nothing", async () => {
  expect(await lab.down()).toExit(0);
  const raised = await begunUp();
  expect(await lab.meshform(["down"])).toMatchObject({
    code: 1,
    output: expect.stringContaining(`Another meshform command on the lab ${lab.name}`) as string,
  });
  expect(await raised.outcome).toExit(0);
  await expectHealthy();

  const [lowered, again] = await Promise.all([lab.down(), sleep(randomMs() / 10).then(() => lab.up("bare"))]);
  expect(lowered).toExit(0);
  expectDoneOrRefused(again);
  if (again.code === 0) await expectHealthy();
  else await expectNoTraces();
});

test("the lab of a suite goes down though an up of a test is at work, which ends before as with Ctrl-C", async () => {
  expect(await lab.down()).toExit(0);
  const raised = await begunUp();
  expect(await lab.down()).toExit(0);
  expect(await raised.outcome).toMatchObject({ code: 130, output: expect.stringMatching(/\nStopped\.\n$/) as string });
  await expectNoTraces();
});

test("of three ups at once each completes or is refused, and the lab is whole", async () => {
  await lab.down();
  const outcomes = await Promise.all([lab.up("bare"), lab.up("bare"), lab.up("bare")]);
  outcomes.forEach(expectDoneOrRefused);
  expect(outcomes.map(({ code }) => code)).toContain(0);
  await expectHealthy();
});
