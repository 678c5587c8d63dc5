import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const FOLDER = join(__dirname, "../../examples/count-dashboard");
const API = "counter-api.mjs";
const DASHBOARD = "counter-dashboard.mjs";

// Jest types its matchers as any.
const aString: unknown = expect.any(String);
const aNumber: unknown = expect.any(Number);
const textLike = (pattern: RegExp): unknown => expect.stringMatching(pattern);

const services: Service[] = [];
const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(services.splice(0).map((service) => service.end("SIGKILL")));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

describe("the API", () => {
  test("counts up at / and at /v1/count, and not for a health check", async () => {
    const { url } = await startApi();

    expect(await getJson(url)).toMatchObject({ status: 200, body: { count: 1 } });
    expect(await getJson(`${url}/health`)).toEqual({ status: 200, body: { status: "passing" } });
    expect(await getJson(`${url}/v1/count?from=test`)).toMatchObject({ status: 200, body: { count: 2 } });
    expect(await getJson(`${url}/favicon.ico`)).toMatchObject({ status: 404 });
    expect(await getJson(url)).toMatchObject({ status: 200, body: { count: 3 } });
  });

  test("says which instance on which host answered, in addition to the two fields of the public image", async () => {
    const { url } = await startApi({ NOMAD_ALLOC_ID: "b81e77aa-0c5f-4d0e-9a51-5b6c1f1f2d3e", NODE_NAME: "client-2" });

    const { body } = await getJson(url);
    expect(body).toEqual({ count: 1, hostname: aString, instance: "b81e77aa", node: "client-2" });
  });

  test("takes its hostname for an instance outside Nomad", async () => {
    const { url } = await startApi();

    const { body } = await getJson(url);
    expect(body.instance).toBe(body.hostname);
  });

  test("fails and passes its health check on request, and still counts meanwhile", async () => {
    const { url, adminUrl } = await startApi();

    await post(`${adminUrl}/health/fail`);
    expect(await getJson(`${url}/health`)).toEqual({ status: 503, body: { status: "critical" } });
    expect(await getJson(url)).toMatchObject({ status: 200, body: { count: 1 } });

    await post(`${adminUrl}/health/pass`);
    expect(await getJson(`${url}/health`)).toEqual({ status: 200, body: { status: "passing" } });
  });

  test("lets nobody switch its health through the port which the sidecar forwards to", async () => {
    const { url } = await startApi();

    expect(await post(`${url}/health/fail`)).toBe(404);
    expect(await getJson(`${url}/health`)).toMatchObject({ status: 200 });
  });

  test("listens on loopback alone, its admin port whatever BIND_ADDRESS says", async () => {
    expect(await startApi()).toMatchObject({ url: textLike(/^http:\/\/127\.0\.0\.1:/) });
    expect(await startApi({ BIND_ADDRESS: "0.0.0.0" })).toMatchObject({
      url: textLike(/^http:\/\/0\.0\.0\.0:/),
      adminUrl: textLike(/^http:\/\/127\.0\.0\.1:/),
    });
  });

  test("logs one line a request", async () => {
    const { url, service } = await startApi();
    await getJson(`${url}/v1/count`);
    await getJson(`${url}/health`);

    await service.end("SIGTERM");
    expect(service.output).toMatch(/Z GET \/v1\/count 200 \d+ms\n.*Z GET \/health 200 \d+ms\n/);
  });

  test.each(["SIGTERM", "SIGINT"] as const)(
    "ends at once with exit code 0 on %s, despite kept connections",
    async (signal) => {
      const { url, service } = await startApi();
      await getJson(url); // fetch keeps its connection
      const started = Date.now();

      expect(await service.end(signal)).toBe(0);
      expect(Date.now() - started).toBeLessThan(2000);
    },
  );

  test("fails with a sentence if its port is taken or none", async () => {
    const { url } = await startApi();

    const taken = run(API, { PORT: new URL(url).port });
    expect(await taken.exitCode).toBe(1);
    expect(taken.output).toMatch(/^api cannot listen: .*EADDRINUSE/m);

    const none = run(API, { PORT: "http" });
    expect(await none.exitCode).toBe(1);
    expect(none.output).toBe("PORT must be a port between 0 and 65535.\n");
  });
});

describe("the dashboard", () => {
  test("answers curl with a count that rises, and says which instance counted", async () => {
    const api = await startApi({ NOMAD_ALLOC_ID: "3fa2c1d0-1", NODE_NAME: "client-2" });
    const { url } = await startDashboard(api.url, { NOMAD_ALLOC_ID: "77c0ffee-1", NODE_NAME: "client-1" });

    for (const count of [1, 2, 3]) {
      expect(await getJson(url, "*/*")).toEqual({
        status: 200,
        body: {
          count,
          api: { instance: "3fa2c1d0", hostname: aString, node: "client-2" },
          dashboard: { instance: "77c0ffee", node: "client-1" },
          mesh: "reachable",
          milliseconds: aNumber,
        },
      });
    }
  });

  test("answers a browser with a page of its own, which loads nothing from elsewhere and does not count", async () => {
    const api = await startApi();
    const { url } = await startDashboard(api.url);

    const response = await fetch(url, { headers: { accept: "text/html,application/xhtml+xml,*/*;q=0.8" } });
    const page = await response.text();
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(page).toContain('aria-live="polite"');
    expect(page.replace("http://www.w3.org/2000/svg", "")).not.toMatch(
      /https?:|<link rel="stylesheet|<script src|@import/,
    );
    expect(await getJson(`${url}/api`, "text/html")).toMatchObject({ body: { count: 1 } });
  });

  test("understands the public image of the API", async () => {
    const publicApi = await serve((_request, response) => response.end('{"count":41,"hostname":"4f2a"}'));
    const { url } = await startDashboard(publicApi);

    expect(await getJson(url)).toMatchObject({
      status: 200,
      body: { count: 41, api: { instance: "4f2a", hostname: "4f2a" }, mesh: "reachable" },
    });
  });

  test("opens a connection for each call, so that a tcp upstream spreads the load", async () => {
    let connections = 0;
    const upstream = await serve(
      (_request, response) => response.end('{"count":1,"hostname":"a"}'),
      () => (connections += 1),
    );
    const { url } = await startDashboard(upstream);

    await getJson(url);
    await getJson(url);
    expect(connections).toBe(2);
  });

  // The statuses and texts are Envoy's own, as a sidecar gives them in these situations.
  test.each<[string, RequestListener, object]>([
    [
      "no intention on an http upstream",
      (_request, response) => response.writeHead(403).end("RBAC: access denied"),
      { suspect: "intention", error: "The mesh refuses the call (403 RBAC: access denied)." },
    ],
    [
      "no intention on a tcp upstream",
      (request) => request.socket.destroy(),
      {
        suspect: "intention",
        error: "The sidecar closed the connection: the call is refused, or no instance is healthy.",
      },
    ],
    [
      "no healthy instance",
      (_request, response) => response.writeHead(503).end("no healthy upstream"),
      { suspect: "api", error: "No healthy instance of the API answers (503 no healthy upstream)." },
    ],
    [
      "another service behind the upstream",
      (_request, response) => response.end("<html>"),
      { suspect: "upstream", error: textLike(/^Something that does not count answers at http:/) },
    ],
  ])("says what to look at: %s", async (_situation, upstream, explanation) => {
    const { url } = await startDashboard(await serve(upstream));

    const { status, body } = await getJson(url);
    expect(status).toBe(502);
    expect(body).toMatchObject({ mesh: "unreachable", hint: aString, ...explanation });
  });

  test("says what to look at: no sidecar listens", async () => {
    const api = await startApi();
    await api.service.end("SIGTERM");
    const { url } = await startDashboard(api.url);

    expect(await getJson(url)).toMatchObject({
      status: 502,
      body: {
        mesh: "unreachable",
        suspect: "upstream",
        error: textLike(/^No answer from 127\.0\.0\.1:\d+ \(connect ECONNREFUSED/),
        hint: textLike(/^The sidecar of the dashboard must run/),
      },
    });
  });

  test("says what to look at: no connection in the graph", async () => {
    const { url } = await startDashboard(undefined);

    expect(await getJson(url)).toMatchObject({
      status: 503,
      body: {
        mesh: "unreachable",
        suspect: "upstream",
        error: "The dashboard knows no API: COUNTING_SERVICE_URL is not set.",
      },
    });
  });

  test.each<[string, RequestListener]>([
    ["before its answer", () => undefined],
    ["within its answer", (_request, response) => response.write('{"count":')],
  ])("waits two seconds for an API that hangs %s", async (_when, upstream) => {
    const { url } = await startDashboard(await serve(upstream));
    const started = Date.now();

    expect(await getJson(url)).toMatchObject({
      status: 502,
      body: { mesh: "unreachable", suspect: "api", error: "No answer within 2 seconds." },
    });
    const waited = Date.now() - started;
    expect(waited).toBeGreaterThan(1900);
    expect(waited).toBeLessThan(3500);
  });

  test("tells its own health from that of the API, without counting", async () => {
    const api = await startApi();
    const { url } = await startDashboard(api.url);

    expect(await getJson(`${url}/health/api`)).toEqual({ status: 200, body: { status: "passing" } });
    await post(`${api.adminUrl}/health/fail`);
    expect(await getJson(`${url}/health/api`)).toMatchObject({
      status: 503,
      body: { status: "critical", suspect: "api" },
    });
    expect(await getJson(`${url}/health`)).toEqual({ status: 200, body: { status: "passing" } });
    await post(`${api.adminUrl}/health/pass`);
    expect(await getJson(`${url}/health/api`)).toMatchObject({ status: 200 });
    expect(await getJson(url)).toMatchObject({ body: { count: 1 } });
  });

  test("shows every viewer the same answers, asks once a second for all of them, and not for nobody", async () => {
    const api = await startApi();
    const { url } = await startDashboard(api.url);
    await getJson(url);

    const started = Date.now();
    const [one, other] = await Promise.all([watch(url, 3), watch(url, 2)]);
    expect(Date.now() - started).toBeGreaterThan(1900); // three answers, a second apart
    expect(one.history).toEqual([expect.objectContaining({ count: 1, mesh: "reachable" })]);
    expect(one.counts).toEqual([2, 3, 4]);
    expect([...one.counts, 5].join()).toContain(other.counts.join());

    await sleep(1500); // the poll under way when the last viewer left
    const { body: before } = await getJson(url);
    await sleep(1200);
    const { body: after } = await getJson(url);
    expect(after.count).toBe(Number(before.count) + 1);
  }, 15_000);

  test("finishes the answer under way, ends the live streams and exits with code 0 on SIGTERM", async () => {
    let asked: () => void = () => undefined;
    const arrival = new Promise<void>((resolve) => (asked = resolve));
    const slowApi = await serve((_request, response) => {
      asked();
      setTimeout(() => response.end('{"count":1,"hostname":"a"}'), 500);
    });
    const { url, service } = await startDashboard(slowApi);
    const live = (await fetch(`${url}/live`)).text();
    const answer = getJson(url);
    await arrival;
    const started = Date.now();

    expect(await service.end("SIGTERM")).toBe(0);
    expect(Date.now() - started).toBeLessThan(2500);
    expect(await answer).toMatchObject({ status: 200, body: { count: 1 } });
    expect(await live).toContain("event: history");
  });

  test("fails with a sentence if the address of the API is none", async () => {
    const service = run(DASHBOARD, { COUNTING_SERVICE_URL: "127.0.0.1:8080" });

    expect(await service.exitCode).toBe(1);
    expect(service.output).toContain(
      'COUNTING_SERVICE_URL must look like http://127.0.0.1:8080, not "127.0.0.1:8080".',
    );
  });
});

describe.each([API, DASHBOARD])("the text of %s", (file) => {
  const text = readFileSync(join(FOLDER, file), "utf8");

  test("passes unchanged through a Nomad template, and through Terraform", () => {
    expect(text).not.toMatch(/\[\[|\]\]|%\{/);
    expect(text).not.toMatch(/\$\{\s*(NOMAD_|attr\.|node\.|meta\.|device\.|env\b)/);
  });

  test("stays below 20 kB, and needs nothing but Node.js", () => {
    expect(Buffer.byteLength(text)).toBeLessThan(20_000);
    const imported = [...text.matchAll(/^import .* from "(.*)";$/gm)].map(([, name]) => name);
    expect(imported.length).toBeGreaterThan(0);
    for (const name of imported) expect(name).toMatch(/^node:/);
  });
});

interface Service {
  readonly exitCode: Promise<number | null>;
  /** What it wrote to stdout and stderr so far. */
  readonly output: string;
  /** Where it listens, in the order of its log. */
  readonly addresses: (amount: number) => Promise<string[]>;
  /** Sends the signal and waits. */
  readonly end: (signal: NodeJS.Signals) => Promise<number | null>;
}

async function startApi(env: NodeJS.ProcessEnv = {}) {
  const service = run(API, env);
  const [url, adminUrl] = await service.addresses(2);
  return { service, url, adminUrl };
}

async function startDashboard(apiUrl: string | undefined, env: NodeJS.ProcessEnv = {}) {
  const service = run(DASHBOARD, { BIND_ADDRESS: "127.0.0.1", COUNTING_SERVICE_URL: apiUrl, ...env });
  const [url] = await service.addresses(1);
  return { service, url };
}

/** The program as a process of its own, on ports that the system chooses. */
function run(file: string, env: NodeJS.ProcessEnv): Service {
  const child: ChildProcess = spawn(process.execPath, [join(FOLDER, file)], {
    env: { PORT: "0", ADMIN_PORT: "0", ...env },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data: Buffer) => (output += data.toString()));
  const exitCode = once(child, "close").then(([code]) => code as number | null);

  const service: Service = {
    exitCode,
    get output() {
      return output;
    },
    addresses: async (amount) => {
      for (;;) {
        const found = [...output.matchAll(/listens on (http:\/\/[\d.:]+)/g)].map(([, url]) => url);
        if (found.length >= amount) return found;
        const [event] = await Promise.race([once(child.stdout ?? child, "data"), exitCode.then(() => ["exit"])]);
        if (event === "exit") throw new Error(`${file} did not start: ${output}`);
      }
    },
    end: (signal) => {
      child.kill(signal);
      return exitCode;
    },
  };
  services.push(service);
  return service;
}

/** What a sidecar might say, on a free port. */
async function serve(listener: RequestListener, onConnection: () => void = () => undefined): Promise<string> {
  const server = createServer(listener).on("connection", onConnection).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function getJson(url: string, accept = "application/json") {
  const response = await fetch(url, { headers: { accept } });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function post(url: string): Promise<number> {
  return (await fetch(url, { method: "POST" })).status;
}

/** The history and the first counts of the live stream. */
async function watch(url: string, amount: number) {
  const closing = new AbortController();
  const response = await fetch(`${url}/live`, { signal: closing.signal });
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    if (text.match(/^data: \{.*\}\n\n/gm)?.length === amount) break;
  }
  closing.abort();
  const events = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data) as unknown);
  const [history, ...answers] = events as [unknown[], ...{ count: number }[]];
  return { history, counts: answers.map((answer) => answer.count) };
}
