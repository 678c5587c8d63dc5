import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CloudWatchLogStore } from "../../../constructs";
import { HOST_TOOL } from "../../../constructs/linux/host-tool/host-tool";
import { eventually } from "../../support/eventually";
import { engineEnvironment, FolderHost } from "../../support/host-tool";
import { startJournal, type Journal } from "../../support/journal";
import { startMoto, type Moto } from "../../support/moto";

jest.setTimeout(5 * 60_000);

const GROUP = "/meshform/prod/hosts";
const folder = mkdtempSync(join(tmpdir(), "meshform-logs-"));

let moto: Moto;
let journal: Journal;
let host: FolderHost;
let following: ChildProcess | undefined;

beforeAll(async () => {
  moto = await startMoto();
  await moto.createLogGroup(GROUP);
  host = hostWith(GROUP);
  journal = await startJournal(host.path("/var/log/journal"));
}, 20 * 60_000);

afterAll(async () => {
  following?.kill("SIGKILL");
  await journal.stop();
  await moto.stop();
  rmSync(folder, { recursive: true });
});

function hostWith(group: string): FolderHost {
  const logs: CloudWatchLogStore = {
    ...{ type: "cloudwatch-logs", group, region: "eu-central-1" },
    endpoint: moto.endpoint,
  };
  const store = { type: "directory", path: join(folder, "store") } as const;
  const found = new FolderHost(join(folder, "host"), { store, roles: ["consul-client"], node: "i-0abc", logs });
  mkdirSync(found.path("/var/lib/meshform/logs"), { recursive: true });
  return found;
}

/** What the units of this test have logged, as it was sent. */
async function sent(): Promise<{ stream: string; unit: string; priority: number; message: string }[]> {
  const lines = await moto.logs(GROUP);
  return lines
    .map((line) => {
      const space = line.indexOf(" ");
      const event = JSON.parse(line.slice(space)) as { unit: string; priority: number; message: string };
      return { stream: line.slice(0, space), ...event };
    })
    .filter(({ unit }) => /^own-/.test(unit));
}

const messages = async () => (await sent()).map(({ message }) => message);

test("what the journal has is sent once, to a stream of the host, but for what is only for debugging", async () => {
  await journal.write({ unit: "own-consul", priority: "info", text: "agent: started" });
  await journal.write({ unit: "own-consul", priority: "debug", text: "agent: detail" });
  await journal.write({ unit: "own-nomad", priority: "err", text: "odd \\x01\\xff byte" });
  await eventually(async () => {
    expect(await host.tool(["logs", "--once"], moto.environment)).toExit(0);
    expect(await sent()).toEqual([
      { stream: "i-0abc", unit: "own-consul", priority: 6, message: "agent: started" },
      { stream: "i-0abc", unit: "own-nomad", priority: 3, message: "odd \u0001\ufffd byte" },
    ]);
  }, 60_000);
  await journal.write({ unit: "own-nomad", priority: "info", text: "client: ready" });
  await eventually(async () => {
    expect(await host.tool(["logs", "--once"], moto.environment)).toExit(0);
    expect(await messages()).toEqual(["agent: started", "odd \u0001\ufffd byte", "client: ready"]);
  }, 60_000);
});

test("what is added is sent as it is written, and the last of it when the host is switched off", async () => {
  following = spawn(host.path(HOST_TOOL), ["--root", host.root, "logs"], {
    env: { ...(await engineEnvironment()), ...moto.environment },
    stdio: "ignore",
  });
  await journal.write({ unit: "own-nomad", priority: "info", text: "client: drained" });
  await eventually(async () => expect((await messages()).at(-1)).toBe("client: drained"), 60_000);
  await journal.write({ unit: "own-consul", priority: "info", text: "agent: left" });
  const ended = once(following, "exit");
  following.kill("SIGTERM");
  expect(await ended).toEqual([143, null]);
  // Each was sent once.
  expect(await messages()).toEqual([
    ...["agent: started", "odd \u0001\ufffd byte", "client: ready", "client: drained", "agent: left"],
  ]);
});

test("without its log group nothing counts as sent, and it says what is missing", async () => {
  await journal.write({ unit: "own-nomad", priority: "info", text: "client: again" });
  const lost = hostWith("/meshform/lost/hosts");
  const before = lost.read("/var/lib/meshform/logs/sent");
  await eventually(async () => {
    const { code, output } = await lost.tool(["logs", "--once"], moto.environment);
    expect({ code, output }).toEqual({
      code: 1,
      output: expect.stringContaining("Log group /meshform/lost/hosts of CloudWatch does not exist.") as string,
    });
  }, 60_000);
  expect(lost.read("/var/lib/meshform/logs/sent")).toBe(before);
  expect(await hostWith(GROUP).tool(["logs", "--once"], moto.environment)).toExit(0);
  expect((await messages()).at(-1)).toBe("client: again");
});
