import { spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { LabFiles } from "../../lab/core/lab-files";
import { kill } from "../../lab/machine/processes";
import { readState } from "../../lab/hosts/state";
import type { LabStatus } from "../../lab/commands/status";
import { eventually } from "../support/eventually";
import { Figures } from "../support/figures";
import { TestLab } from "../support/lab";
import { cutOff } from "../support/network-faults";
import { SERVERS } from "../support/profile";
import { loadWhile } from "../support/steady-load";
import { processOfTask } from "../support/task-process";

const MINUTE = 60_000;
jest.setTimeout(3 * MINUTE);

const name = `two-${process.pid}`;
const lab = new TestLab(name, join(__dirname, "apps", "datacenters.ts"));

beforeAll(async () => {
  expect(await lab.up("connected", "--datacenters", "2")).toExit(0);
}, 10 * MINUTE);

const figures = new Figures();

afterAll(async () => {
  figures.print();
  expect(await lab.down()).toExit(0);
}, MINUTE);

/** What the page answers: the datacenter whose API greeted it, or the status that is not 200. */
async function greeting(): Promise<string> {
  const response = await fetch(lab.url("greeting-page (dc1)"), { signal: AbortSignal.timeout(10_000) });
  const body = await response.text();
  return response.ok ? (JSON.parse(body) as { version: string }).version : String(response.status);
}

/** Who answers the client in dc1: by status and version. */
async function answers(env: string, requests = 20, path = ""): Promise<Readonly<Record<string, number>>> {
  const url = lab.url("client (dc1)");
  const variable = await fetch(`${url}/env?name=${env}`, { signal: AbortSignal.timeout(10_000) });
  const { value } = (await variable.json()) as { value: string };
  const body = JSON.stringify({ url: `${value.startsWith("http") ? value : `http://${value}`}${path}`, requests });
  const response = await fetch(`${url}/load`, { method: "POST", body, signal: AbortSignal.timeout(MINUTE) });
  return ((await response.json()) as { answers: Readonly<Record<string, number>> }).answers;
}

/** What a gateway answers at a port: the version of the service. */
async function atGateway(port: number, host = "gateway.example", path = "/"): Promise<string> {
  const headers = { host };
  return new Promise((resolve, reject) => {
    const url = `http://127.0.0.1:${lab.portOf(port)}${path}`;
    const asked = request(url, { headers, signal: AbortSignal.timeout(10_000) }, (response) => {
      text(response).then(
        (body) => resolve(response.statusCode === 200 ? (JSON.parse(body) as { version: string }).version : body),
        reject,
      );
    });
    asked.on("error", reject).end();
  });
}

/**
 * Asks without a pause while something happens, and on until these answers were seen, one after the other.
 *
 * @returns every answer, those before it happened too
 */
async function askWhile(action: () => Promise<unknown>, ...until: readonly string[]): Promise<readonly string[]> {
  const seen: string[] = [];
  const over = new AbortController();
  const load = (async () => {
    for (let n = 0; n < 20_000 && !over.signal.aborted; n++) {
      seen.push(await greeting().catch((error: unknown) => String(error)));
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  })();
  try {
    const reach = (answer: string) =>
      eventually(async () => {
        await Promise.resolve();
        expect(seen.at(-1)).toBe(answer);
      }, MINUTE);
    await reach(until[0] === "dc1" ? "dc2" : "dc1");
    await action();
    for (const answer of until) await reach(answer);
  } finally {
    over.abort();
    await load;
  }
  return seen;
}

/** The process that greets in dc1. */
const greeter = () => processIn("greeting-api", "greeting-api");

/** What a host of dc1 resolves a name to. */
async function addressesOf(name: string): Promise<string> {
  return (await lab.onHost("client-1", "getent", "ahostsv4", name)).output;
}

/** The process of a task, found by its own variables. */
async function processIn(id: string, task: string, home = "dc1") {
  const { output } = await lab.meshform(["status", "--json"]);
  const { jobs } = JSON.parse(output) as LabStatus;
  const job = jobs.find((it) => it.id === id && it.datacenter === home);
  return processOfTask(job?.instances[0]?.allocation ?? "", task);
}

test("both are joined, and a second up changes nothing", async () => {
  const { output } = await lab.meshform(["status", "--json"]);
  expect(JSON.parse(output)).toMatchObject({
    healthy: true,
    peerings: [{ datacenters: ["dc1", "dc2"], state: "ACTIVE" }],
  });
  const again = await lab.up("connected");
  expect(again.output).toContain("Nothing changed: the mesh matches the app.");
  expect(again.output).toContain("client (dc1) → store (dc2)");
});

test("a service is reached in the other datacenter, over http, over tcp, and by names of the own mesh", async () => {
  await eventually(async () => {
    expect(await answers("WEB")).toEqual({ "200 web": 20 });
    expect(await answers("STORE")).toEqual({ "200 store": 20 });
    expect(await answers("ALIAS")).toEqual({ "200 web": 20 });
    expect(await answers("STORE_ALIAS")).toEqual({ "200 store": 20 });
  }, MINUTE);
});

test("a name of tcp is redirected to a service of the own datacenter", async () => {
  await eventually(async () => expect(await answers("TILL_ALIAS")).toEqual({ "200 till": 20 }), MINUTE);
});

test("a gateway leads to the other datacenter, though it was not healthy before the two were joined", async () => {
  await eventually(async () => {
    const response = await fetch(lab.url("site (dc1)"), { signal: AbortSignal.timeout(10_000) });
    expect([response.status, ((await response.json()) as { version: string }).version]).toEqual([200, "web"]);
  }, MINUTE);
});

test("requests are split between an instance here and a service of the other datacenter", async () => {
  await eventually(async () => {
    const counts = await answers("EITHER", 200);
    expect(Object.keys(counts).sort()).toEqual(["200 other", "200 web"]);
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(60);
  }, MINUTE);
});

test("a route of a service leads its callers in the other datacenter to where it leads those at home", async () => {
  await eventually(async () => {
    expect(await answers("WEB", 20)).toEqual({ "200 web": 20 });
    expect(await answers("WEB", 20, "/archive/of/1999")).toEqual({ "200 archive": 20 });
  }, MINUTE);
});

test("an ingress gateway leads to the other datacenter, by a redirect and by a split, and home by another host", async () => {
  await eventually(async () => {
    expect(await atGateway(9303, "web.example")).toBe("web");
    expect(await atGateway(9303, "other.example")).toBe("other");
    const split = await Promise.all(Array.from({ length: 40 }, () => atGateway(9303, "either.example")));
    expect(new Set(split)).toEqual(new Set(["web", "other"]));
  }, MINUTE);
});

test("an ingress gateway for connections fails over to the other datacenter, and comes back", async () => {
  const isAnsweredBy = (version: string) =>
    eventually(async () => {
      expect(await atGateway(9304)).toBe(version);
    }, MINUTE);
  await isAnsweredBy("till");
  await lab.api("Nomad (dc1)", "/v1/job/till", "DELETE");
  await isAnsweredBy("store");
  await lab.mustUp("connected");
  await isAnsweredBy("till");
});

test("the Envoy of the only mesh gateway is killed under load: requests pass again within seconds, while it is restarted", async () => {
  const afar = async () => (await fetch(lab.url("site (dc1)"), { signal: AbortSignal.timeout(2_000) })).status;
  const isAnswered = () =>
    eventually(async () => {
      for (let n = 0; n < 20; n++) expect(await afar()).toBe(200);
    }, MINUTE);
  await isAnswered();
  const loads = await loadWhile({ "dc1 to dc2": afar }, async () => {
    // That of the destination, through which all requests pass.
    await kill([await processIn("mesh-gateway", "connect-mesh-mesh-gateway", "dc2")]);
    await isAnswered();
  });
  figures.add("the only mesh gateway's Envoy killed", loads);
  const { failed, recoveryMs } = loads["dc1 to dc2"];
  expect(failed).toBeGreaterThan(0);
  // Nomad's default is to wait 15 s before it restarts a task.
  expect(recoveryMs).toBeLessThan(14_000);
});

test("two that are cut off from each other go on, each on its own, and meet again when they are healed", async () => {
  const status = async (url: string) => (await fetch(url, { signal: AbortSignal.timeout(5_000) })).status;
  const afar = () => status(lab.url("site (dc1)"));
  const isJoined = () =>
    eventually(async () => {
      const { healthy, problems } = JSON.parse((await lab.meshform(["status", "--json"])).output) as LabStatus;
      expect({ healthy, problems }).toEqual({ healthy: true, problems: [] });
      for (let n = 0; n < 20; n++) expect(await afar()).toBe(200);
    }, MINUTE);
  await isJoined();
  const near = { "within dc1": () => status(lab.url("greeting-page (dc1)")) };
  const loads = await loadWhile({ ...near, "dc1 to dc2": afar }, async () => {
    const heal = await Promise.all(
      [...SERVERS, "client-1", "client-2"].map((host) => cutOff(lab, host, "10.200.10.0/23")),
    );
    await new Promise((resolve) => setTimeout(resolve, 15_000));
    expect(await afar().catch(String)).not.toBe(200);
    await Promise.all(heal.map((each) => each()));
    await isJoined();
  });
  figures.add("two datacenters cut off from each other for 15 s", loads);
  expect(new Set(loads["within dc1"].answers)).toEqual(new Set([200]));
  // Each waits for 5 s.
  expect(loads["dc1 to dc2"].failed).toBeLessThanOrEqual(15);
});

test("all that goes between the datacenters goes from gateway to gateway, and is TLS", async () => {
  const network = readState(new LabFiles(name))?.network?.init;
  const script = join(__dirname, "..", "support", "sniffer.py");
  const args = ["--target", String(network?.pid), "--net", "python3", script, "10.200.0.0/23", "10.200.10.0/23"];
  const sniffer = spawn("nsenter", args, { stdio: ["pipe", "pipe", "inherit"] });
  await once(sniffer.stdout, "data");
  for (const env of ["WEB", "STORE", "ALIAS"]) await answers(env, 100);
  // Long enough for a heartbeat of the peering too.
  await new Promise((resolve) => setTimeout(resolve, 16_000));
  sniffer.stdin.end();
  const { connections, others } = JSON.parse(await text(sniffer.stdout)) as {
    connections: { ends: string[]; firstBytes: string[] }[];
    others: string[];
  };
  expect(others).toEqual([]);
  expect(connections.length).toBeGreaterThan(0);
  for (const { ends, firstBytes } of connections) {
    expect(ends).toContainEqual(expect.stringMatching(/:8443$/));
    // A record of TLS: handshake, data, change of cipher or alert.
    for (const bytes of firstBytes) expect(bytes).toMatch(/^1[4-7]03/);
  }
  expect(connections.flatMap(({ firstBytes }) => firstBytes)).not.toEqual([]);
});

test("the last instance in dc1 is stopped under load: dc2 answers, and dc1 again when it is back", async () => {
  await eventually(async () => {
    expect(await greeting()).toBe("dc1");
  }, MINUTE);
  const stopped = await askWhile(() => lab.api("Nomad (dc1)", "/v1/job/greeting-api", "DELETE"), "dc2");
  expect(new Set(stopped)).toEqual(new Set(["dc1", "dc2"]));
  // So does DNS, by a prepared query.
  expect(await addressesOf("greeting-anywhere.query.consul")).toMatch(/^10\.200\.11\./);
  const returned = await askWhile(() => lab.up("connected"), "dc1");
  expect(new Set(returned)).toEqual(new Set(["dc2", "dc1"]));
  expect(await addressesOf("greeting-anywhere.query.consul")).toMatch(/^10\.200\.1\./);
});

test("it is killed under load: retries hide that it was there at all, and traffic returns", async () => {
  const killed = await greeter();
  const seen = await askWhile(() => kill([killed]), "dc2", "dc1");
  expect(new Set(seen)).toEqual(new Set(["dc1", "dc2"]));
});

test("without the connection both are refused, though others are let in", async () => {
  const { output } = await lab.up("apart");
  expect(output).toContain("no intention allows it");
  expect(output).not.toContain("The mesh runs.");
  await eventually(async () => {
    expect(await answers("WEB")).toEqual({ 403: 20 });
    expect(Object.keys(await answers("STORE"))).toEqual([expect.stringMatching(/hang up|ECONNRESET/)]);
  }, MINUTE);
  expect(await greeting()).toBe("dc1");
});
