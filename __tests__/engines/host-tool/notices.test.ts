import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { awsPlatform } from "../../../constructs";
import { eventually } from "../../support/eventually";
import { ensureMoto } from "../../support/moto";

jest.setTimeout(2 * 60_000);

const support = join(__dirname, "../../support");
/** What the program keeps of each time limit, in seconds. */
const MARGIN = 20;
let environment: Readonly<Record<string, string>>;
let folder: string;
let machine: ChildProcess;

beforeAll(async () => {
  environment = await ensureMoto();
}, 20 * 60_000);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meshform-notices-"));
  tell("instance-id", "i-1");
  tell("placement/region", "eu-central-1");
  tell("tags/instance/aws:autoscaling:groupName", "servers");
});

afterEach(async () => {
  const ended = once(machine, "exit");
  machine.kill("SIGKILL");
  await ended;
  rmSync(folder, { recursive: true });
});

/** Writes what the instance metadata says at a path. */
function tell(path: string, text: string): void {
  const file = join(folder, "meta-data", path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/**
 * Starts the program in a network of its own, with a metadata service that speaks IMDSv2 only.
 *
 * @param tool what stands for the host tool, which is tested elsewhere: a script of the shell
 * @param silence how long the API of the group does not answer, in seconds
 */
function watch(tool: string, seconds = { launch: 60, terminate: 60 }, silence = 0): void {
  const { files = [] } = awsPlatform.lifecycleNotices();
  const program = files.find(({ path }) => path.endsWith("/meshform-notices"))?.content ?? "";
  const settings = JSON.parse(files.find(({ path }) => path.endsWith("/notices.json"))?.content ?? "") as Settings;
  const { launch, terminate } = settings.hooks;
  writeFileSync(join(folder, "tool"), `#!/bin/sh\necho "$@" >> ${folder}/calls\n${tool}\n`, { mode: 0o755 });
  writeFileSync(join(folder, "program"), program);
  writeFileSync(
    join(folder, "settings.json"),
    JSON.stringify({
      tool: join(folder, "tool"),
      everySeconds: 0.2,
      endpoint: "http://127.0.0.1:8000",
      hooks: {
        launch: { ...launch, seconds: seconds.launch },
        terminate: { ...terminate, seconds: seconds.terminate },
      },
    }),
  );
  const script = `ip link set lo up; ip address add 169.254.169.254/32 dev lo
    "$0" ${support}/metadata-service.mjs ${folder}/meta-data &
    (sleep ${silence}; exec "$0" ${support}/auto-scaling.mjs 8000 ${folder}/completed) &
    python3 ${folder}/program ${folder}/settings.json >> ${folder}/said 2>&1`;
  const own = ["--net", "--pid", "--fork", "--kill-child=SIGKILL"];
  machine = spawn("unshare", [...own, "sh", "-c", script, process.execPath], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "inherit", "inherit"],
  });
}

interface Settings {
  readonly hooks: Readonly<Record<"launch" | "terminate", { readonly name: string; readonly seconds: number }>>;
}

function linesOf(name: string): string[] {
  const file = join(folder, name);
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
}

/** The hooks that were completed, with their results. */
function completed(): string[] {
  return linesOf("completed").map((line) => {
    const call = JSON.parse(line) as Record<string, string>;
    expect(call).toMatchObject({
      Action: "CompleteLifecycleAction",
      AutoScalingGroupName: "servers",
      InstanceId: "i-1",
    });
    return `${call.LifecycleHookName} ${call.LifecycleActionResult}`;
  });
}

async function untilCompleted(hooks: readonly string[]): Promise<void> {
  await eventually(() => {
    expect(completed()).toEqual(hooks);
    return Promise.resolve();
  });
}

test("a host that is ready goes into service, once", async () => {
  tell("autoscaling/target-lifecycle-state", "InService");
  watch("sleep 1");
  await untilCompleted(["meshform-ready CONTINUE"]);
  expect(linesOf("calls")).toEqual([`ready --wait ${60 - MARGIN}`]);
  tell("autoscaling/target-lifecycle-state", "Terminated");
  await untilCompleted(["meshform-ready CONTINUE", "meshform-leave CONTINUE"]);
  expect(linesOf("calls")).toHaveLength(2);
});

test("a hook that cannot be completed at once is completed later, and the host is not given up", async () => {
  tell("autoscaling/target-lifecycle-state", "InService");
  watch("true", undefined, 8);
  await untilCompleted(["meshform-ready CONTINUE"]);
  const refused = linesOf("said").filter((line) =>
    line.startsWith("Hook meshform-ready of servers is not completed yet: "),
  );
  expect(refused).toHaveLength(1);
  expect(linesOf("calls")).toHaveLength(1);
});

test("a host that does not become ready is given up before the hook expires", async () => {
  tell("autoscaling/target-lifecycle-state", "InService");
  watch("trap '' TERM; sleep 60", { launch: MARGIN + 1, terminate: 60 });
  await untilCompleted(["meshform-ready ABANDON"]);
  expect(linesOf("said")).toContain("meshform-host ready --wait 1 is not done after 1 s, and is ended.");
});

test("a host that cannot leave is terminated all the same, after it was ended", async () => {
  tell("autoscaling/target-lifecycle-state", "Terminated");
  watch("exec sleep 60", { launch: 60, terminate: MARGIN + 1 });
  await untilCompleted(["meshform-leave CONTINUE"]);
  expect(linesOf("calls")).toEqual(["--wait 1 leave --for-good"]);
});

test("a spot instance leaves before it is interrupted, and not again when it is terminated", async () => {
  tell("events/recommendations/rebalance", '{"noticeTime": "2026-11-26T08:22:00Z"}');
  const time = new Date(Date.now() + 120_000).toISOString().replace(/\.\d+Z$/, "Z");
  tell("spot/instance-action", JSON.stringify({ action: "terminate", time }));
  watch("true");
  await eventually(() => {
    expect(linesOf("calls")).toEqual([expect.stringMatching(/^--wait (9\d|100) leave --for-good$/)]);
    return Promise.resolve();
  });
  tell("autoscaling/target-lifecycle-state", "Terminated");
  await untilCompleted(["meshform-leave CONTINUE"]);
  expect(linesOf("calls")).toHaveLength(1);
  expect(linesOf("said")).toContainEqual(expect.stringMatching(/^EC2 recommends to replace this spot instance/));
});
