import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LabFiles } from "../../lab/core/lab-files";
import { kill } from "../../lab/machine/processes";
import type { ListedLab } from "../../lab/commands/list";
import { readState } from "../../lab/hosts/state";
import type { LabStatus } from "../../lab/commands/status";
import { ROOT } from "../support/consumer";
import { eventually } from "../support/eventually";
import { look, outcomesOf, statusOfRequest } from "../support/hostile-page";
import { expectDocumented, jsonOf } from "../support/json-output";
import { CLI, run, TestLab } from "../support/lab";
import { powerOff } from "../support/lab-hosts";
import { newTraces, traces } from "../support/machine";

const MINUTE = 60_000;
jest.setTimeout(5 * MINUTE);
const app = join(__dirname, "apps", "bare.ts");
const names = ["one", "two", "killed"].map((name) => `lab-${name}-${process.pid}`);
const [one, two, killed] = names.map((name) => new TestLab(name, app));

let before: Record<string, string[]>;

beforeAll(async () => {
  before = await traces(names);
  await one.mustUp("bare");
}, 20 * MINUTE);

afterAll(async () => {
  for (const lab of [one, two, killed]) await lab.down();
});

async function statusOf(lab: TestLab): Promise<LabStatus> {
  return JSON.parse((await lab.meshform(["status", "--json"])).output) as LabStatus;
}

function initsOf({ name }: TestLab): Record<string, number | undefined> {
  const hosts = readState(new LabFiles(name))?.hosts ?? [];
  return Object.fromEntries(hosts.map((host) => [host.name, host.init?.pid]));
}

test("one server and two clients meet, each host a node of Consul and of Nomad", async () => {
  const { healthy, hosts } = await statusOf(one);
  expect(healthy).toBe(true);
  expect(hosts.map(({ name, consul, nomad }) => ({ name, consul, nomad }))).toEqual([
    { name: "server-1", consul: "alive", nomad: "alive" },
    { name: "client-1", consul: "alive", nomad: "ready" },
    { name: "client-2", consul: "alive", nomad: "ready" },
  ]);
  const members = await one.api<{ Name: string }[]>("Consul", "/v1/agent/members");
  expect(members.map(({ Name }) => Name).sort()).toEqual(["client-1", "client-2", "server-1"]);
  const nodes = await one.api<{ Address: string; Drivers: Record<string, { Healthy: boolean }> }[]>(
    "Nomad",
    "/v1/nodes",
  );
  expect(nodes.map(({ Address }) => Address).sort()).toEqual(["10.200.1.1", "10.200.1.2"]);
  expect(nodes.every(({ Drivers }) => Drivers.raw_exec.Healthy)).toBe(true);
});

test("doctor finds nothing missing where up has just worked", async () => {
  const { code, output } = await run(process.execPath, [CLI, "doctor"]);
  expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining("Nothing is missing.") as string });
});

test("a second up changes nothing and says so", async () => {
  const inits = initsOf(one);
  const outcome = await one.up("bare");
  expect(outcome).toExit(0);
  const { output } = outcome;
  expect(output).toContain("Nothing changed");
  expect(initsOf(one)).toEqual(inits);
});

test("what scripts read of it is JSON, while progress goes to standard error", async () => {
  const named = ["--name", one.name];
  const env = { MESHFORM_TEST_VARIANT: "bare" };
  const { code, json, stderr } = await jsonOf(["up", ...named, "--app", app], { env });
  expect({ code, json }).toMatchObject({ code: 0, json: { changed: false, problems: [] } });
  expect((json as { listeners: unknown[] }).listeners).toContainEqual(
    expect.objectContaining({ name: "consul", datacenter: "dc1", url: one.url("Consul").replace("/ui/", "") }),
  );
  expectDocumented("up", json);
  expect(stderr).toContain("Boot the hosts");

  const variables = await jsonOf(["env", ...named]);
  expect(variables.json).toMatchObject({ CONSUL_HTTP_ADDR: one.url("Consul").replace("/ui/", "") });
  for (const command of ["env", "status", "health"]) {
    const outcome = await jsonOf([command, ...named]);
    expect(outcome.code).toBe(0);
    expectDocumented(command, outcome.json);
  }
  const lines = (await jsonOf(["logs", ...named, "--host", "server-1", "consul"])).json as object[];
  expect(lines).toContainEqual({
    host: "server-1",
    unit: "consul",
    line: expect.stringContaining("Consul agent running!") as string,
  });
});

test("commands run inside a host, with its files and its exit code", async () => {
  const inside = (...command: string[]) => one.meshform(["exec", "client-1", "--", ...command]);
  expect(await inside("hostname")).toEqual({ code: 0, output: "client-1\n" });
  expect((await inside("ip", "-brief", "address", "show", "eth0")).output).toContain("10.200.1.1/16");
  expect(await inside("sh", "-c", "exit 7")).toEqual({ code: 7, output: "" });
  expect(await inside("test", "-e", "/etc/consul.d/consul.json")).toExit(0);
  expect((await inside("ps", "-e", "-o", "comm=")).output).not.toContain("jest");
  expect((await one.meshform(["exec", "client-9", "--", "true"])).output).toContain("Host client-9 of lab");
});

test("what a host writes stays in the host", async () => {
  const path = `/etc/written-by-${one.name}`;
  expect(await one.meshform(["exec", "server-1", "--", "touch", path])).toExit(0);
  expect(existsSync(path)).toBe(false);
  expect(await one.meshform(["exec", "client-1", "--", "test", "-e", path])).toExit(1);
});

test("the agents' logs can be read", async () => {
  expect((await one.meshform(["logs", "--host", "server-1", "consul"])).output).toContain("Consul agent running!");
  const { code, output } = await one.meshform(["logs", "--host", "server-1", "nginx"]);
  expect({ code, output }).toEqual({
    code: 1,
    output: expect.stringContaining("There are: boot, consul, nomad") as string,
  });
});

test("a task of the exec driver runs with Node, in control groups and a root of its own", async () => {
  const script = `console.log(process.pid, require("node:fs").readdirSync("/usr/bin")); setInterval(() => {}, 1000)`;
  const task = { Name: "alone", Driver: "exec", Config: { command: "node", args: ["-e", script] } };
  const group = { Name: "alone", Count: 1, Tasks: [task] };
  const job = { ID: "alone", Name: "alone", Type: "service", Datacenters: ["dc1"], TaskGroups: [group] };
  await one.api("Nomad", "/v1/jobs", "PUT", { Job: job });
  await eventually(async () => expect((await one.meshform(["logs", "alone"])).output).toContain("[ 'env' ]"));
  const lines = (await jsonOf(["logs", "--name", one.name, "alone"])).json as object[];
  expect(lines).toContainEqual(
    expect.objectContaining({ task: "alone", stream: "stdout", line: expect.stringContaining("[ 'env' ]") as string }),
  );
  for (const line of lines) expectDocumented("logs", line);
  const groups = (await traces([one.name])).groups;
  expect(groups.length).toBeGreaterThan(0);
  await one.api("Nomad", "/v1/job/alone?purge=true", "DELETE");
});

test("health says of jobs that cannot be deployed which task dies with what words, and what a failing check says", async () => {
  const jobOf = (id: string, command: string, more: object = {}) => {
    const task = { Name: "task", Driver: "raw_exec", Config: { command: "sh", args: ["-c", command] } };
    const Update = { MinHealthyTime: 1e8, HealthyDeadline: 4e9, ProgressDeadline: 5e9 };
    const group = { Name: id, Tasks: [task], Networks: [{ DynamicPorts: [{ Label: "http" }] }], ...more };
    return { ID: id, Type: "service", Datacenters: ["dc1"], Update, TaskGroups: [group] };
  };
  const Checks = [{ Name: "answers", Type: "http", Path: "/", Interval: 1e9, Timeout: 1e9 }];
  const jobs = {
    deaf: jobOf("deaf", "exec sleep 1000", { Services: [{ Name: "deaf", PortLabel: "http", Checks }] }),
    dying: jobOf("dying", "echo no such wheel >&2; exit 3"),
    well: jobOf("well", "exec sleep 1000"),
  };
  for (const Job of Object.values(jobs)) await one.api("Nomad", "/v1/jobs", "PUT", { Job });
  const failed = eventually(async () => {
    const { Status } = await one.api<{ Status: string }>("Nomad", "/v1/job/deaf/deployment");
    expect(Status).toBe("failed");
    return Date.now();
  }, MINUTE);
  const env = { CONSUL_HTTP_ADDR: one.url("Consul"), NOMAD_ADDR: one.url("Nomad") };
  const ofDeaf = await run(process.execPath, [CLI, "health", "--environment", "--wait", "60", "deaf", "well"], { env });
  // In time to be read, and not only once the wait is over.
  expect(Date.now() - (await failed)).toBeLessThan(10_000);
  expect(ofDeaf).toExit(1);
  expect(ofDeaf.output).toMatch(/^deaf +0\/1$/m);
  expect(ofDeaf.output).toMatch(/^well +1\/1$/m);
  expect(ofDeaf.output).toContain("The last deployment of deaf has failed: Failed due to progress deadline");
  expect(ofDeaf.output).toMatch(/answers: .*connection refused/);
  const { code, output } = await one.meshform(["health", "--wait", "60", "dying"]);
  expect(code).toBe(1);
  expect(output).toMatch(/Terminated: Exit Code: 3/);
  expect(output).toContain("stderr: no such wheel");
  expect(await one.meshform(["health", "well"])).toExit(0);
  for (const id of Object.keys(jobs)) await one.api("Nomad", `/v1/job/${id}?purge=true`, "DELETE");
});

describe("a developer's machine", () => {
  const name = `${one.name}-trace`;
  const script = `console.log("up"); setInterval(() => {}, 1000)`;
  let allocation: string;

  const jobOf = (id: string) => {
    const task = { Name: "task", Driver: "raw_exec", Config: { command: "node", args: ["-e", script] } };
    return { ID: id, Type: "service", Datacenters: ["dc1"], TaskGroups: [{ Name: "task", Count: 1, Tasks: [task] }] };
  };
  const jobs = async () => (await one.api<{ ID: string }[]>("Nomad", "/v1/jobs")).map(({ ID }) => ID);
  const exec = () => `/v1/client/allocation/${allocation}/exec?task=task&command=%5B%22id%22%5D`;

  beforeAll(async () => {
    await one.api("Nomad", "/v1/jobs", "PUT", { Job: jobOf("root") });
    allocation = await eventually(async () => {
      const path = "/v1/job/root/allocations";
      const [{ ID, ClientStatus }] = await one.api<{ ID: string; ClientStatus: string }[]>("Nomad", path);
      expect(ClientStatus).toBe("running");
      return ID;
    });
  });

  afterAll(async () => {
    await one.api("Nomad", "/v1/job/root?purge=true", "DELETE");
  });

  test("is not for its other users to run tasks on", async () => {
    const asNobody = (url: string, method: string, body: string) =>
      run(process.execPath, [
        "-e",
        `process.setgroups([]); process.setgid(65534); process.setuid(65534);
        const sent = { method: "${method}", body: ${JSON.stringify(body)}, headers: { "Content-Type": "text/plain" } };
        fetch("${url}", sent).then(async (it) => console.log(it.status, await it.text()));`,
      ]);
    const refused = {
      code: 0,
      output: expect.stringMatching(/^403 This port accepts connections only from root .* user id 65534\./) as string,
    };
    const job = JSON.stringify({ Job: jobOf("of-nobody") });
    expect(await asNobody(`${one.url("Nomad")}/v1/jobs`, "POST", job)).toEqual(refused);
    expect(await asNobody(`${one.url("Consul")}/v1/kv/of-nobody`, "PUT", "x")).toEqual(refused);
    expect(await jobs()).toEqual(["root"]);
    await expect(one.api("Consul", "/v1/kv/of-nobody")).rejects.toThrow("404");
  });

  test.each(["Consul", "Nomad"] as const)("is not for web pages to open: %s refuses what they send", async (engine) => {
    const { port, host } = new URL(one.url(engine));
    const status = (headers: Readonly<Record<string, string>>, path = "/v1/agent/self") =>
      statusOfRequest(Number(port), path, headers);
    expect(await status({ Host: host })).toBe(200);
    expect(await status({ Host: host, Origin: `http://${host}`, "Sec-Fetch-Site": "same-origin" })).toBe(200);
    expect(await status({ Host: `evil.example:${port}` })).toBe(403);
    expect(await status({ Host: host, Origin: "http://evil.example" })).toBe(403);
    expect(await status({ Host: host, Origin: "null" })).toBe(403);
    expect(await status({ Host: host, "Sec-Fetch-Site": "cross-site" })).toBe(403);
    if (engine === "Consul") return;
    const upgrade = {
      ...{ Connection: "Upgrade", Upgrade: "websocket" },
      ...{ "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==" },
    };
    expect(await status({ ...upgrade, Host: host, Origin: `http://${host}` }, exec())).toBe(101);
    expect(await status({ ...upgrade, Host: host, Origin: "http://evil.example" }, exec())).toBe(403);
    expect(
      await status({ ...upgrade, Host: `evil.example:${port}`, Origin: `http://evil.example:${port}` }, exec()),
    ).toBe(403);
  });

  test(
    "is safe from a page in a real browser, also from one whose name leads to it",
    async () => {
      const [consul, nomad] = [one.url("Consul"), one.url("Nomad")];
      const attempts = ["127.0.0.1", "evil.example"].flatMap((name) => {
        const at = (url: string, path: string) => url.replace("127.0.0.1", name) + path;
        const job = JSON.stringify({ Job: jobOf(`of-a-page-${name.replace(/\W/g, "")}`) });
        return [
          { kind: "post" as const, url: at(nomad, "/v1/jobs"), body: job },
          { kind: "form" as const, url: at(nomad, "/v1/jobs"), body: job.replace(/}$/, ',"x":"') },
          { kind: "put" as const, url: at(consul, "/v1/kv/of-a-page"), body: "x" },
          { kind: "read" as const, url: at(nomad, `/v1/client/fs/ls/${allocation}?path=/`) },
          { kind: "websocket" as const, url: at(nomad, exec()) },
        ];
      });
      expect(await outcomesOf(attempts)).toEqual(
        attempts.map(
          ({ kind, url }) => `${kind} ${url}: ${{ post: "sent", form: "sent" }[kind as string] ?? "refused"}`,
        ),
      );
      expect(await jobs()).toEqual(["root"]);
      await expect(one.api("Consul", "/v1/kv/of-a-page")).rejects.toThrow("404");
      expect(await look(`${nomad.replace("127.0.0.1", "evil.example")}/v1/jobs`)).toContain(
        "This port accepts requests only for 127.",
      );
      expect(await look(`${nomad}/v1/jobs`)).toContain('"ID":"root"');
    },
    2 * MINUTE,
  );

  test("has files that a task, though root, can neither change nor, if they are somebody's own, see", async () => {
    const inTask = async (command: string) => (await one.inTask(allocation, "task", ["sh", "-c", command])).output;
    const own = ["/root", "/home", "/tmp"].map((folder) => join(folder, name));
    const written = [
      "/",
      "/etc",
      "/home",
      "/opt",
      "/root",
      "/srv",
      "/tmp",
      "/usr/bin",
      "/usr/local/bin",
      "/var/lib",
    ].map((folder) => join(folder, `${name}-of-task`));
    try {
      for (const file of own) writeFileSync(file, "own");
      expect(await inTask(`cat ${own.join(" ")} 2>/dev/null; echo end`)).toBe("end\n");
      expect(await inTask(`touch ${written.join(" ")} && echo written`)).toBe("written\n");
      expect(written.filter((file) => existsSync(file))).toEqual([]);
    } finally {
      for (const file of [...own, ...written]) rmSync(file, { force: true });
    }
    // Written as it is, so that it would harm nobody.
    const setting = "/proc/sys/kernel/core_pattern";
    expect(await inTask(`cat ${setting} > ${setting} || echo refused`)).toContain("refused");
    expect(await inTask("find /dev -type b")).toBe("");
  });
});

test.each(["client-1", "server-1"])(
  "when %s dies, status fails and up boots just that again, with its data",
  async (name) => {
    const nodes = await one.api<{ ID: string }[]>("Nomad", "/v1/nodes");
    const inits = initsOf(one);
    const init = readState(new LabFiles(one.name))?.hosts.find((host) => host.name === name)?.init;
    await kill([init].filter((it) => it !== undefined));
    expect(await one.meshform(["status"])).toExit(1);

    const { code, output } = await one.up("bare");
    expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining(`${name} restarted`) as string });
    const { [name]: restarted, ...others } = initsOf(one);
    expect(restarted).not.toBe(inits[name]);
    expect(inits).toMatchObject(others);
    expect(await one.meshform(["status"])).toExit(0);
    const ids = (await one.api<{ ID: string }[]>("Nomad", "/v1/nodes")).map(({ ID }) => ID);
    expect(ids.sort()).toEqual(nodes.map(({ ID }) => ID).sort());
  },
);

test("up --watch deploys each change, survives an app that is broken, and ends by Ctrl-C while the lab goes on", async () => {
  mkdirSync(join(ROOT, ".meshform"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, ".meshform", "watch-"));
  const write = (body: string) => {
    const lines = [
      `import { ConsulConfigEntry, synthesize } from "../../constructs";`,
      `import { MeshStack, readSettings } from "../../stacks";`,
      `synthesize((app) => { const mesh = new MeshStack(app, "mesh", readSettings(app)); ${body} });`,
    ];
    writeFileSync(join(folder, "main.ts"), lines.join("\n"));
  };
  write("");
  const watching = spawn(process.execPath, [CLI, "up", "--watch", "--name", one.name], { cwd: folder });
  const ended = once(watching, "exit");
  let output = "";
  for (const stream of [watching.stdout, watching.stderr])
    stream.on("data", (part: Buffer) => (output += String(part)));
  const waits = (times: number) =>
    eventually(async () => {
      await Promise.resolve();
      expect(output.match(/^Waiting for changes in /gm) ?? []).toHaveLength(times);
    }, MINUTE);
  try {
    await waits(1);
    write(`throw new Error("mesh: this app is broken. Fix it.");`);
    await waits(2);
    expect(output).toMatch(/^Changed: main\.ts\n[^]*this app is broken\. Fix it\./m);
    write(
      `new ConsulConfigEntry(mesh, "later", { kind: "service-defaults", name: "later", entry: () => ({ Protocol: "http" }) });`,
    );
    await waits(3);
    expect(await one.api("Consul", "/v1/config/service-defaults/later")).toMatchObject({ Protocol: "http" });
  } finally {
    watching.kill("SIGINT");
    rmSync(folder, { recursive: true });
  }
  expect(await ended).toEqual([130, null]);
  expect(await one.up("bare")).toExit(0);
  expect((await statusOf(one)).healthy).toBe(true);
});

test("two labs with equal addresses run side by side and know nothing of each other", async () => {
  expect(await two.up("bare", "--disks")).toExit(0);
  const nodesOf = async (lab: TestLab) => (await lab.api<{ ID: string }[]>("Nomad", "/v1/nodes")).map(({ ID }) => ID);
  const [ofOne, ofTwo] = [await nodesOf(one), await nodesOf(two)];
  expect([ofOne.length, ofTwo.length]).toEqual([2, 2]);
  expect(new Set([...ofOne, ...ofTwo]).size).toBe(4);
  expect(one.url("Consul")).not.toBe(two.url("Consul"));
  expect((await statusOf(one)).healthy).toBe(true);
});

test("both are listed, and while one is there, down does not remove the engines of the other", async () => {
  const { output } = await run(process.execPath, [CLI, "list", "--json"]);
  const urlOf = (lab: TestLab) => ({ name: "consul", datacenter: "dc1", url: lab.url("Consul").replace("/ui/", "") });
  for (const lab of [one, two]) {
    const found = (JSON.parse(output) as ListedLab[]).find(({ name }) => name === lab.name);
    expect(found).toMatchObject({ profile: "plain", datacenters: ["dc1"], hosts: 3, running: 3 });
    expect(found?.listeners).toContainEqual(urlOf(lab));
  }
  const table = (await run(process.execPath, [CLI, "list"])).output;
  expect(table).toMatch(new RegExp(`^${one.name} +plain +dc1 +3/3 running +http://127\\.0\\.0\\.1:\\d+$`, "m"));

  const suggested = (await run(process.execPath, [CLI, "complete", "--", "status", "--name", one.name.slice(0, -1)]))
    .output;
  expect(suggested.split("\n").map((line) => line.split("\t")[0])).toContain(one.name);

  const refused = await two.meshform(["down", "--cache"]);
  expect(refused).toExit(1);
  expect(refused.output).toMatch(new RegExp(`^These labs use the engines in the cache: .*${one.name}`));
  expect((await statusOf(two)).healthy).toBe(true);
});

test("the agents of a lab with disks have their data there: one can be full, or replaced, and the other has all it had", async () => {
  const onClient = (script: string) => two.meshform(["exec", "client-1", "--", "sh", "-c", script]);
  const full = await onClient("fallocate --length=1100M /opt/consul/full; rm -f /opt/consul/full");
  expect(full.output).toContain("No space left on device");
  expect(
    await onClient("touch /opt/consul/kept /opt/nomad/kept && fallocate --length=1100M /opt/nomad/x"),
  ).toMatchObject({
    code: 0,
  });

  await powerOff(two, "client-1");
  rmSync(join(new LabFiles(two.name).host("client-1"), "disks", "consul.img"));
  expect(await two.up("bare")).toExit(0);

  expect((await onClient("ls /opt/consul/kept")).code).not.toBe(0);
  expect(await onClient("ls /opt/nomad/kept")).toExit(0);
  expect((await two.down()).output).toContain(`Removed lab ${two.name}`);
  expect((await run("losetup", ["--list", "--noheadings", "--output=BACK-FILE"])).output).not.toContain(two.name);
});

test("while one command works on a lab, another is refused", async () => {
  const [first, second] = await Promise.all([one.up("bare"), one.up("bare")]);
  const [winner, loser] = first.code === 0 ? [first, second] : [second, first];
  expect(winner).toExit(0);
  // Both may also have had their turn, one after the other.
  if (loser.code !== 0) expect(loser.output).toContain(`Another meshform command on the lab ${one.name}`);
});

test("an app that fails ends up with its own words, before anything is touched", async () => {
  const { code, output } = await killed.up("broken");
  expect(code).toBe(1);
  expect(output).toContain("mesh: this app is broken. Fix it.");
  expect(existsSync(new LabFiles(killed.name).folder)).toBe(false);
});

describe("a command that is killed outright in the middle of a boot", () => {
  /** Starts `up` and kills it as soon as a host has been started. */
  async function killedUp(): Promise<void> {
    const cli = join(__dirname, "..", "..", "cli", "meshform.mjs");
    const child = spawn(process.execPath, [cli, "up", "--name", killed.name, "--app", app], { stdio: "ignore" });
    const closed = once(child, "close");
    await eventually(() => {
      if (Object.keys(initsOf(killed)).length === 0) throw new Error("no host yet");
      return Promise.resolve();
    });
    child.kill("SIGKILL");
    await closed;
  }

  test("can be repeated", async () => {
    await killedUp();
    expect(await killed.meshform(["status"])).toExit(1);
    expect(await killed.up("bare")).toExit(0);
    expect((await statusOf(killed)).healthy).toBe(true);
    await killed.down();
  });

  test.each([
    ["", () => undefined],
    [
      ", also with a state that nobody can read",
      (file: string) => {
        writeFileSync(file, readFileSync(file, "utf8").slice(0, 40));
      },
    ],
  ])("can be taken down%s", async (_, spoil) => {
    await killedUp();
    spoil(new LabFiles(killed.name).state);
    expect((await killed.down()).output).toContain(`Removed lab ${killed.name}`);
    expect(await traces([killed.name])).toMatchObject({ processes: [], files: [], groups: [] });
  });
});

test("down leaves the machine as it was, and says so when there is nothing", async () => {
  expect(await one.down()).toExit(0);
  // The kernel takes namespaces apart a moment after their last process.
  await eventually(async () => expect(await newTraces(before, names)).toEqual([]));
  expect(await one.down()).toEqual({ code: 0, output: `There is no lab ${one.name}: nothing to do.\n` });
  expect(await one.meshform(["status"])).toExit(1);
});
