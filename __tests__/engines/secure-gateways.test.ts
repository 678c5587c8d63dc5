import { mkdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LiveExplanation } from "../../cli/explain-live";
import { expectHealthy, reloadConsul } from "../support/consul-agents";
import { eventually } from "../support/eventually";
import { CLI, run, TestLab } from "../support/lab";

const MINUTE = 60_000;
jest.setTimeout(4 * MINUTE);
const name = `secure-gates-${process.pid}`;
const examples = join(__dirname, "..", "..", "examples");
const gateways = new TestLab(name, join(examples, "gateways", "app.ts"));
const database = new TestLab(name, join(examples, "external-database", "app.ts"));
const canary = new TestLab(name, join(examples, "canary", "main.ts"));
const bridge = new TestLab(name, join(__dirname, "apps", "bridge.ts"));

/** What `up` printed to open, by `<service> <port that was wanted>`. */
let urls: ReadonlyMap<string, URL>;

/** Brings the lab to an app, as it is: nothing in it knows that the lab is secure. */
async function up(lab: TestLab, ...options: readonly string[]): Promise<void> {
  const { output } = await lab.mustUp("", ...options);
  const wanted = new Map([...lab.movedPorts].map(([port, here]) => [String(here), port]));
  urls = new Map(
    [...output.matchAll(/^ {2}(\S+) +(http:\S+)/gm)].map(([, service, text]) => {
      const url = new URL(text);
      return [`${service} ${wanted.get(url.port) ?? url.port}`, url];
    }),
  );
}

/** In it the example of an external database makes its keys: its job, which plays that database, reads them there. */
const shown = join(__dirname, "..", "..", ".meshform");

beforeAll(async () => {
  mkdirSync(shown, { recursive: true });
  await up(gateways, "--secure", "--show", shown);
}, 10 * MINUTE);

afterAll(async () => {
  await gateways.down();
}, MINUTE);

function urlOf(listener: string): URL {
  const url = urls.get(listener);
  if (url === undefined) throw new Error(`up printed no ${listener}, only: ${[...urls.keys()].join(", ")}.`);
  return url;
}

/** A token of either engine. */
interface Token {
  readonly SecretID: string;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

async function ask(listener: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const response = await fetch(new URL(path, urlOf(listener)), { headers, signal: AbortSignal.timeout(5_000) });
  return { status: response.status, body: await response.text() };
}

/** What a connection answers to a word; an error where it is closed without one. */
function say(listener: string): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port: Number(urlOf(listener).port) });
  return new Promise((resolve, reject) => {
    socket.setEncoding("utf8").setTimeout(5_000, () => socket.destroy(new Error("silence")));
    socket.write("hello");
    socket.on("data", (said: string) => {
      resolve(said);
      socket.destroy();
    });
    socket.on("error", reject).on("close", () => reject(new Error("closed without a word")));
  });
}

const removeIntentions = (destination: string) =>
  gateways.api("Consul", `/v1/config/service-intentions/${destination}`, "DELETE");

/** What lets gateways log in to Consul. */
async function gatewayRules(): Promise<string[]> {
  const rules = await gateways.api<{ Description: string }[]>("Consul", "/v1/acl/binding-rules");
  return rules
    .map(({ Description }) => Description)
    .filter((it) => !it.startsWith("Nomad "))
    .sort();
}

test("an ingress and an API gateway lead to services, by request and by connection, and not without an intention", async () => {
  const allowed = { status: 200, body: expect.stringContaining('"service":"orders"') as unknown };
  await eventually(async () => {
    expect(await ask("gateway 8080", "/orders/1")).toEqual(allowed);
    expect(await say("gateway 9000")).toBe("clock: hello");
    expect(await say("ingress 9001")).toBe("clock: hello");
  });
  expect(await gatewayRules()).toEqual(["The API gateway gateway", "The ingress gateway ingress"]);

  const hosts = ["client-1", "client-2"];
  await reloadConsul(gateways, ...hosts);
  await expectHealthy(gateways, hosts, ["gateway-envoy", "ingress-envoy"]);

  await removeIntentions("orders");
  await removeIntentions("clock");
  await eventually(async () => {
    expect(await ask("gateway 8080", "/orders/1")).toEqual({ status: 403, body: "RBAC: access denied" });
    await expect(say("gateway 9000")).rejects.toThrow();
    await expect(say("ingress 9001")).rejects.toThrow();
  });
  expect(await ask("gateway 8080", "/stock/1")).toMatchObject({ status: 200 });
});

test("the tokens of an operator are enough to close what the intentions no longer allow", async () => {
  const consul = await gateways.api<Token>("Consul", "/v1/acl/token", "PUT", { Policies: [{ Name: "operator" }] });
  const nomad = await gateways.api<Token>("Nomad", "/v1/acl/token", "PUT", { Type: "client", Policies: ["operator"] });
  const env = {
    CONSUL_HTTP_ADDR: gateways.url("Consul"),
    CONSUL_HTTP_TOKEN: consul.SecretID,
    NOMAD_ADDR: gateways.url("Nomad"),
    NOMAD_TOKEN: nomad.SecretID,
  };
  const command = [CLI, "disconnect", "--environment", "ingress", "clock"];
  expect(await run(process.execPath, command, { env, timeoutMs: 2 * MINUTE })).toMatchObject({
    code: 0,
    output: expect.stringContaining("Every connection to the only instance of clock has been closed.") as unknown,
  });
  // Nobody else may.
  const stranger = { ...env, NOMAD_TOKEN: "" };
  expect(await run(process.execPath, command, { env: stranger })).toMatchObject({
    code: 1,
    output: expect.stringContaining("alloc-lifecycle") as unknown,
  });
});

test("the permissions that the documentation lists are enough for explain --live; where one is missing, it names no wrong cause", async () => {
  const page = readFileSync(join(__dirname, "..", "..", "docs", "troubleshooting.md"), "utf8");
  const rulesOf = (engine: string) =>
    new RegExp(`^\`\`\`hcl\n# ${engine}.*?\n(.*?)^\`\`\``, "ms").exec(page)?.[1] ?? "";
  const nomadToken = async (name: string, rules: string) => {
    await gateways.api("Nomad", `/v1/acl/policy/${name}`, "PUT", { Name: name, Rules: rules });
    return (await gateways.api<Token>("Nomad", "/v1/acl/token", "PUT", { Type: "client", Policies: [name] })).SecretID;
  };
  const consulToken = async (name: string, rules: string) => {
    await gateways.api("Consul", "/v1/acl/policy", "PUT", { Name: name, Rules: rules });
    return (await gateways.api<Token>("Consul", "/v1/acl/token", "PUT", { Policies: [{ Name: name }] })).SecretID;
  };
  const command = [CLI, "explain", "gateway", "orders", "GET", "/orders/1", "--live", "--environment", "--json"];
  const explain = async (consul: string, nomad: string) => {
    const env = {
      CONSUL_HTTP_ADDR: gateways.url("Consul"),
      CONSUL_HTTP_TOKEN: consul,
      NOMAD_ADDR: gateways.url("Nomad"),
      NOMAD_TOKEN: nomad,
    };
    // Without the app of a folder: what is asked decides alone.
    const { output } = await run(process.execPath, command, { env, cwd: tmpdir() });
    return JSON.parse(output) as LiveExplanation;
  };
  const consul = await consulToken("explains", rulesOf("Consul"));
  const nomad = await nomadToken("explains", rulesOf("Nomad"));
  // The intention of the app was removed above.
  await eventually(async () => {
    const { links, sentence } = await explain(consul, nomad);
    expect(links.filter(({ state }) => state === "not visible")).toEqual([]);
    expect(sentence).toMatch(/^Cause: orders: Consul refuses it: no intention allows gateway to reach orders/);
  });

  const blind = await consulToken("blind", rulesOf("Consul").replace(/^node_prefix.*$/m, ""));
  const unseen = await explain(blind, nomad);
  expect(unseen.links.find(({ id }) => id === "source-deployed")).toMatchObject({
    state: "not visible",
    reason: expect.stringContaining("the token sees only a part of the list") as string,
  });
  const outside = await explain(
    consul,
    await nomadToken("outside", 'namespace "default" { capabilities = ["read-job"] }'),
  );
  expect(outside.links.find(({ id }) => id === "source-sidecar")).toMatchObject({
    state: "not visible",
    reason: expect.stringContaining("alloc-exec") as string,
  });
});

test("a terminating gateway leads to a database outside, and not without an intention", async () => {
  await up(database);
  await eventually(async () =>
    expect(await ask("billing 8090", "/")).toEqual({
      status: 200,
      body: '{"asked":"invoices","by":"egress.example"}\n',
    }),
  );
  expect(await gatewayRules()).toEqual(["The terminating gateway egress"]);
  await removeIntentions("billing-db");
  await eventually(async () => expect(await ask("billing 8090", "/")).toMatchObject({ status: 502 }));
});

test("a mesh gateway gets its certificate for the datacenter, and listens", async () => {
  await up(bridge);
  const checks = await bridge.api<{ Status: string }[]>("Consul", "/v1/health/checks/mesh-gateway");
  expect(checks.map(({ Status }) => Status)).toEqual(["passing"]);
  expect(await gatewayRules()).toEqual(["The mesh gateway mesh-gateway"]);
});

test("a Connect-native service gets its certificate with a token of its own, and lets in and reaches what intentions allow", async () => {
  const [{ ID }] = await bridge.api<{ ID: string }[]>("Nomad", "/v1/job/client/allocations");
  const hear = async (word: string) => {
    const program = `const s = require("net").connect(7140, "127.0.0.1").setTimeout(5000, () => s.destroy()); s.write("${word}");
      s.on("data", (d) => { console.log(String(d)); s.destroy(); }).on("error", () => {}).on("close", () => console.log("closed"));`;
    return (await bridge.inTask(ID, "client", ["node", "-e", program])).output;
  };
  await eventually(async () => expect(await hear("ask clock")).toContain("native: clock: hello"));
  await removeIntentions("clock");
  await eventually(async () => expect(await hear("ask clock")).toContain("native: closed without a word"));
  await removeIntentions("native");
  await eventually(async () => expect((await hear("hello")).trim()).toBe("closed"));
});

test("a canary gets those who bear its header, and nobody reaches it without an intention", async () => {
  await up(canary);
  const asTester = () => ask("greeting-page 9100", "/", { "x-canary": "yes" });
  await eventually(async () => {
    const { body } = await asTester();
    expect(JSON.parse(body)).toMatchObject({ version: "v2" });
  });
  // Nothing is left of the gateways.
  expect(await gatewayRules()).toEqual([]);
  await removeIntentions("greeting-api");
  await eventually(async () => expect((await asTester()).status).not.toBe(200));
});
