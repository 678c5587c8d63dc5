import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { nanoseconds } from "../../constructs";
import { makeCertificates } from "../../examples/external-database/certificates";
import { kill } from "../../lab/machine/processes";
import { eventually } from "../support/eventually";
import { TestLab, type Outcome } from "../support/lab";
import { synthMesh } from "../support/synth";
import { processOfTask } from "../support/task-process";
import { tokenIssuer } from "../support/tokens";
import { addTrafficGallery } from "../support/traffic-gallery";

const MINUTE = 60_000;
jest.setTimeout(3 * MINUTE);

const lab = new TestLab(`traffic-${process.pid}`, join(__dirname, "apps", "traffic.ts"));

/** What a series of requests led to. */
interface Load {
  /** How many answers there were of each status and version. */
  readonly answers: Readonly<Record<string, number>>;
  /** How many answers there were of each instance. */
  readonly instances: Readonly<Record<string, number>>;
  readonly slowestMs: number;
  /** The first answer, and some that were not 200. */
  readonly samples: readonly {
    readonly status: number | string;
    readonly body?: { readonly method?: string; readonly path?: string; readonly headers?: Record<string, string> };
    readonly flags?: { readonly overloaded?: string; readonly cookies?: readonly string[] };
  }[];
}

interface LoadOptions {
  readonly path?: string;
  readonly requests?: number;
  readonly concurrency?: number;
  readonly intervalMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: string;
}

const login = tokenIssuer("https://login.example.com");
const partner = tokenIssuer("https://partner.example.com");
/** Issues in the name of the first one, with a key of its own. */
const rogue = tokenIssuer("https://login.example.com");

const folder = mkdtempSync(join(tmpdir(), "meshform-traffic-"));
const [own, other] = ["own", "other"].map((name) => makeCertificates(join(folder, name), "localhost", "nobody"));
const textOf = (file: string) => readFileSync(file, "utf8");
/** What the server of keys shows, and what Envoys trust. */
const tls = {
  ...{ certificate: textOf(own.serverCertFile), key: textOf(own.serverKeyFile) },
  ...{ authority: textOf(own.caFile), otherAuthority: textOf(other.caFile) },
};

/** What the app's variant says, each time again. */
function variantOf(variant: Readonly<Record<string, string>>): string {
  const keys = JSON.stringify({ local: login.jwks, remote: partner.jwks, tls });
  return new URLSearchParams({ ...variant, keys }).toString();
}

async function up(variant: Readonly<Record<string, string>>): Promise<void> {
  await lab.mustUp(variantOf(variant));
}

/** Sends requests from within the mesh, to an upstream of the client. */
async function load(upstream: string, { path = "/", ...options }: LoadOptions = {}): Promise<Load> {
  const url = lab.url("client");
  // A connection that is kept may be closed just when the next request is sent.
  const headers = { connection: "close" };
  const variable = await fetch(`${url}/env?name=${upstream}`, { headers, signal: AbortSignal.timeout(10_000) });
  const { value } = (await variable.json()) as { value: string };
  const body = JSON.stringify({ url: `${value}${path}`, requests: 1, ...options });
  const signal = AbortSignal.timeout(3 * MINUTE);
  const response = await fetch(`${url}/load`, { method: "POST", body, headers, signal });
  return (await response.json()) as Load;
}

/** How many answers of each status a published port gives. */
async function statusesAt(name: string, requests: number): Promise<Readonly<Partial<Record<string, number>>>> {
  const counts: Partial<Record<string, number>> = {};
  for (let n = 0; n < requests; n++) {
    const response = await fetch(lab.url(name), { signal: AbortSignal.timeout(10_000) });
    await response.text();
    counts[response.status] = (counts[response.status] ?? 0) + 1;
  }
  return counts;
}

/** Ends all loads. */
async function stopLoads(): Promise<void> {
  await fetch(`${lab.url("client")}/stop`, { method: "POST", signal: AbortSignal.timeout(10_000) });
}

interface Allocation {
  readonly ID: string;
  readonly ClientStatus: string;
}

async function allocationsOf(job: string): Promise<string[]> {
  const allocations = await lab.api<Allocation[]>("Nomad", `/v1/job/${job}/allocations`);
  return allocations.filter(({ ClientStatus }) => ClientStatus === "running").map(({ ID }) => ID);
}

/** Has an instance fail, or be slow, or work again. */
async function setFault(allocation: string, task: string, fault: Readonly<Record<string, string>> = {}): Promise<void> {
  const query = new URLSearchParams(fault).toString();
  const request = `fetch("http://127.0.0.1:9111/fault?${query}", { method: "POST" }).then((r) => process.exit(r.ok ? 0 : 1))`;
  const outcome: Outcome = await lab.inTask(allocation, task, ["node", "-e", request]);
  expect(outcome).toExit(0);
}

/** The answer to a request from where a task of a job's only allocation runs. */
async function answerInTask(job: string, task: string, url: string): Promise<string> {
  const [only] = await allocationsOf(job);
  const program = `fetch("${url}").then(async (answer) => console.log(await answer.text()))`;
  const { output } = await lab.inTask(only, task, ["node", "-e", program]);
  return output.trim();
}

/** Some 20 requests a second to each upstream while something happens, and until it has settled. */
async function loadsWhile(upstreams: readonly string[], act: () => Promise<unknown>): Promise<readonly Load[]> {
  const loads = Promise.all(upstreams.map((each) => load(each, { requests: 20_000, intervalMs: 50 })));
  try {
    await setTimeout(1_000);
    await act();
  } finally {
    await stopLoads();
  }
  return loads;
}

/** Kills the Envoy beside an instance, and waits until everything is as it was. */
async function killEnvoy(job: string): Promise<void> {
  const [allocation] = await allocationsOf(job);
  await kill([processOfTask(allocation, `connect-proxy-${job}`)]);
  await setTimeout(8_000);
}

/** How many answers were not 200. */
const failures = ({ answers }: Load) =>
  sum(Object.fromEntries(Object.entries(answers).filter(([answer]) => !answer.startsWith("200 "))));

const short = (allocation: string) => allocation.slice(0, 8);
const sum = (counts: Readonly<Record<string, number>>) => Object.values(counts).reduce((total, one) => total + one, 0);

beforeAll(() => up({ percent: "10", live: "blue", tagged: "v1", steady: "v1" }), 10 * MINUTE);

afterAll(async () => {
  await lab.down();
  rmSync(folder, { recursive: true });
}, MINUTE);

describe("a canary", () => {
  test("of 10 percent answers a tenth of 2,000 requests, to within 3 points", async () => {
    await eventually(async () => expect((await load("GREETING", { requests: 50 })).answers).toHaveProperty("200 v2"));
    const { answers } = await load("GREETING", { requests: 2000, concurrency: 8 });
    expect(sum(answers)).toBe(2000);
    expect(Object.keys(answers).sort()).toEqual(["200 v1", "200 v2"]);
    expect(Math.abs((answers["200 v2"] / 2000) * 100 - 10)).toBeLessThanOrEqual(3);
  });

  test("answers every request with the header, every time, also through the page", async () => {
    const { answers } = await load("GREETING", { requests: 200, concurrency: 4, headers: { "x-canary": "yes" } });
    expect(answers).toEqual({ "200 v2": 200 });
    const response = await fetch(lab.url("greeting-page"), { headers: { "x-canary": "yes" } });
    expect(await response.json()).toMatchObject({ version: "v2" });
    const page = await fetch(lab.url("greeting-page"), { headers: { accept: "text/html" } });
    expect(await page.text()).toContain("send <code>x-canary</code>");
  });

  test("that is unhealthy leaves its part to the others: failover to a subset", async () => {
    const [canary] = await allocationsOf("greeting-api-v2");
    const asTester = () => load("GREETING", { requests: 20, headers: { "x-canary": "yes" } });
    await setFault(canary, "greeting-api", { health: "fail" });
    await eventually(async () => expect((await asTester()).answers).toEqual({ "200 v1": 20 }));
    await setFault(canary, "greeting-api");
    await eventually(async () => expect((await asTester()).answers).toEqual({ "200 v2": 20 }));
  });
});

describe("a route", () => {
  test("leads to another service, with another path and other headers", async () => {
    const headers = { "x-secret": "s", "x-canary": "yes" };
    const { samples } = await load("FLAKY", { path: "/greeting/there?a=b", headers });
    expect(samples[0].body).toMatchObject({ path: "/there?a=b", headers: { "x-route": "greeting" } });
    expect(samples[0].body?.headers).not.toHaveProperty("x-secret");
  });

  test("looks at method and query together", async () => {
    const versionsOf = async (method: string, path: string) =>
      Object.keys((await load("FLAKY", { requests: 5, method, path })).answers);
    expect(await versionsOf("POST", "/?to=greeting")).not.toContain("200 flaky");
    expect(await versionsOf("GET", "/?to=greeting")).toEqual(["200 flaky"]);
    expect(await versionsOf("POST", "/?to=elsewhere")).toEqual(["200 flaky"]);
  });

  test("with retries hides one instance of three that fails", async () => {
    const [broken] = await allocationsOf("flaky");
    await setFault(broken, "flaky", { status: "500" });
    const plain = await load("FLAKY", { requests: 60, path: "/plain" });
    expect(plain.answers["500 flaky"]).toBeGreaterThanOrEqual(10);
    const retried = await load("FLAKY", { requests: 200, path: "/retried" });
    expect(retried.answers).toEqual({ "200 flaky": 200 });
    await setFault(broken, "flaky");
  });

  test("gives up after its timeout", async () => {
    const allocations = await allocationsOf("flaky");
    await Promise.all(allocations.map((each) => setFault(each, "flaky", { delay: "3000" })));
    const { answers, slowestMs } = await load("FLAKY", { path: "/impatient" });
    expect(answers).toEqual({ 504: 1 });
    expect(slowestMs).toBeLessThan(2500);
    await Promise.all(allocations.map((each) => setFault(each, "flaky")));
  });
});

describe("a resolver", () => {
  test("gives up after its timeout", async () => {
    const [only] = await allocationsOf("slow");
    await setFault(only, "slow", { delay: "5000" });
    const { answers, slowestMs } = await load("SLOW");
    expect(answers).toEqual({ 504: 1 });
    expect(slowestMs).toBeLessThan(4500);
    await setFault(only, "slow");
  });

  test("fails over to another service when no instance is healthy, and back", async () => {
    const allocations = await allocationsOf("flaky");
    await Promise.all(allocations.map((each) => setFault(each, "flaky", { health: "fail" })));
    await eventually(async () => {
      const { answers } = await load("FLAKY", { requests: 20 });
      expect((answers["200 v1"] ?? 0) + (answers["200 v2"] ?? 0)).toBe(20);
    });
    await Promise.all(allocations.map((each) => setFault(each, "flaky")));
    await eventually(async () => expect((await load("FLAKY", { requests: 20 })).answers).toEqual({ "200 flaky": 20 }));
  });

  test("redirects a former name, also of an upstream on a Unix socket", async () => {
    const { answers } = await load("FORMER", { requests: 20 });
    expect(Object.keys(answers)).toEqual(["200 v1"]);
  });

  test("redirects a name to a subset", async () => {
    expect((await load("EARLY", { requests: 20 })).answers).toEqual({ "200 beta": 20 });
    expect((await load("SLOW", { requests: 20 })).answers).toEqual({ "200 slow": 20 });
  });

  test("leaves an instance with a warning out of a subset of those that pass, and in the others", async () => {
    const both = await allocationsOf("pair");
    const [warned, sound] = both.map(short);
    // Without a user, Envoy would send all requests of a connection to the same instance.
    const answering = async (upstream: string) => {
      const loads = Array.from({ length: 12 }, (_, user) => load(upstream, { headers: { "x-user": `user-${user}` } }));
      const found = (await Promise.all(loads)).flatMap(({ instances }) => Object.keys(instances));
      return [...new Set(found)].sort();
    };
    await eventually(async () => expect(await answering("PASSING_PAIR")).toEqual([warned, sound].sort()));
    await setFault(both[0], "pair", { health: "warn" });
    try {
      await eventually(async () => expect(await answering("PASSING_PAIR")).toEqual([sound]));
      expect(await answering("PAIR")).toEqual([warned, sound].sort());
    } finally {
      await setFault(both[0], "pair");
    }
  });

  test("sends the same user to the same instance, by maglev", async () => {
    const users = Array.from({ length: 12 }, (_, user) => `user-${user}`);
    const answering = await Promise.all(
      users.map(async (user) =>
        Object.keys((await load("PAIR", { requests: 5, headers: { "x-user": user } })).instances),
      ),
    );
    expect(answering.map(({ length }) => length)).toEqual(users.map(() => 1));
    expect(new Set(answering.flat()).size).toBe(2);
  });

  test("gives a client without a user a cookie, and sends each cookie to the same instance", async () => {
    const visits = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const first = await load("PAIR");
        const [cookie] = first.samples[0].flags?.cookies ?? [];
        expect(cookie).toMatch(/^cart="[0-9a-f]+"; HttpOnly$/);
        const again = await load("PAIR", { requests: 5, headers: { cookie: cookie.split(";")[0] } });
        expect(again.samples[0].flags).not.toHaveProperty("cookies");
        return { first: Object.keys(first.instances), again: Object.keys(again.instances) };
      }),
    );
    for (const { first, again } of visits) expect(again).toEqual(first);
    expect(new Set(visits.flatMap(({ first }) => first)).size).toBe(2);
  });
});

test("a hash of the source address sends each address to the same instance, and several to both", async () => {
  const address = (await fetch(`${lab.url("client")}/env?name=SPARED`).then((it) => it.json())) as { value: string };
  const program = `
    const { get } = require("node:http");
    const ask = (localAddress) => new Promise((resolve, reject) =>
      get("${address.value}", { localAddress, agent: false }, async (response) => {
        let text = "";
        for await (const part of response) text += part;
        resolve(JSON.parse(text).instance);
      }).on("error", reject));
    const hosts = Array.from({ length: 12 }, (_, host) => "127.0.0." + (host + 2));
    Promise.all(hosts.map(async (it) => [await ask(it), await ask(it), await ask(it)]))
      .then((answers) => console.log(JSON.stringify(answers)));`;
  const [client] = await allocationsOf("client");
  const { output } = await lab.inTask(client, "client", ["node", "-e", program]);
  const answers = JSON.parse(output) as string[][];
  expect(answers.map((it) => new Set(it).size)).toEqual(answers.map(() => 1));
  expect(new Set(answers.flat()).size).toBe(2);
});

test("an upstream to a prepared query leads to the instances that the query finds", async () => {
  // Consul runs queries every 30 seconds, the last time perhaps before the instances were there.
  await eventually(async () => {
    const { answers, instances } = await load("QUERIED_DOUBLE", { requests: 40 });
    expect(answers).toEqual({ "200 v1": 40 });
    expect(Object.keys(instances)).toHaveLength(2);
    expect((await load("QUERIED_SINGLE", { requests: 5 })).answers).toEqual({ "200 v1": 5 });
  }, 45_000);
});

test("explain --live looks at upstreams to a prepared query and on a Unix socket, as it does at others", async () => {
  const explain = (destination: string) => lab.meshform(["explain", "client", destination, "--live"]);
  const single = await explain("single");
  expect(single).toExit(0);
  expect(single.output).toContain("go to the instances that the prepared query passing-single finds");
  const authz = await explain("authz");
  expect(authz).toExit(0);
  expect(authz.output).toMatch(
    /authz +by the prepared query near-authz \(instances without a critical check\): the intention/,
  );
  expect(authz.output).toContain("No cause was found: a request from client to authz should succeed");
  const former = await explain("former");
  expect(former).toExit(0);
  expect(former.output).toContain("client reaches former at alloc/tmp/former.sock");
});

test("a task finds services by their names in DNS, and asks one by its name", async () => {
  const resolve = async (name: string, type = "A") => {
    const query = new URLSearchParams({ name, type }).toString();
    const response = await fetch(`${lab.url("client")}/resolve?${query}`, { signal: AbortSignal.timeout(10_000) });
    return await response.json();
  };
  const node = expect.stringMatching(/^10\.200\.1\.[12]$/) as string;
  const instance = { address: node, family: 4 };
  expect(await resolve("double.service.consul")).toEqual([instance, instance]);
  // With the search domain.
  expect(await resolve("double")).toEqual([instance, instance]);
  // In any order.
  const services = (await resolve("double.service.consul", "SRV")) as { name: string; port: number }[];
  expect(services.map(({ name, port }) => `${name}:${port}`).sort()).toEqual([
    "client-1.node.dc1.consul:9101",
    "client-2.node.dc1.consul:9101",
  ]);
  expect(await resolve("double.virtual.consul")).toEqual([
    { address: expect.stringMatching(/^240\./) as string, family: 4 },
  ]);
  // No other name server can be reached from a lab.
  for (const name of ["nothing.service.consul", "nothing.example"]) expect(await resolve(name)).toBe("ENOTFOUND");

  // By a prepared query and by a template.
  expect(await resolve("passing-double.query.consul")).toEqual([instance, instance]);
  expect(await resolve("near-double.query.consul")).toEqual([instance, instance]);
  expect(await resolve("near-single.query.consul")).toEqual([instance]);

  const body = JSON.stringify({ url: "http://greeting-page:9100/health", requests: 3 });
  const asked = await fetch(`${lab.url("client")}/load`, { method: "POST", body, signal: AbortSignal.timeout(MINUTE) });
  expect(((await asked.json()) as Load).answers).toEqual({ 200: 3 });

  for (const host of ["client-1", "server-1"]) {
    const { code, output } = await lab.onHost(host, "getent", "ahostsv4", "greeting-page.service.consul");
    expect({ code, output }).toExit(0);
    expect(output).toMatch(/^10\.200\.1\.[12] /);
  }
});

describe("permissions", () => {
  test("deny what one statement denies, whatever another one allows before", async () => {
    for (const upstream of ["TAGGED", "PAIR"]) {
      await eventually(async () => {
        const answers = [await load(upstream), await load(upstream, { path: "/private/a" })];
        expect(answers.map((each) => Object.keys(each.answers)[0].slice(0, 3))).toEqual(["200", "403"]);
      });
    }
  });

  test("are not widened by a virtual service that leads there", async () => {
    for (const upstream of ["SLOW", "SLOW_ALIAS"]) {
      await eventually(async () => expect((await load(upstream)).answers).toEqual({ "200 slow": 1 }));
      expect((await load(upstream, { method: "POST" })).answers).toEqual({ 403: 1 });
    }
  });
});

describe("an extension of Envoy", () => {
  const allowed = { authorization: "let-me-in" };

  test("runs a script, asks a service of the mesh about each request, logs each, and has its clients count them under another name", async () => {
    const headers = { ...allowed, "x-open": "yes" };
    await eventually(async () => {
      const { samples } = await load("EXTENDED", { path: "/a", headers });
      expect(samples[0]).toMatchObject({
        status: 200,
        body: { path: "/a", headers: { "x-by-lua": "inbound", "x-user": "gatekeeper", "x-open": "yes" } },
      });
    });
    expect((await load("EXTENDED", { requests: 20 })).answers).toEqual({ 401: 20 });
    await eventually(async () => {
      const logs = await answerInTask("extended", "collector", "http://127.0.0.1:9411/logs");
      expect(JSON.parse(logs)).toEqual(expect.arrayContaining(["GET /a 200", "GET / 401"]));
    });
    const counted = "http://127.0.0.2:19001/stats?filter=^cluster.patched.upstream_rq_401$";
    expect(await answerInTask("client", "client", counted)).toMatch(/^cluster.patched.upstream_rq_401: [1-9]/);
  });

  test("refuses requests while the service that it asks does not answer", async () => {
    const [only] = await allocationsOf("authz");
    const { pid } = processOfTask(only, "authz");
    process.kill(pid, "SIGSTOP");
    try {
      expect((await load("EXTENDED", { headers: allowed })).answers).toEqual({ 403: 1 });
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await eventually(async () =>
      expect((await load("EXTENDED", { headers: allowed })).answers).toEqual({ "200 extended": 1 }),
    );
  });

  test("limits requests by a script: five at once, and the next one later", async () => {
    const { answers } = await load("LIMITED", { requests: 20 });
    expect(answers).toEqual({ "200 limited": 5, 429: 15 });
  });
});

test("a sidecar that is given no tags has none, though its service has some", async () => {
  const tagsOf = async (service: string) =>
    (await lab.api<{ ServiceTags: string[] }[]>("Consul", `/v1/catalog/service/${service}`)).map(
      ({ ServiceTags }) => ServiceTags,
    );
  expect(await tagsOf("slow")).toContainEqual(["of-slow"]);
  expect(new Set((await tagsOf("slow-sidecar-proxy")).flat())).toEqual(new Set([""]));
});

describe("a connection", () => {
  test("sheds what is beyond its limits, at once, and serves again when the load is gone", async () => {
    const [only] = await allocationsOf("slow");
    await setFault(only, "slow", { delay: "400" });
    // One opens the connection, so that of ten at once one has it, one waits for it, and the client's own Envoy sheds eight.
    await load("SLOW");
    const { answers, samples } = await load("SLOW", { requests: 10, concurrency: 10 });
    expect(answers).toEqual({ "200 slow": 2, 503: 8 });
    const shed = samples.filter(({ status }) => status === 503);
    expect(shed.every(({ flags }) => flags?.overloaded === "true")).toBe(true);
    await setFault(only, "slow");
    expect((await load("SLOW", { requests: 20 })).answers).toEqual({ "200 slow": 20 });
  });

  test("ejects an instance that fails, and takes it back when it works again", async () => {
    const [broken, sound] = await allocationsOf("pair");
    await setFault(broken, "pair", { status: "500" });
    await eventually(async () => {
      const { answers, instances } = await load("PAIR", { requests: 40 });
      expect(answers).toEqual({ "200 pair": 40 });
      expect(Object.keys(instances)).toEqual([short(sound)]);
    });
    await setFault(broken, "pair");
    await eventually(async () => {
      const { answers, instances } = await load("PAIR", { requests: 40 });
      expect(answers).toEqual({ "200 pair": 40 });
      expect(Object.keys(instances)).toContain(short(broken));
    });
  });
});

describe("tokens of users", () => {
  const CLAIMS = { aud: "shop", realm: { team: "shop" }, role: "buyer" };
  const now = () => Math.floor(Date.now() / 1000);
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const statusOf = async (upstream: string, options: LoadOptions = {}) =>
    (await load(upstream, options)).samples[0].status;

  test.each<[string, LoadOptions]>([
    ["in a header", { headers: bearer(login.token(CLAIMS)) }],
    ["in the query", { path: `/?token=${login.token(CLAIMS)}` }],
    ["in a cookie", { headers: { cookie: `session=${login.token(CLAIMS)}` } }],
    ["for one of several audiences", { headers: bearer(login.token({ ...CLAIMS, aud: ["other", "stock"] })) }],
    ["of another provider, whose keys a server has", { headers: { "x-partner-token": partner.token({}) } }],
    ["of one whose server is trusted by its authority", { headers: { "x-bank-token": partner.token({}) } }],
  ])("let a request in that has one %s", async (_, options) => {
    await eventually(async () => expect(await statusOf("GUARDED", options)).toBe(200));
  });

  test("reach the service only as it is stated: their claims, or the token itself", async () => {
    const ofLogin = await load("GUARDED", { headers: bearer(login.token(CLAIMS)) });
    const { "x-claims": claims = "", ...others } = ofLogin.samples[0].body?.headers ?? {};
    expect(JSON.parse(Buffer.from(claims, "base64url").toString())).toMatchObject(CLAIMS);
    expect(others).toEqual({});
    const token = partner.token({});
    const ofPartner = await load("GUARDED", { headers: { "x-partner-token": token } });
    expect(ofPartner.samples[0].body?.headers).toEqual({ "x-partner-token": token });
  });

  test.each<[string, LoadOptions]>([
    ["has none", {}],
    ["has one in another header", { headers: { "x-token": login.token(CLAIMS) } }],
    ["lacks a claim", { headers: bearer(login.token({ ...CLAIMS, realm: {} })) }],
    ["has another claim", { headers: bearer(login.token({ ...CLAIMS, role: "seller" })) }],
    ["has a list where a text is expected", { headers: bearer(login.token({ ...CLAIMS, role: ["buyer"] })) }],
    ["has one for another audience", { headers: bearer(login.token({ ...CLAIMS, aud: "other" })) }],
    ["has one of another issuer", { headers: bearer(login.token({ ...CLAIMS, iss: "https://other.example.com" })) }],
    ["has one that has expired", { headers: bearer(login.token({ ...CLAIMS, exp: now() - 120 })) }],
    ["has one that is not valid yet", { headers: bearer(login.token({ ...CLAIMS, nbf: now() + 3600 })) }],
    ["has one with another signature", { headers: bearer(rogue.token(CLAIMS)) }],
    [
      "has one whose keys are of a server that another authority has signed",
      { headers: { "x-impostor-token": partner.token({}) } },
    ],
    ["has one of the other provider in its place", { headers: bearer(partner.token(CLAIMS)) }],
  ])("refuse a request with 403 that %s", async (_, options) => {
    expect(await statusOf("GUARDED", options)).toBe(403);
  });

  test("are required of some requests, the first permission that matches decides", async () => {
    const [admin, buyer] = ["admin", "buyer"].map((role) => bearer(login.token({ aud: "shop", role })));
    const statuses = async (path: string) =>
      Promise.all([undefined, buyer, admin].map((headers) => statusOf("GRADED", { path, headers })));
    expect(await statuses("/")).toEqual([200, 200, 200]);
    expect(await statuses("/orders/7")).toEqual([403, 200, 200]);
    expect(await statuses("/admin")).toEqual([403, 403, 200]);
    expect(await statusOf("GRADED", { method: "POST", headers: admin })).toBe(403);
  });
});

test("intentions for every service let a source in where the service says nothing of it, without a token, and all but one others", async () => {
  const fromProber = async (port: number) => {
    const [only] = await allocationsOf("prober");
    const program = `fetch("http://127.0.0.1:${port}/admin").then(({ status }) => console.log(status))`;
    return (await lab.inTask(only, "prober", ["node", "-e", program])).output.trim();
  };
  await eventually(async () =>
    expect(await Promise.all([9501, 9502, 9503].map(fromProber))).toEqual(["200", "200", "403"]),
  );
  expect((await load("SPARED")).answers).toEqual({ "200 spared": 1 });
});

describe("where nothing is stated about it", () => {
  test("one of two instances that fails is ejected, by gateways too: all but the first few requests are answered", async () => {
    const [broken, sound] = await allocationsOf("double");
    expect(sound).toBeDefined();
    await setFault(broken, "double", { status: "500" });
    const { answers } = await load("DOUBLE", { requests: 200 });
    const byGateways = { gate: await statusesAt("gate", 100), ingress: await statusesAt("ingress", 100) };
    await setFault(broken, "double");
    // Five in a row eject it, for 30 s.
    expect(answers).toEqual({ "200 v1": 195, "500 v1": 5 });
    const allButFive = { 200: 95, 500: 5 };
    expect(byGateways).toEqual({ gate: allButFive, ingress: allButFive });
  });

  test("an Envoy that is killed is back within seconds, and one beside one of two instances costs a few requests", async () => {
    const [ofCaller] = await loadsWhile(["SINGLE"], () => killEnvoy("client"));
    expect(failures(ofCaller)).toBeGreaterThan(0);
    // With Nomad's own 15 s, all of those 8 s.
    expect(failures(ofCaller)).toBeLessThan(120);
    await eventually(
      async () => expect(Object.keys((await load("DOUBLE", { requests: 20 })).instances)).toHaveLength(2),
      MINUTE,
    );
    const [ofCalled] = await loadsWhile(["DOUBLE"], () => killEnvoy("double"));
    expect(failures(ofCalled)).toBeLessThanOrEqual(8);
  });
});

test("from 0 to 100 percent, and from blue to green, no request of a constant load is lost", async () => {
  await up({ percent: "0", live: "blue", tagged: "v1", steady: "v1" });
  await eventually(async () => {
    expect((await load("GREETING", { requests: 50 })).answers).toEqual({ "200 v1": 50 });
    expect((await load("SHOP", { requests: 50 })).answers).toEqual({ "200 blue": 50 });
  });
  const constant = { requests: 20_000, concurrency: 2, intervalMs: 20 };
  const loads = Promise.all([load("GREETING", constant), load("SHOP", constant)]);
  try {
    await up({ percent: "100", live: "green", tagged: "v1", steady: "v1" });
    await eventually(async () => {
      expect((await load("GREETING", { requests: 50 })).answers).toEqual({ "200 v2": 50 });
      expect((await load("SHOP", { requests: 50 })).answers).toEqual({ "200 green": 50 });
    });
  } finally {
    await stopLoads();
  }
  const [greeting, shop] = await loads;
  expect(Object.keys(greeting.answers).sort()).toEqual(["200 v1", "200 v2"]);
  expect(Object.keys(shop.answers).sort()).toEqual(["200 blue", "200 green"]);
  expect(sum(greeting.answers)).toBeGreaterThan(100);
  // The one that is not live still answers those who ask for it.
  expect((await load("SHOP", { requests: 20, headers: { "x-preview": "yes" } })).answers).toEqual({ "200 blue": 20 });
});

test("a new version of one instance, and of two, replaces the old one, and no request of a constant load is lost", async () => {
  // Until its time is over, an instance that was ejected cannot stand in for the one that stops first.
  await eventually(
    async () => expect(Object.keys((await load("DOUBLE", { requests: 20 })).instances)).toHaveLength(2),
    2 * MINUTE,
  );
  const loads = await loadsWhile(["SINGLE", "DOUBLE"], async () => {
    await up({ percent: "100", live: "green", tagged: "v1", steady: "v2" });
    await eventually(async () => {
      expect((await load("SINGLE", { requests: 50 })).answers).toEqual({ "200 v2": 50 });
      expect((await load("DOUBLE", { requests: 50 })).answers).toEqual({ "200 v2": 50 });
    }, 2 * MINUTE);
    // So long the old ones may take to end.
    await setTimeout(5_000);
  });
  for (const { answers, samples } of loads) {
    const failed = samples.filter(({ status }) => status !== 200);
    expect({ versions: Object.keys(answers).sort(), failed }).toEqual({ versions: ["200 v1", "200 v2"], failed: [] });
    expect(sum(answers)).toBeGreaterThan(100);
  }
});

test("Nomad's own canary gets only the testers' requests, until it is promoted", async () => {
  const { output } = await lab.up(variantOf({ percent: "0", live: "green", tagged: "v2", steady: "v2" }));
  expect(output).toContain(
    "Canaries of tagged are waiting for promotion. To replace the other instances: nomad job promote tagged",
  );
  const plainly = () => load("TAGGED", { requests: 50 });
  const asTester = () => load("TAGGED", { requests: 50, headers: { "x-canary": "yes" } });
  await eventually(async () => {
    expect((await plainly()).answers).toEqual({ "200 v1": 50 });
    expect((await asTester()).answers).toEqual({ "200 v2": 50 });
  });
  const { ID } = await lab.api<{ ID: string }>("Nomad", "/v1/job/tagged/deployment");
  // They answer a moment before Nomad calls them healthy.
  await eventually(() => lab.api("Nomad", `/v1/deployment/promote/${ID}`, "PUT", { DeploymentID: ID, All: true }));
  await eventually(async () => expect((await plainly()).answers).toEqual({ "200 v2": 50 }), MINUTE);
});

test("Nomad's canary of a version gets nothing of what is for the service's own instances", async () => {
  interface JobSpec {
    readonly TaskGroups: {
      Update: { Canary: number; AutoPromote: boolean };
      Tasks: { Env: object | null }[];
    }[];
  }
  const write = (Job: JobSpec) => lab.api("Nomad", "/v1/jobs", "POST", { Job });
  const before = await lab.api<JobSpec>("Nomad", "/v1/job/slow-beta");
  const edited = structuredClone(before);
  const [{ Update: update, Tasks: tasks }] = edited.TaskGroups;
  Object.assign(update, { Canary: 1, AutoPromote: false });
  tasks.forEach(({ Env }) => Object.assign(Env ?? {}, { VERSION: "beta of tomorrow" }));
  await write(edited);
  try {
    await eventually(async () => {
      const instances = await lab.api<{ Service: { Meta: object } }[]>("Consul", "/v1/health/connect/slow?passing");
      expect(instances.map(({ Service }) => Service.Meta)).toContainEqual(
        expect.objectContaining({ phase: "new", version: "beta" }),
      );
    });
    expect((await load("SLOW", { requests: 60 })).answers).toEqual({ "200 slow": 60 });
  } finally {
    await write(before);
  }
});

test("a version that gets nothing is taken away and brought back, and no request is lost", async () => {
  await eventually(async () => expect((await load("GREETING", { requests: 50 })).answers).toEqual({ "200 v1": 50 }));
  const going = load("GREETING", { requests: 20_000, concurrency: 2, intervalMs: 20 });
  const jobs = async () => (await lab.api<{ ID: string }[]>("Nomad", "/v1/jobs")).map(({ ID }) => ID);
  try {
    await up({ percent: "none", live: "green", tagged: "v2", steady: "v2" });
    expect(await jobs()).not.toContain("greeting-api-v2");
    await up({ percent: "50", live: "green", tagged: "v2", steady: "v2" });
    expect(await jobs()).toContain("greeting-api-v2");
    await eventually(async () => expect((await load("GREETING", { requests: 50 })).answers).toHaveProperty("200 v2"));
  } finally {
    await stopLoads();
  }
  const { answers, samples } = await going;
  expect({ versions: Object.keys(answers).sort(), samples }).toMatchObject({ versions: ["200 v1", "200 v2"] });
});

test("an option that Envoy reads only when it starts replaces the Envoy, and nothing else", async () => {
  const before = await Promise.all(["pair", "slow"].map(allocationsOf));
  await up({ percent: "50", live: "green", tagged: "v2", steady: "v2", flush: "7s" });
  const [pair, slow] = await Promise.all(["pair", "slow"].map(allocationsOf));
  expect(pair).toHaveLength(2);
  expect(pair.filter((allocation) => before[0].includes(allocation))).toEqual([]);
  expect(slow).toEqual(before[1]);
  const script = 'cat "$NOMAD_SECRETS_DIR/envoy_bootstrap.json"';
  const { output } = await lab.inTask(pair[0], "connect-proxy-pair", ["sh", "-c", script]);
  expect(output).toMatch(/"stats_flush_interval": "7s"/);
});

test("a page on a port of its node is replaced by one on another node, and none from outside is refused", async () => {
  const nodesOf = async () =>
    (await lab.api<(Allocation & { NodeName: string })[]>("Nomad", "/v1/job/greeting-page/allocations"))
      .filter(({ ClientStatus }) => ClientStatus === "running")
      .map(({ NodeName }) => NodeName);
  const [before] = await nodesOf();
  const job = await lab.api<{ Version: number; TaskGroups: { Tasks: { Env: object | null }[] }[] }>(
    "Nomad",
    "/v1/job/greeting-page",
  );
  job.TaskGroups[0].Tasks.forEach((task) => (task.Env = { ...task.Env, EDITION: "next" }));
  const seen = new Set<string | number>();
  const over = new AbortController();
  const asking = (async () => {
    for (let n = 0; n < 2_000 && !over.signal.aborted; n++) {
      const options = { headers: { connection: "close" }, signal: AbortSignal.timeout(10_000) };
      const answer = fetch(lab.url("greeting-page"), options).then(async (response) => {
        await response.text();
        return response.status;
      });
      seen.add(await answer.catch(String));
      await setTimeout(50);
    }
  })();
  try {
    await lab.api("Nomad", "/v1/jobs", "POST", { Job: job });
    await eventually(async () => {
      const path = "/v1/job/greeting-page/deployment";
      const deployment = await lab.api<{ JobVersion: number; Status: string }>("Nomad", path);
      expect(deployment).toMatchObject({ JobVersion: job.Version + 1, Status: "successful" });
      expect(await nodesOf()).toHaveLength(1);
    }, MINUTE);
  } finally {
    over.abort();
    await asking;
  }
  // A client that does not look at its health check gets 502 from the new page, as long as its Envoy knows no API.
  seen.delete(502);
  expect(seen).toEqual(new Set([200]));
  expect(await nodesOf()).not.toContain(before);
});

test("Consul accepts every rule that can be rendered, and answers with it as it was", async () => {
  const { entries } = synthMesh(addTrafficGallery, { gatewayDatacenters: ["dc2"] });
  const order = ["proxy-defaults", "service-defaults", "service-resolver", "service-splitter", "service-router"];
  const sorted = Object.values(entries).sort((left, right) => order.indexOf(left.Kind) - order.indexOf(right.Kind));
  for (const entry of sorted.filter(({ Kind }) => order.includes(Kind))) {
    await lab.api("Consul", "/v1/config", "PUT", entry);
    const live = await lab.api<object>("Consul", `/v1/config/${entry.Kind}/${(entry as { Name?: string }).Name ?? ""}`);
    expect(inNanoseconds(live)).toMatchObject(inNanoseconds(entry));
  }
  expect(sorted.length).toBeGreaterThan(25);
});

/** The same with those durations as numbers that Consul answers with as such. */
function inNanoseconds(entry: object): object {
  const isNumber = (key: string) => ["Interval", "BaseEjectionTime", "TTL"].includes(key);
  const convert = (key: string, value: unknown) =>
    isNumber(key) && typeof value === "string" ? nanoseconds(value) : value;
  return JSON.parse(JSON.stringify(entry, convert)) as object;
}
