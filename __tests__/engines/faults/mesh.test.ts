import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LabFiles } from "../../../lab/lab-files";
import { kill } from "../../../lab/processes";
import { crashConsul } from "../../support/consul-agents";
import { eventually } from "../../support/eventually";
import { Figures } from "../../support/figures";
import { TestLab } from "../../support/lab";
import { agentOf, powerOff } from "../../support/lab-hosts";
import { cutOff } from "../../support/network-faults";
import { fillDisk } from "../../support/small-disk";
import { loadWhile, PAUSE_MS, type Load } from "../../support/steady-load";
import { processOfTask } from "../../support/task-process";

const MINUTE = 60_000;
jest.setTimeout(8 * MINUTE);
const lab = new TestLab(`faults-${process.pid}`, join(__dirname, "..", "apps", "steady.ts"));
const files = new LabFiles(lab.name);
const servers = { "server-1": "10.200.0.10", "server-2": "10.200.0.11", "server-3": "10.200.0.12" };
const clients = { "client-1": "10.200.1.1", "client-2": "10.200.1.2" };
const figures = new Figures();

/** More requests than this a load cannot send in so many seconds: a bound that holds on a slow machine too. */
const within = (seconds: number) => (seconds * 1_000) / PAUSE_MS;

/** What is asked steadily: the page's upstreams, and the gateway. */
const PATHS = ["SINGLE", "DOUBLE", "TCP", "OUTSIDE", "gate"] as const;
type Path = (typeof PATHS)[number];

async function ask(path: Path): Promise<number> {
  const url = path === "gate" ? lab.url("gate") : `${lab.url("page")}/${path}`;
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  await response.text();
  return response.status;
}

/** A steady load on paths while something happens. */
function load<P extends Path>(paths: readonly P[], act: () => Promise<unknown>): Promise<Readonly<Record<P, Load>>> {
  const asks = Object.fromEntries(paths.map((path) => [path, () => ask(path)])) as Record<P, () => Promise<number>>;
  return loadWhile(asks, act);
}

/** Waits until each path has answered 20 times in a row. */
async function settled(paths: readonly Path[] = PATHS, timeoutMs = MINUTE): Promise<void> {
  await eventually(async () => {
    for (const path of paths) {
      for (let n = 0; n < 20; n++) expect([path, await ask(path)]).toEqual([path, 200]);
    }
  }, timeoutMs);
}

/** That no request failed, and there were some. */
function expectNoneFailed(loads: Readonly<Record<string, Load>>): void {
  for (const [path, { answers, sent }] of Object.entries(loads)) {
    expect([path, [...new Set(answers)]]).toEqual([path, [200]]);
    expect(sent).toBeGreaterThan(30);
  }
}

interface Allocation {
  readonly ID: string;
  readonly JobID: string;
  readonly NodeName: string;
  readonly NodeID: string;
  readonly ClientStatus: string;
}

async function running(job?: string): Promise<Allocation[]> {
  const all = await lab.api<Allocation[]>("Nomad", "/v1/allocations");
  return all.filter(({ ClientStatus, JobID }) => ClientStatus === "running" && (job ?? JobID) === JobID);
}

/** Waits until Consul finds so many instances healthy, which are all that run. */
async function haveInstances(job: string, count: number): Promise<void> {
  await eventually(async () => {
    expect(await running(job)).toHaveLength(count);
    expect(await lab.api<object[]>("Consul", `/v1/health/connect/${job}?passing`)).toHaveLength(count);
  }, MINUTE);
}

/** Kills the process of a task of a job's first instance, as `kill -9` does. */
async function killTask(job: string, task = job): Promise<void> {
  const [{ ID }] = await running(job);
  await kill([processOfTask(ID, task)]);
}

/** Who the leader is, by its address. */
async function leaderOf(engine: "Consul" | "Nomad"): Promise<keyof typeof servers> {
  const address = await lab.api<string>(engine, "/v1/status/leader");
  const [name] = Object.entries(servers).find(([, its]) => address.startsWith(`${its}:`)) ?? [];
  if (name === undefined) throw new Error(`${engine} has no leader: ${address}`);
  return name as keyof typeof servers;
}

/** The term of Consul's raft, which each election raises. */
async function termOf(engine: "consul" | "nomad"): Promise<number> {
  const { output } = await lab.onHost("server-1", engine, engine === "consul" ? "info" : "agent-info");
  return Number(/^\s*term = (\d+)/m.exec(output)?.[1]);
}

/** Writes a value again and again; @returns what ends that, and says for how long at most no write succeeded */
function writeAlways(): () => Promise<{ readonly written: number; readonly longestMs: number }> {
  const over = new AbortController();
  let [written, longestMs, last] = [0, 0, Date.now()];
  const writing = (async () => {
    while (!over.signal.aborted) {
      await lab.api("Consul", "/v1/kv/faults/beat", "PUT", written).then(
        () => {
          written++;
          longestMs = Math.max(longestMs, Date.now() - last);
          last = Date.now();
        },
        () => undefined,
      );
      await sleep(50);
    }
  })();
  return async () => {
    over.abort();
    await writing;
    return { written, longestMs };
  };
}

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;

beforeAll(async () => {
  await lab.mustUp("v1", "--secure");
  await settled();
}, 10 * MINUTE);

afterAll(async () => {
  figures.print();
  await lab.down();
}, MINUTE);

const upstreams = ["SINGLE", "DOUBLE", "TCP"] as const;

describe("a process that is killed", () => {
  test("Nomad's agent on a client: allocations go on, and no request fails", async () => {
    const before = await running();
    const agent = agentOf(lab, "client-2", "nomad");
    const loads = await load(PATHS, async () => {
      await kill([agent]);
      await eventually(async () => {
        expect(agentOf(lab, "client-2", "nomad").pid).not.toBe(agent.pid);
        const nodes = await lab.api<{ Status: string }[]>("Nomad", "/v1/nodes");
        expect(nodes.map(({ Status }) => Status)).toEqual(["ready", "ready"]);
      });
      await sleep(8_000);
    });
    figures.add("Nomad's agent on a client killed", loads);
    expectNoneFailed(loads);
    expect((await running()).map(({ ID }) => ID).sort()).toEqual(before.map(({ ID }) => ID).sort());
  });

  test("Consul's agent on a client: a service on two hosts loses nothing, and new intentions reach every Envoy", async () => {
    const loads = await load(PATHS, async () => {
      await crashConsul(lab, "client-2");
      // So long the checks of its services may take to pass again: Consul looks at each sidecar every 10 s.
      await sleep(10_000);
      await settled();
    });
    figures.add("Consul's agent on a client killed", loads, "single and tcp have their only instance there");
    const { SINGLE, TCP, ...others } = loads;
    expectNoneFailed(others);
    for (const { failed } of [SINGLE, TCP]) expect(failed).toBeLessThan(within(15));
    await denied("DOUBLE");
  });

  test("the caller's Envoy: it reaches nothing until Nomad has started it again", async () => {
    const loads = await load(upstreams, async () => {
      await killTask("page", "connect-proxy-page");
      await settled(upstreams);
    });
    figures.add("Envoy of the caller killed", loads);
    for (const { failed } of Object.values(loads)) expect(failed).toBeLessThan(within(10));
  });

  test("the Envoy of one of two instances costs a few requests, of the only one those until it is back", async () => {
    const loads = await load(upstreams, async () => {
      await killTask("double", "connect-proxy-double");
      await killTask("single", "connect-proxy-single");
      await settled(upstreams);
    });
    figures.add("Envoy of an instance killed", loads);
    expect(loads.DOUBLE.failed).toBeLessThanOrEqual(8);
    // Its own check may have found it dead, and looks again after 10 s.
    expect(loads.SINGLE.failed).toBeLessThan(within(20));
    expectNoneFailed({ TCP: loads.TCP });
  });

  test("one of two instances costs a few requests at most, the only one those until it is back", async () => {
    await haveInstances("double", 2);
    const loads = await load(upstreams, async () => {
      await killTask("double");
      await killTask("single");
      await settled(upstreams);
    });
    figures.add("task killed", loads);
    expect(loads.DOUBLE.failed).toBeLessThanOrEqual(8);
    expect(loads.SINGLE.failed).toBeLessThan(within(15));
    expectNoneFailed({ TCP: loads.TCP });
  });

  test("the Envoy of an API gateway and of a terminating gateway: Nomad starts each again", async () => {
    const loads = await load(PATHS, async () => {
      await killTask("gate", "connect-proxy-gate-envoy");
      await killTask("egress", "connect-terminating-egress");
      await settled();
    });
    const { OUTSIDE, gate, ...others } = loads;
    figures.add("Envoy of a gateway killed", { gate, OUTSIDE }, "the mesh gateway's: see two datacenters");
    expectNoneFailed(others);
    for (const { failed } of [OUTSIDE, gate]) expect(failed).toBeLessThan(within(15));
  });
});

/** Takes the page's access to an upstream's service away, and gives it back; each time until no answer is as before. */
async function denied(path: "SINGLE" | "DOUBLE" | "TCP"): Promise<{ readonly ms: readonly number[] }> {
  const name = { SINGLE: "single", DOUBLE: "double", TCP: "plain" }[path];
  const before = await lab.api<object>("Consul", `/v1/config/service-intentions/${name}`);
  const without = { Kind: "service-intentions", Name: name, Sources: [{ Name: "page", Action: "deny" }] };
  const ms: number[] = [];
  for (const [entry, isLetIn] of [
    [without, false],
    [before, true],
  ] as const) {
    await lab.api("Consul", "/v1/config", "PUT", entry);
    const at = Date.now();
    let settledAt = 0;
    await eventually(async () => {
      settledAt = Date.now();
      // Whichever instance is asked.
      for (let n = 0; n < 20; n++) expect((await ask(path)) === 200).toBe(isLetIn);
    });
    ms.push(settledAt - at);
  }
  return { ms };
}

test.each([
  ["SINGLE", "of http: at the next request"],
  ["DOUBLE", "of http, at both instances"],
  ["TCP", "of tcp: at the next connection"],
] as const)("an intention that is changed has its effect, and nothing else fails: %s, %s", async (path, what) => {
  const others = upstreams.filter((it) => it !== path);
  let ms: readonly number[] = [];
  const loads = await load(others, async () => ({ ms } = await denied(path)));
  figures.add(`intention ${what} denied, then allowed`, loads, `effect after ${ms.map(seconds).join(" and ")}`);
  expectNoneFailed(loads);
});

test("clients that are cut off from each other: the instance on the caller's host answers, the other one again when they are healed", async () => {
  expect((await running("single"))[0]).toMatchObject({ NodeName: "client-2" });
  const loads = await load(upstreams, async () => {
    const heal = await cutOff(lab, "client-2", clients["client-1"]);
    await sleep(20_000);
    await heal();
    await settled(upstreams);
  });
  figures.add("clients cut off from each other for 20 s", loads, "each failed request waits for 5 s");
  expect(loads.DOUBLE.failed).toBeLessThanOrEqual(10);
});

describe("the mesh's certificates", () => {
  interface Certificate {
    readonly valid_from: string;
    readonly expiration_time: string;
    readonly subject_alt_names: readonly { readonly uri?: string }[];
  }

  /** From when to when the certificate is valid that an Envoy has now, in milliseconds. */
  async function certificateOf(job: string): Promise<{ readonly from: number; readonly until: number }> {
    const [{ ID }] = await running(job);
    const script = `fetch("http://127.0.0.2:19001/certs").then(async (it) => console.log(await it.text()))`;
    const { output } = await lab.inTask(ID, job, ["node", "-e", script]);
    const { certificates } = JSON.parse(output) as { certificates: { cert_chain: Certificate[] }[] };
    const all = certificates.flatMap(({ cert_chain: chain }) => chain);
    const times = all.map((it) => ({ from: Date.parse(it.valid_from), until: Date.parse(it.expiration_time) }));
    return times.sort((one, other) => other.from - one.from)[0];
  }

  const configure = (Config: object) =>
    lab.api("Consul", "/v1/connect/ca/configuration", "PUT", { Provider: "consul", Config });

  /** Waits until the newest certificates of services are good for so long. */
  const haveNewOnes = (since: number, timeoutMs: number) =>
    eventually(async () => {
      for (const job of ["page", "single", "double"]) {
        // Consul dates them back by a minute.
        expect([job, (await certificateOf(job)).from > since - MINUTE]).toEqual([job, true]);
      }
    }, timeoutMs);

  test("a new authority takes over, and no request fails", async () => {
    const loads = await load(PATHS, async () => {
      const now = Date.now();
      await configure({ PrivateKeyType: "ec", PrivateKeyBits: 384, LeafCertTTL: "72h" });
      await haveNewOnes(now, MINUTE);
      await sleep(2_000);
    });
    figures.add("mesh CA rotated", loads);
    expectNoneFailed(loads);
  });

  // Consul renews at 60 to 90 percent of the lifetime, and the shortest for which it plans so is 10 min.
  (process.env.MESHFORM_LONG_TESTS ? test : test.skip)(
    "those near expiry are renewed in time, and no request fails",
    async () => {
      const started = Date.now();
      await configure({ PrivateKeyType: "ec", PrivateKeyBits: 256, LeafCertTTL: "10m", SkipValidate: true });
      await haveNewOnes(started, MINUTE);
      const loads = await load(PATHS, async () => {
        const { until } = await certificateOf("single");
        await sleep(until - Date.now());
        await haveNewOnes(started + 3 * MINUTE, MINUTE);
      });
      figures.add("leaf certificates renewed before they expired", loads);
      expectNoneFailed(loads);
    },
    15 * MINUTE,
  );
});

describe("what moves", () => {
  test("a node is drained: nothing is lost of two instances; of one what it asks for until the next has started", async () => {
    const [{ NodeID }] = await running("single");
    const loads = await load([...upstreams, "gate"], async () => {
      await lab.api("Nomad", `/v1/node/${NodeID}/drain`, "PUT", { DrainSpec: { Deadline: 120e9 } });
      await eventually(async () => {
        expect((await running()).filter((it) => it.NodeID === NodeID)).toEqual([]);
      }, 2 * MINUTE);
      await settled();
    });
    await lab.api("Nomad", `/v1/node/${NodeID}/drain`, "PUT", { DrainSpec: null, MarkEligible: true });
    figures.add("node drained", loads, "single and tcp had their only instance there");
    const { SINGLE, TCP, ...others } = loads;
    expectNoneFailed(others);
    for (const { failed } of [SINGLE, TCP]) expect(failed).toBeLessThan(within(20));
    await haveInstances("double", 2);
  });

  test("a new version of one instance and of two: nothing is lost", async () => {
    const loads = await load([...upstreams, "gate"], async () => {
      await lab.mustUp("v2");
      await settled();
      await sleep(5_000);
    });
    figures.add("new version of one instance and of two", loads);
    expectNoneFailed(loads);
    expect((await running("double")).map(({ NodeName }) => NodeName).sort()).toEqual(["client-1", "client-2"]);
  });

  test("scaled from 2 to 4 to 1: nothing is lost", async () => {
    const scale = async (Count: number) => {
      await eventually(() => lab.api("Nomad", "/v1/job/double/scale", "POST", { Count, Target: { Group: "double" } }));
      await haveInstances("double", Count);
    };
    const loads = await load(["DOUBLE", "gate"], async () => {
      await scale(4);
      await scale(1);
    });
    figures.add("scaled 2 → 4 → 1", loads);
    expectNoneFailed(loads);
    await scale(2);
  });
});

describe("a full disk", () => {
  test("of the leaders of Consul and Nomad: others take over, no request fails, and the full ones catch up", async () => {
    const full = { consul: await leaderOf("Consul"), nomad: await leaderOf("Nomad") };
    let longest = 0;
    const loads = await load(PATHS, async () => {
      const end = writeAlways();
      const heal = [await fillDisk(lab, full.consul, "consul"), await fillDisk(lab, full.nomad, "nomad server")];
      await sleep(10_000);
      for (let n = 0; n < 5; n++)
        await eventually(() => lab.api("Consul", "/v1/kv/faults/large", "PUT", "x".repeat(4e5)));
      for (const each of heal) await each();
      await eventually(async () => {
        const { output } = await lab.onHost(full.consul, "consul", "kv", "get", "-stale", "faults/beat");
        expect(Number(output)).toBeGreaterThan(0);
        const { output: peers } = await lab.onHost(full.consul, "consul", "operator", "raft", "list-peers");
        expect(peers.match(/true/g)).toHaveLength(3);
      }, MINUTE);
      ({ longestMs: longest } = await end());
    });
    figures.add("disk of the leaders full", loads, `at most ${seconds(longest)} without a write`);
    expectNoneFailed(loads);
  });

  test("of a client's agents: its services go on, and it takes new ones once there is room", async () => {
    const loads = await load(PATHS, async () => {
      const heal = [await fillDisk(lab, "client-2", "nomad client"), await fillDisk(lab, "client-2", "consul")];
      await sleep(10_000);
      for (const each of heal) await each();
      await sleep(10_000);
      await settled();
    });
    figures.add("disk of a client full", loads);
    const { SINGLE, TCP, ...others } = loads;
    expectNoneFailed(others);
    // Its Consul agent starts twice, after which the checks of its services pass again within 10 s.
    for (const { failed } of [SINGLE, TCP]) expect(failed).toBeLessThan(within(30));
    expect((await lab.up("v3")).code).toBe(0);
  });
});

test("servers are replaced one by one: no request fails, and no server is missed for longer than an election", async () => {
  const terms = { consul: await termOf("consul"), nomad: await termOf("nomad") };
  let beats = { written: 0, longestMs: 0 };
  const loads = await load(PATHS, async () => {
    const end = writeAlways();
    for (const server of Object.keys(servers)) {
      await powerOff(lab, server);
      rmSync(files.host(server), { recursive: true });
      const { code, output } = await lab.up("v3");
      if (code !== 0) throw new Error(output);
    }
    beats = await end();
  });
  const elections = { consul: (await termOf("consul")) - terms.consul, nomad: (await termOf("nomad")) - terms.nomad };
  const more = `${elections.consul} and ${elections.nomad} elections; at most ${seconds(beats.longestMs)} without a write`;
  figures.add("three servers lost and replaced, one by one", loads, more);
  expectNoneFailed(loads);
  // A leader can be lost at each turn, and an election may have to be repeated.
  for (const count of Object.values(elections)) expect(count).toBeLessThanOrEqual(6);
});

test("a client that is cut off from all servers: nothing fails, not even when its work was given to another and it is healed", async () => {
  const loads = await load(upstreams, async () => {
    const heal = await cutOff(lab, "client-2", ...Object.values(servers));
    await eventually(async () => {
      const nodes = await lab.api<{ Status: string }[]>("Nomad", "/v1/nodes");
      expect(nodes.map(({ Status }) => Status).sort()).toEqual(["down", "ready"]);
      expect((await running()).map(({ NodeName }) => NodeName)).not.toContain("client-2");
    }, 2 * MINUTE);
    await heal();
    await eventually(async () => {
      const nodes = await lab.api<{ Status: string }[]>("Nomad", "/v1/nodes");
      expect(nodes.map(({ Status }) => Status)).toEqual(["ready", "ready"]);
    }, MINUTE);
    await sleep(5_000);
  });
  figures.add("client cut off from all servers until it counted as lost, and healed", loads);
  expectNoneFailed(loads);
});

test("all hosts lose power at once and return with their data", async () => {
  const value = String(Date.now());
  await lab.api("Consul", "/v1/kv/faults/kept", "PUT", value);
  const intentions = await lab.api<object[]>("Consul", "/v1/config/service-intentions");
  const at = Date.now();
  await powerOff(lab, ...Object.keys(servers), ...Object.keys(clients));
  const { code, output } = await lab.up("v3");
  expect({ code, output }).toMatchObject({ code: 0 });
  await settled();
  figures.add("all hosts off and on", {}, `the mesh works ${seconds(Date.now() - at)} later`);
  expect(await lab.api("Consul", "/v1/kv/faults/kept?raw")).toBe(value);
  expect(await lab.api("Consul", "/v1/config/service-intentions")).toEqual(intentions);
});
