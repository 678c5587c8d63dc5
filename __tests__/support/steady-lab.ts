import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LabFiles } from "../../lab/core/lab-files";
import { kill } from "../../lab/machine/processes";
import { eventually } from "./eventually";
import { Figures } from "./figures";
import { TestLab } from "./lab";
import { loadWhile, PAUSE_MS, type Load } from "./steady-load";
import { processOfTask } from "./task-process";

export const MINUTE = 60_000;
export const lab = new TestLab(`faults-${process.pid}`, join(__dirname, "..", "engines", "apps", "steady.ts"));
export const files = new LabFiles(lab.name);
export const servers = { "server-1": "10.200.0.10", "server-2": "10.200.0.11", "server-3": "10.200.0.12" };
export const clients = { "client-1": "10.200.1.1", "client-2": "10.200.1.2" };
export const figures = new Figures();

/** More requests than this a load cannot send in so many seconds: a bound that holds on a slow machine too. */
export const within = (seconds: number) => (seconds * 1_000) / PAUSE_MS;

/** What is asked steadily: the page's upstreams, and the gateway. */
export const PATHS = ["SINGLE", "DOUBLE", "TCP", "OUTSIDE", "gate"] as const;
export type Path = (typeof PATHS)[number];

export async function ask(path: Path): Promise<number> {
  const url = path === "gate" ? lab.url("gate") : `${lab.url("page")}/${path}`;
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  await response.text();
  return response.status;
}

/** A steady load on paths while something happens. */
export function load<P extends Path>(
  paths: readonly P[],
  act: () => Promise<unknown>,
): Promise<Readonly<Record<P, Load>>> {
  const asks = Object.fromEntries(paths.map((path) => [path, () => ask(path)])) as Record<P, () => Promise<number>>;
  return loadWhile(asks, act);
}

/** Waits until each path has answered 20 times in a row. */
export async function settled(paths: readonly Path[] = PATHS, timeoutMs = MINUTE): Promise<void> {
  await eventually(async () => {
    for (const path of paths) {
      for (let n = 0; n < 20; n++) expect([path, await ask(path)]).toEqual([path, 200]);
    }
  }, timeoutMs);
}

/**
 * Waits until requests of the page reach both instances of the service that has two. Its Envoy passes over one that has failed, for
 * 30 s and more: it is alone without the other.
 */
export async function bothAnswer(): Promise<void> {
  await eventually(async () => {
    const bodies = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const response = await fetch(`${lab.url("page")}/DOUBLE`, { signal: AbortSignal.timeout(10_000) });
        return response.ok ? response.text() : response.status;
      }),
    );
    expect(bodies.filter((body) => typeof body === "number")).toEqual([]);
    expect(new Set(bodies).size).toBe(2);
  }, 2 * MINUTE);
}

/** That no request failed, and there were some. */
export function expectNoneFailed(loads: Readonly<Record<string, Load>>): void {
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
  /** In nanoseconds. */
  readonly CreateTime: number;
}

export async function running(job?: string): Promise<Allocation[]> {
  const all = await lab.api<Allocation[]>("Nomad", "/v1/allocations");
  return all.filter(({ ClientStatus, JobID }) => ClientStatus === "running" && (job ?? JobID) === JobID);
}

/** Waits until Consul finds so many instances healthy, which are all that run. */
export async function haveInstances(job: string, count: number): Promise<void> {
  await eventually(async () => {
    expect(await running(job)).toHaveLength(count);
    expect(await lab.api<object[]>("Consul", `/v1/health/connect/${job}?passing`)).toHaveLength(count);
  }, MINUTE);
}

/** Kills the process of a task of a job's first instance, as `kill -9` does. */
export async function killTask(job: string, task = job): Promise<void> {
  const [{ ID }] = await running(job);
  await kill([processOfTask(ID, task)]);
}

/** Who the leader is, by its address. */
export async function leaderOf(engine: "Consul" | "Nomad"): Promise<keyof typeof servers> {
  const address = await lab.api<string>(engine, "/v1/status/leader");
  const [name] = Object.entries(servers).find(([, its]) => address.startsWith(`${its}:`)) ?? [];
  if (name === undefined) throw new Error(`${engine} has no leader: ${address}`);
  return name as keyof typeof servers;
}

/** The term of Consul's raft, which each election raises. */
export async function termOf(engine: "consul" | "nomad"): Promise<number> {
  const { output } = await lab.onHost("server-1", engine, engine === "consul" ? "info" : "agent-info");
  return Number(/^\s*term = (\d+)/m.exec(output)?.[1]);
}

/** Writes a value again and again; @returns what ends that, and says for how long at most no write succeeded */
export function writeAlways(): () => Promise<{ readonly written: number; readonly longestMs: number }> {
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

export const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;

/** Boots the lab before the tests of a suite, and takes it down after them. */
export function useSteadyLab(...options: readonly string[]): void {
  beforeAll(
    async () => {
      await lab.mustUp("v1", "--secure", ...options);
      await settled();
    },
    // An engine that is missing is built first.
    options.includes("--vault") ? 70 * MINUTE : 10 * MINUTE,
  );

  afterAll(async () => {
    figures.print();
    await lab.down();
  }, MINUTE);
}

export const upstreams = ["SINGLE", "DOUBLE", "TCP"] as const;

/** Takes the page's access to an upstream's service away, and gives it back; each time until no answer is as before. */
export async function denied(path: "SINGLE" | "DOUBLE" | "TCP"): Promise<{ readonly ms: readonly number[] }> {
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

interface Certificate {
  readonly valid_from: string;
  readonly expiration_time: string;
}

/** From when to when the certificate is valid that the Envoy of a job's first instance has now, in milliseconds. */
export async function certificateOf(
  job: string,
  task = `connect-proxy-${job}`,
): Promise<{ readonly from: number; readonly until: number }> {
  const [{ ID }] = await running(job);
  const script = `
    const [, admin] = Object.entries(process.env).find(([name]) => name.startsWith("NOMAD_ENVOY_ADMIN_ADDR_"));
    fetch("http://" + admin + "/certs").then(async (it) => console.log(await it.text()));`;
  const { code, output } = await lab.inTask(ID, task, ["node", "-e", script]);
  if (code !== 0) throw new Error(output);
  const { certificates } = JSON.parse(output) as { certificates: { cert_chain: Certificate[] }[] };
  const all = certificates.flatMap(({ cert_chain: chain }) => chain);
  const times = all.map((it) => ({ from: Date.parse(it.valid_from), until: Date.parse(it.expiration_time) }));
  return times.sort((one, other) => other.from - one.from)[0];
}

/** Gives Consul's built-in CA of the mesh another configuration. */
export async function configureMeshCa(Config: object): Promise<void> {
  await lab.api("Consul", "/v1/connect/ca/configuration", "PUT", { Provider: "consul", Config });
}

/** Waits until the certificates of all services are newer than a moment. */
export async function haveNewCertificates(since: number, timeoutMs: number): Promise<void> {
  await eventually(async () => {
    for (const job of ["page", "single", "double"]) {
      // Consul dates them back by a minute.
      expect([job, (await certificateOf(job)).from > since - MINUTE]).toEqual([job, true]);
    }
  }, timeoutMs);
}

/**
 * Waits until Nomad's agents have saved the addresses of the networks of all allocations that run, which they do once a minute: one
 * that is killed sooner replaces those of which it has lost them.
 */
export async function networksAreSaved(): Promise<void> {
  const started = (await running()).map(({ CreateTime }) => CreateTime / 1e6);
  await sleep(Math.max(0, Math.max(...started) + 65_000 - Date.now()));
}
