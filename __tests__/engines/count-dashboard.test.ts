import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { nomad } from "../../constructs";
import { ensureEngines } from "../../lab/machine/engines/ensure-engines";
import { crashConsul, expectHealthy } from "../support/consul-agents";
import { eventually } from "../support/eventually";
import { addGallery } from "../support/gallery";
import { run, TestLab } from "../support/lab";
import { synthMesh } from "../support/synth";

const MINUTE = 60_000;
const lab = new TestLab(`count-${process.pid}`, join(__dirname, "apps", "shop.ts"));

/** What the dashboard says of one request through the mesh. */
interface Answer {
  readonly status: number;
  readonly count?: number;
  readonly api?: { readonly instance: string; readonly node: string };
  readonly dashboard?: { readonly node: string };
  readonly mesh?: string;
}

interface Allocation {
  readonly ID: string;
  readonly NodeName: string;
  readonly ClientStatus: string;
}

beforeAll(async () => {
  await lab.mustUp("connected");
}, 10 * MINUTE);

afterAll(async () => {
  await lab.down();
}, MINUTE);

async function ask(): Promise<Answer> {
  const response = await fetch(`${lab.url("count-dashboard")}/api`, { signal: AbortSignal.timeout(5_000) });
  return { status: response.status, ...((await response.json()) as object) };
}

async function askTimes(times: number): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let n = 0; n < times; n++) {
    answers.push(await ask());
  }
  return answers;
}

const instancesIn = (answers: readonly Answer[]) => new Set(answers.map(({ api }) => api?.instance));

/** Waits until requests of the dashboard reach both instances of the API. */
const bothInstancesAnswer = () => eventually(async () => expect(instancesIn(await askTimes(8)).size).toBe(2));

const apiAllocations = () => lab.api<Allocation[]>("Nomad", "/v1/job/count-api/allocations");

test("the dashboard counts through two sidecars, and two instances on two hosts share the load", async () => {
  // An Envoy learns of each instance when Consul tells it, a moment after the instance is healthy.
  await bothInstancesAnswer();
  const answers = await askTimes(40);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  const perInstance = [...instancesIn(answers)].map((id) => answers.filter(({ api }) => api?.instance === id));
  expect(perInstance).toHaveLength(2);
  for (const ofOne of perInstance) {
    expect(ofOne.length).toBeGreaterThanOrEqual(10);
    const counts = ofOne.map(({ count }) => count ?? 0);
    expect(counts).toEqual(counts.map((_, index) => counts[0] + index));
  }
  expect(new Set(answers.map(({ api }) => api?.node)).size).toBe(2);
  expect(answers.some(({ api, dashboard }) => api?.node !== dashboard?.node)).toBe(true);
});

test(
  "without the intention the dashboard is refused, and allowed again with it, live",
  async () => {
    const path = "/v1/config/service-intentions/count-api";
    const entry = await lab.api<object>("Consul", path);
    await lab.api("Consul", path, "DELETE");
    await eventually(async () => expect((await ask()).status).toBe(502));
    await lab.api("Consul", "/v1/config", "PUT", entry);
    await eventually(async () => expect((await ask()).status).toBe(200));
  },
  2 * MINUTE,
);

test(
  "up puts back what was removed behind its back",
  async () => {
    await lab.api("Consul", "/v1/config/service-intentions/count-api", "DELETE");
    await eventually(async () => expect((await ask()).status).toBe(502));
    expect(await lab.up("connected")).toExit(0);
    await eventually(async () => expect((await ask()).status).toBe(200));
  },
  3 * MINUTE,
);

test(
  "status finds what was changed manually; up puts it back, and names what is not the app's",
  async () => {
    expect(await lab.meshform(["status"])).toExit(0);
    const job = await lab.api<nomad.Job>("Nomad", "/v1/job/count-api");
    const everyService = { Kind: "service-intentions", Name: "*", Sources: [{ Name: "*", Action: "allow" }] };
    const denied = { ...everyService, Name: "count-api", Sources: [{ Name: "count-dashboard", Action: "deny" }] };
    for (const entry of [everyService, denied]) await lab.api("Consul", "/v1/config", "PUT", entry);
    await lab.api("Nomad", "/v1/job/count-dashboard", "DELETE");
    const [group] = job.TaskGroups ?? [];
    await lab.api("Nomad", "/v1/jobs", "PUT", { Job: { ...job, TaskGroups: [{ ...group, Count: 1 }] } });

    const status = await lab.meshform(["status"]);
    expect(status).toExit(1);
    const remedy = `npm run exec -- --name ${lab.name} server-1 -- consul config delete -kind service-intentions -name '*'`;
    const foreign = `The config entry service-intentions/* does not belong to the app: every service may reach every service. To remove it: ${remedy}`;
    expect(status.output.split("\n")).toEqual(
      expect.arrayContaining([
        "The job count-dashboard was stopped, but the app contains it: `npm run up` starts it again.",
        'The job count-api differs from the app (count-api.Count is "1", not "2"): `npm run up` restores it.',
        "The config entry service-intentions/count-api differs from the app's in Sources: `npm run up` restores it.",
        foreign,
        `Lab ${lab.name} is not healthy.`,
      ]),
    );

    const up = await lab.up("connected");
    expect(up).toMatchObject({ code: 1, output: expect.stringContaining(`  ${foreign}\n`) as string });
    expect(up.output).not.toContain("The mesh runs.");
    const remaining = await lab.meshform(["status", "--json"]);
    expect(JSON.parse(remaining.output)).toMatchObject({ healthy: false, problems: [foreign] });

    const [host = "", command = ""] = remedy.replace(/^.*?(server-1)/, "$1").split(" -- ");
    expect(await lab.onHost(host, ...command.replaceAll("'", "").split(" "))).toExit(0);
    expect(await lab.meshform(["status"])).toExit(0);
    await eventually(async () => expect((await ask()).status).toBe(200));
  },
  3 * MINUTE,
);

test(
  "status finds a client that an operator has taken out of service, and up does not wait for it",
  async () => {
    const nodes = await lab.api<{ ID: string; Name: string }[]>("Nomad", "/v1/nodes");
    const node = nodes.find(({ Name }) => Name === "client-2")?.ID.slice(0, 8) ?? "";
    const eligibility = (to: string) => ["nomad", "node", "eligibility", to, node];
    expect(await lab.onHost("server-1", ...eligibility("-disable"))).toExit(0);
    const sentence = `Nomad does not place allocations on client-2, which is ineligible. To make it eligible: npm run exec -- --name ${lab.name} server-1 -- ${eligibility("-enable").join(" ")}`;
    const status = await lab.meshform(["status"]);
    expect(status).toMatchObject({ code: 1, output: expect.stringContaining(sentence) as string });
    expect(await lab.up("connected")).toMatchObject({
      code: 1,
      output: expect.stringContaining(sentence) as string,
    });
    expect(await lab.onHost("server-1", ...eligibility("-enable"))).toExit(0);
    expect(await lab.meshform(["status"])).toExit(0);
  },
  2 * MINUTE,
);

test(
  "an unhealthy instance gets no traffic, and gets it again when it is healthy",
  async () => {
    const [instance] = (await apiAllocations()).filter(({ ClientStatus }) => ClientStatus === "running");
    const switchHealth = async (to: "fail" | "pass") => {
      const request = `fetch("http://127.0.0.1:9011/health/${to}", { method: "POST" }).then((r) => process.exit(r.ok ? 0 : 1))`;
      expect(await lab.inTask(instance.ID, "count-api", ["node", "-e", request])).toExit(0);
    };
    const short = instance.ID.slice(0, 8);
    await switchHealth("fail");
    await eventually(async () => expect(instancesIn(await askTimes(10))).not.toContain(short));
    const meanwhile = await askTimes(20);
    expect(instancesIn(meanwhile).size).toBe(1);
    expect(meanwhile.every(({ status }) => status === 200)).toBe(true);
    await switchHealth("pass");
    await eventually(async () => expect(instancesIn(await askTimes(10))).toContain(short));
  },
  3 * MINUTE,
);

test(
  "Consul agents that crash one after another, each once the instance on the other's host gets requests again, cost no request",
  async () => {
    await bothInstancesAnswer();
    const answers: Promise<number>[] = [];
    const load = setInterval(() => answers.push(ask().then(({ status }) => status)), 100);
    try {
      for (const host of ["client-1", "client-2"]) {
        await crashConsul(lab, host);
        // Checks may pass for a moment after the start, before Nomad registers the services again: then they are critical first.
        await sleep(35_000);
        await expectHealthy(lab, [host]);
        // The caller's Envoy hears of it a moment later: until then it may use what it knew before.
        await sleep(2_000);
        await bothInstancesAnswer();
      }
    } finally {
      clearInterval(load);
    }
    const statuses = await Promise.all(answers);
    expect(statuses.length).toBeGreaterThan(20);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
  },
  5 * MINUTE,
);

describe("jobs of each kind, of several groups, services and ports, in several namespaces", () => {
  const runs: string[] = [];
  let output: string;

  beforeAll(async () => {
    ({ output } = await lab.mustUp("job-files"));
  }, 3 * MINUTE);

  afterAll(async () => {
    // Nomad keeps them even when the jobs are gone that started them.
    for (const path of runs) await lab.api("Nomad", path.replace("?", "?purge=true&"), "DELETE");
  }, MINUTE);

  /** Waits for the end of a run. */
  async function done(id: string, namespace: string): Promise<void> {
    const [path, query] = [`/v1/job/${encodeURIComponent(id)}`, `?namespace=${namespace}`];
    runs.push(`${path}${query}`);
    await eventually(async () => {
      const allocations = await lab.api<Allocation[]>("Nomad", `${path}/allocations${query}`);
      expect(allocations.map(({ ClientStatus }) => ClientStatus)).toEqual(["complete"]);
    }, MINUTE);
  }

  const rowsOf = (text: string) => text.split("\n").map((line) => line.split(/ {2,}/));

  test("a port on which a program listens for UDP only is no page that fails", () => {
    expect(output).toContain(
      "Port 9053 of names is one of UDP, which the lab does not lead to this machine. On a host of the lab, it is at 10.200.1.1 or 10.200.1.2.",
    );
    expect(output).not.toContain("http://127.0.0.1:9053");
  });

  test(
    "run, and a client of a periodic job reaches each of their services",
    async () => {
      const before = await lab.meshform(["status"]);
      expect(before).toExit(0);
      expect(rowsOf(before.output)).toEqual(
        expect.arrayContaining([
          ["tour", "default", "periodic, no run yet", "0/0", "tour"],
          ["mailing", "office", "parameterized, no run yet", "0/0", "mailing"],
        ]),
      );
      await lab.api("Nomad", "/v1/job/tour/periodic/force", "POST");
      const [{ ID }] = await lab.api<{ readonly ID: string }[]>("Nomad", "/v1/jobs?prefix=tour/");
      await done(ID, "default");
    },
    3 * MINUTE,
  );

  test(
    "have a row in status each, with namespace, kind, and the services of all groups",
    async () => {
      const dispatch = "/v1/job/mailing/dispatch?namespace=office";
      const { DispatchedJobID } = await lab.api<{ DispatchedJobID: string }>("Nomad", dispatch, "POST", {
        Meta: { to: "ada" },
      });
      await done(DispatchedJobID, "office");
      const outcome = await lab.meshform(["status"]);
      expect(outcome).toExit(0);
      const { output } = outcome;
      const rows = rowsOf(output).map((row) => row.map((cell, column) => (column === 4 ? "…" : cell)));
      expect(rows).toEqual(
        expect.arrayContaining([
          ["JOB", "NAMESPACE", "KIND", "HEALTHY", "…", "SERVICES"],
          ["shop", "default", "service", "4/4", "…", "shop-store, shop-api, shop-page, shop-page-outside"],
          ["accounts", "default", "service", "1/1", "…", "accounts, accounts-admin, accounts-figures"],
          ["tour", "default", "periodic, last run done", "1/1", "…", "tour"],
          ["closing", "office", "batch, done", "1/1", "…", "closing"],
          ["mailing", "office", "parameterized, last run done", "1/1", "…", "mailing"],
          ["lamp", "office", "system", "1/1", "…", "lamp"],
        ]),
      );
    },
    2 * MINUTE,
  );

  test(
    "have logs by service and by job, also those that are done, of the tasks of just that group and of just that Envoy",
    async () => {
      const logs = async (...args: string[]) => (await lab.meshform(["logs", ...args])).output;
      expect(await logs("closing")).toMatch(/stdout \| closed with entries/);
      expect(await logs("mailing")).toMatch(/stdout \| mailed ada/);
      expect(await logs("ledger")).toMatch(/ clerk stdout \| the clerk is in/);
      const allocationsIn = (text: string) => new Set([...text.matchAll(/^\S+ (\w{8}) /gm)].map(([, id]) => id));
      expect(allocationsIn(await logs("--sidecar", "shop")).size).toBe(4);
      expect(allocationsIn(await logs("--sidecar", "shop-api")).size).toBe(2);
      const both = await logs("--sidecar", "accounts");
      expect(both).toMatch(/listener 'shop-api:127.0.0.1:7110'/);
      expect(await logs("--sidecar", "accounts-admin")).not.toMatch(/listener 'shop-api:/);
      expect(await logs("--sidecar", "lamp")).toMatch(/^lamp has no running Envoy/);
      expect(await logs("nothing")).toMatch(/There are: accounts, .*ledger.*tour, watcher\.$/m);
    },
    2 * MINUTE,
  );

  test("are among those who talk to each other, and nobody is missed who offers nothing, or is outside the mesh", () => {
    const [, talks = ""] = /Connections:\n(.*?)\n\n/s.exec(output) ?? [];
    expect(talks.split("\n").map((line) => line.trim())).toEqual(
      expect.arrayContaining(["tour → accounts-admin", "closing → ledger", "mailing → ledger", "watcher → shop-api"]),
    );
    expect(output).not.toContain("Nothing can reach");
  });

  test(
    "are in the picture, with the health of their own group",
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "picture-"));
      try {
        const { output } = await lab.meshform(["graph", "--live", "--output", folder, "--format", "svg"]);
        const health = Object.fromEntries(rowsOf(output).map(([name, count]) => [name, count]));
        expect(health).toMatchObject({
          "shop-api": "2/2",
          "shop-page": "1/1",
          "shop-store": "1/1",
          tour: "1/1",
          lamp: "1/1",
        });
        const svg = readFileSync(join(folder, "mesh.svg"), "utf8");
        const boxes = [...svg.matchAll(/<text[^>]*>([^<]+)<\/text>/g)].map(([, text]) => text);
        expect(boxes).toEqual(
          expect.arrayContaining([
            ...["shop-api", "http :7002 · 2/2 healthy", "tcp · periodic · done", "tcp · batch · done"],
            ...["tcp · parameterized · done", "lamp", "outside the mesh · system · 1/1 healthy"],
          ]),
        );
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
    2 * MINUTE,
  );
});

test(
  "what goes over the wire between hosts is TLS, while the published port is plain",
  async () => {
    const { dashboard } = await ask();
    const host = dashboard?.node ?? "";
    const filter = ["tcp", "and", "greater", "100"];
    const capture = lab.meshform([
      ...["exec", host, "--", "timeout", "6", "tcpdump", "-i", "eth0", "-n", "-A", "-s", "0", "-c", "2000"],
      ...filter,
    ]);
    // Nothing says when it has begun to listen.
    const over = new AbortController();
    const captured = capture.finally(() => over.abort());
    while (!over.signal.aborted) await askTimes(5);
    const packets = (await captured).output.split(/^(?=\d\d:\d\d:\d\d\.\d+ IP )/m);
    const plain = packets.filter((packet) => packet.includes('"count"'));
    const onPublished = (packet: string) => /\.9002(:| >)/.test(packet.split("\n", 1)[0]);
    // The control: the very words are seen where there is no TLS, and nowhere else.
    expect(plain.some(onPublished)).toBe(true);
    expect(plain.filter((packet) => !onPublished(packet))).toEqual([]);

    const [first] = (await apiAllocations()).filter(({ ClientStatus }) => ClientStatus === "running");
    const stats = await lab.inTask(first.ID, "count-api", [
      "node",
      "-e",
      'fetch("http://127.0.0.2:19001/stats?filter=public_listener.*ssl.handshake|ssl.handshake").then((r) => r.text()).then(console.log)',
    ]);
    const handshakes = [...stats.output.matchAll(/ssl\.handshake: (\d+)/g)].map(([, count]) => Number(count));
    expect(Math.max(...handshakes)).toBeGreaterThan(0);
  },
  2 * MINUTE,
);

test(
  "a permission for other requests refuses the dashboard's",
  async () => {
    const { output } = await lab.up("readers");
    expect(output).toContain("count-dashboard → count-api (some requests)");
    await eventually(async () => expect((await ask()).status).toBe(502));
  },
  3 * MINUTE,
);

test(
  "without the connection the page fails, and up says that nothing may reach the API",
  async () => {
    const { code, output } = await lab.up("disconnected");
    expect(code).not.toBe(0);
    expect(output).toContain("Nothing can reach count-api");
    await eventually(async () => expect((await ask()).status).toBe(503));
  },
  3 * MINUTE,
);

test(
  "a service that is removed from the app is removed from the lab, its config entries too",
  async () => {
    await lab.up("connected");
    const { code, output } = await lab.up("alone");
    expect({ code, output }).toExit(0);
    const jobs = await lab.api<{ ID: string; Status: string }[]>("Nomad", "/v1/jobs");
    expect(jobs.map(({ ID }) => ID)).toEqual(["count-api"]);
    const kinds = ["service-defaults", "service-intentions"];
    const entries = await Promise.all(kinds.map((kind) => lab.api<{ Name: string }[]>("Consul", `/v1/config/${kind}`)));
    expect(entries.map((ofKind) => ofKind.map(({ Name }) => Name))).toEqual([["count-api"], []]);
  },
  4 * MINUTE,
);

describe("of everything that can be rendered", () => {
  const gallery = synthMesh(addGallery, { proxyDefaults: { Config: { protocol: "tcp" } } });
  const folder = mkdtempSync(join(tmpdir(), "gallery-"));

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  test.each(Object.entries(gallery.jobs))("Nomad accepts the job %s", async (id, job: nomad.Job) => {
    const file = join(folder, `${id}.json`);
    writeFileSync(file, JSON.stringify(job));
    const engines = await ensureEngines();
    const args = ["job", "validate", "-json", `-address=${lab.url("Nomad")}`, file];
    const env = { NOMAD_TOKEN: lab.tokenFor("Nomad") ?? "" };
    expect(await run(engines.nomad.path, args, { env })).toEqual({ code: 0, output: "Job validation successful\n" });
  });

  test("Consul accepts each config entry", async () => {
    // In the order in which Terraform would write them: permissions need the protocol first.
    const entries = Object.values(gallery.entries).sort((left, right) => left.Kind.localeCompare(right.Kind));
    expect(entries.length).toBeGreaterThan(6);
    for (const entry of entries) {
      // Of the kind `mesh` there is one, and Consul takes no name for it; the provider sends none.
      const { Name, ...nameless } = { Name: undefined, ...entry };
      const sent = entry.Kind === "mesh" ? nameless : { ...nameless, Name };
      expect(await lab.api("Consul", "/v1/config", "PUT", sent)).toBe(true);
    }
  });
});

test(
  "down says so and leaves no lab",
  async () => {
    expect(await lab.down()).toExit(0);
    expect((await lab.down()).output).toMatch(/nothing|no lab/i);
  },
  MINUTE,
);
