import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { addBlueGreen } from "../../examples/blue-green";
import { addCanary } from "../../examples/canary";
import { MeshStack } from "../../stacks/mesh-stack";
import type { Runtime } from "../../stacks/settings";
import { findingsOf, synthStack } from "../support/synth";
import { taskOf } from "../support/job";
import { testApp } from "../support/test-app";

const FOLDER = join(__dirname, "../../examples/canary");

describe.each(["docker", "exec"] as const)("under %s", (runtime: Runtime) => {
  const stackWith = (add: (stack: MeshStack) => void) => {
    const stack = new MeshStack(testApp(), "mesh", { runtime });
    add(stack);
    return stack;
  };
  const canary = () => stackWith(({ mesh }) => addCanary(mesh, { runtime, percent: 10 }));
  const blueGreen = () => stackWith(({ mesh }) => addBlueGreen(mesh, { runtime, live: "blue" }));

  test("the examples pass every check", () => {
    expect(findingsOf(() => synthStack(canary()))).toEqual([]);
    expect(findingsOf(() => synthStack(blueGreen()))).toEqual([]);
  });

  test("they run their versions side by side, and carry the programs in the jobs", () => {
    const { jobs } = synthStack(canary());
    expect(Object.keys(jobs).sort()).toEqual(["greeting-api", "greeting-api-v2", "greeting-page"]);
    const [first, second] = ["greeting-api", "greeting-api-v2"].map((id) => taskOf(jobs[id], "greeting-api"));
    expect([first.Env, second.Env]).toMatchObject([{ VERSION: "v1" }, { VERSION: "v2" }]);
    expect(first.Templates?.[0].EmbeddedTmpl).toContain("createServer");
    expect(Object.keys(synthStack(blueGreen()).jobs).sort()).toEqual(["shop-api", "shop-api-green", "shop-page"]);
  });
});

describe("the programs", () => {
  const processes: ChildProcess[] = [];

  afterEach(async () => {
    await Promise.all(
      processes.splice(0).map(async (each) => {
        const ended = once(each, "exit");
        each.kill("SIGKILL");
        if (each.exitCode === null) await ended;
      }),
    );
  });

  /** Runs a program, and gives the URLs that its log names, or how it ended. */
  async function start(file: string, env: Readonly<Record<string, string>>): Promise<readonly string[]> {
    const child = spawn(process.execPath, [join(FOLDER, file)], { env: { PATH: process.env.PATH, ...env } });
    processes.push(child);
    const wanted = file === "greeting-api.mjs" ? 2 : 1;
    let log = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (log += text.toString()));
    for (;;) {
      const urls = [...log.matchAll(/listens on (http:\/\/[\d.]+:\d+)/g)].map(([, url]) => url);
      if (urls.length === wanted) return urls;
      if (child.exitCode !== null) throw new Error(`${file} ended with ${child.exitCode}: ${log}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  const startApi = () => start("greeting-api.mjs", { PORT: "0", ADMIN_PORT: "0", VERSION: "v7" });
  const ask = async (url: string, init: RequestInit = {}) => {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(5_000) });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  test("the API says who answers, and what of its callers' headers it got", async () => {
    const [url] = await startApi();
    const headers = { "x-canary": "yes", "x-forwarded-for": "192.0.2.1", accept: "application/json" };
    expect(await ask(`${url}/a?b=c`, { headers })).toMatchObject({
      status: 200,
      body: { greeting: "Hello", version: "v7", method: "GET", path: "/a?b=c", headers: { "x-canary": "yes" } },
    });
    expect((await ask(`${url}/`, { headers })).body.headers).toEqual({ "x-canary": "yes" });
  });

  test("the API fails, is slow and is ill as it is told, through its own port alone", async () => {
    const [url, adminUrl] = await startApi();
    expect((await ask(`${url}/fault?status=500`, { method: "POST" })).status).toBe(200);
    await ask(`${adminUrl}/fault?status=500&delay=200&health=fail`, { method: "POST" });
    const started = Date.now();
    expect((await ask(url)).status).toBe(500);
    expect(Date.now() - started).toBeGreaterThanOrEqual(190);
    expect((await ask(`${url}/health`)).status).toBe(503);
    await ask(`${adminUrl}/fault?health=warn`, { method: "POST" });
    expect((await ask(`${url}/health`)).status).toBe(429);
    await ask(`${adminUrl}/fault`, { method: "POST" });
    expect([(await ask(url)).status, (await ask(`${url}/health`)).status]).toEqual([200, 200]);
    expect((await ask(`${adminUrl}/`)).status).toBe(404);
  });

  test("the page passes requests on, without what only Envoy may say", async () => {
    const server = createServer(({ method, url, headers }, response) => {
      response.end(JSON.stringify({ method, url, headers }));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const GREETING_URL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const [url] = await start("greeting-page.mjs", { PORT: "0", GREETING_URL, TESTER_HEADER: "x-preview" });
    const headers = { "x-preview": "yes", "x-envoy-retry-on": "5xx", "x-forwarded-client-cert": "By=me" };
    const { body } = await ask(`${url}/there`, { headers, method: "POST" });
    expect(body).toMatchObject({ method: "POST", url: "/there", headers: { "x-preview": "yes" } });
    expect(Object.keys(body.headers as object).filter((name) => name.startsWith("x-"))).toEqual(["x-preview"]);
    const page = await fetch(url, { headers: { accept: "text/html" } });
    expect(await page.text()).toContain("send <code>x-preview</code>");
    server.closeAllConnections();
    server.close();
  });

  test("the page says when nobody answers, and does not start without an API", async () => {
    const [url] = await start("greeting-page.mjs", { PORT: "0", GREETING_URL: "http://127.0.0.1:1" });
    expect(await ask(url)).toMatchObject({
      status: 502,
      body: { error: expect.stringMatching(/^No answer from/) as unknown },
    });
    expect((await ask(`${url}/health`)).status).toBe(200);
    await expect(start("greeting-page.mjs", { PORT: "0" })).rejects.toThrow(
      /ended with 1: GREETING_URL must look like/,
    );
  });
});
