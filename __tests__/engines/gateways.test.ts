import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { get as getHttp, type IncomingMessage, type RequestOptions } from "node:http";
import { get as getHttps } from "node:https";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { makeCertificates } from "../../examples/external-database/certificates";
import { checksOf, crashConsul, expectHealthy, reloadConsul } from "../support/consul-agents";
import { eventually } from "../support/eventually";
import { CLI, run, TestLab, type Outcome } from "../support/lab";

const MINUTE = 60_000;
jest.setTimeout(2 * MINUTE);
const lab = new TestLab(`gates-${process.pid}`, join(__dirname, "apps", "gateways.ts"));

const folder = mkdtempSync(join(tmpdir(), "meshform-gateways-"));
const outside = makeCertificates(join(folder, "outside"), "database.example", "egress.example");
const other = makeCertificates(join(folder, "other"), "stranger.example", "nobody.example");
const site = makeCertificates(join(folder, "site"), "site.example", "nobody.example");
const text = (file: string) => readFileSync(file, "utf8");

/** Where each published port ended up on this machine. */
beforeAll(async () => {
  copyFileSync(other.serverCertFile, join(outside.folder, "stranger.pem"));
  copyFileSync(other.serverKeyFile, join(outside.folder, "stranger.key"));
  // What Envoys read comes from Nomad's variables, and those need a Nomad.
  await up("bare");
  await putVariable("gateway", { certificate: text(site.serverCertFile), key: text(site.serverKeyFile) });
  await putVariable("egress", {
    ca: text(outside.caFile),
    other_ca: text(other.caFile),
    certificate: text(outside.clientCertFile),
    key: text(outside.clientKeyFile),
  });
  await startOutside();
  await up("connected");
}, 12 * MINUTE);

afterAll(async () => {
  await lab.down();
  rmSync(folder, { recursive: true });
}, MINUTE);

async function up(variant: string): Promise<Outcome> {
  const outcome = await lab.up(variant);
  // Some connections of that variant are meant to fail, which is what `up` then says.
  if (outcome.code !== 0 && variant !== "connected") {
    throw new Error(`up ended with ${outcome.code}:\n${outcome.output}`);
  }
  return outcome;
}

function putVariable(job: string, Items: Readonly<Record<string, string>>): Promise<unknown> {
  const Path = `nomad/jobs/${job}`;
  return lab.api("Nomad", `/v1/var/${Path}`, "PUT", { Path, Items });
}

/** Starts what is outside of the mesh, on a host of the lab: it ends with it. */
async function startOutside(): Promise<void> {
  const program = join(__dirname, "apps", "outside.mjs");
  const args = ["exec", "--name", lab.name, "server-1", "--", "node", program, outside.folder];
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  child.stdout.destroy();
  child.unref();
}

const portOf = (wanted: number) => lab.movedPorts.get(wanted) ?? wanted;

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
}

/** A request to a published port. */
function ask(port: number, host: string, path = "/", options: RequestOptions & { readonly ca?: string } = {}) {
  const { ca, ...others } = options;
  const request = {
    ...others,
    host: "127.0.0.1",
    port: portOf(port),
    path,
    agent: false,
    headers: { host },
    timeout: 5_000,
  };
  return new Promise<Answer>((resolve, reject) => {
    const read = (response: IncomingMessage) => {
      let body = "";
      response.setEncoding("utf8").on("data", (part: string) => (body += part));
      response.on("end", () => resolve({ status: response.statusCode, body }));
      response.on("error", reject);
    };
    const sent = ca === undefined ? getHttp(request, read) : getHttps({ ...request, ca, servername: host }, read);
    sent.on("error", reject).on("timeout", () => sent.destroy(new Error("no answer")));
  });
}

/**
 * What a connection to a published port answers; an error where it is closed without a word. It speaks first: Envoy asks the
 * intentions of a tcp service only when the client's first byte is there.
 */
function answerTo(port: number, tls?: { readonly ca: string; readonly servername: string }): Promise<string> {
  const target = { host: "127.0.0.1", port: portOf(port) };
  const socket: Socket = tls === undefined ? connect(target) : connectTls({ ...target, ...tls });
  return new Promise((resolve, reject) => {
    socket.setEncoding("utf8").setTimeout(5_000, () => socket.destroy(new Error("silence")));
    socket.write("hello");
    socket.on("data", (said: string) => {
      resolve(said.trim());
      socket.destroy();
    });
    socket.on("error", reject).on("close", () => reject(new Error("closed without a word")));
  });
}

/** Opens a connection to a published port, and keeps it open. */
function openTo(port: number): { say(words: string): Promise<string>; closed(): Promise<unknown> } {
  const socket = connect({ host: "127.0.0.1", port: portOf(port) }).setEncoding("utf8");
  // One that is cut ends by an error; that it ends is what counts.
  socket.on("error", () => undefined);
  return {
    closed: async () => socket.closed || once(socket, "close", { signal: AbortSignal.timeout(10_000) }),
    say: async (words) => {
      const answer = once(socket, "data", { signal: AbortSignal.timeout(5_000) });
      socket.write(words);
      return String((await answer)[0]);
    },
  };
}

/** What the service `client` hears at a local port of its own. */
async function fromClient(localPort: number, protocol: "http" | "tcp"): Promise<string> {
  const allocations = await lab.api<{ ID: string; ClientStatus: string }[]>("Nomad", "/v1/job/client/allocations");
  const running = allocations.find(({ ClientStatus }) => ClientStatus === "running");
  const program =
    protocol === "http"
      ? `fetch("http://127.0.0.1:${localPort}/a").then(async (r) => console.log(r.status, await r.text()))`
      : `const s = require("net").connect(${localPort}, "127.0.0.1").setTimeout(5000, () => s.destroy()); s.write("hello");
         s.on("data", (d) => { console.log(String(d)); s.destroy(); }).on("error", () => {}).on("close", () => console.log("closed"));`;
  const { output } = await lab.inTask(running?.ID ?? "", "client", ["node", "-e", program]);
  return output.trim();
}

/** Takes the intentions of a service away, and puts them back. */
async function withoutIntentions(service: string, check: () => Promise<void>): Promise<void> {
  const path = `/v1/config/service-intentions/${service}`;
  const entry = await lab.api<object>("Consul", path);
  await lab.api("Consul", path, "DELETE");
  try {
    await check();
  } finally {
    await lab.api("Consul", "/v1/config", "PUT", entry);
  }
}

/** Denies a source in the intentions of a service, and allows it again. */
async function withDenied(source: string, service: string, check: () => Promise<void>): Promise<void> {
  const entry = await lab.api<{ Sources: { Name: string }[] }>("Consul", `/v1/config/service-intentions/${service}`);
  const Sources = entry.Sources.map((it) => (it.Name === source ? { ...it, Action: "deny" } : it));
  await lab.api("Consul", "/v1/config", "PUT", { ...entry, Sources });
  try {
    await check();
  } finally {
    await lab.api("Consul", "/v1/config", "PUT", entry);
  }
}

describe("the ingress gateway", () => {
  test("leads requests by their host, and others nowhere", async () => {
    await eventually(async () => {
      expect(await ask(18080, "stock.example", "/a")).toMatchObject({
        status: 200,
        body: expect.stringContaining('"service":"stock","method":"GET","url":"/a"') as unknown,
      });
      expect((await ask(18080, "new.orders.example")).body).toContain('"service":"orders"');
    });
    expect(await ask(18080, "clock.example")).toMatchObject({ status: 404 });
  });

  test("leads connections", async () => {
    await eventually(async () => expect(await answerTo(18091)).toBe("clock: hello"));
  });

  test("has a certificate of the mesh's own authority, and no other trusts it", async () => {
    const { Roots } = await lab.api<{ Roots: { RootCert: string }[] }>("Consul", "/v1/connect/ca/roots");
    const ca = Roots.map(({ RootCert }) => RootCert).join("\n");
    await eventually(async () => expect(await ask(18081, "stock.example", "/", { ca })).toMatchObject({ status: 200 }));
    await expect(ask(18081, "stock.example", "/", { ca: text(other.caFile) })).rejects.toThrow(/certificate|issuer/);
    await expect(ask(18081, "unknown.example", "/", { ca })).rejects.toThrow(/altnames|Host/);
  });
});

describe("the API gateway", () => {
  test("leads requests by their host and path", async () => {
    await eventually(async () => {
      expect((await ask(18180, "any.example", "/stock/1")).body).toContain(
        '"service":"stock","method":"GET","url":"/stock/1"',
      );
      expect((await ask(18180, "orders.example", "/orders/1")).body).toContain(
        '"service":"orders","method":"GET","url":"/1"',
      );
    });
    expect(await ask(18180, "any.example", "/orders/1")).toMatchObject({ status: 404 });
    expect(await ask(18180, "orders.example", "/ordersandmore")).toMatchObject({ status: 404 });
  });

  test("divides requests among services by weight", async () => {
    const answers = await Promise.all(Array.from({ length: 80 }, () => ask(18180, "any.example", "/either")));
    const ofStock = answers.filter(({ body }) => body.includes('"service":"stock"')).length;
    const ofOrders = answers.filter(({ body }) => body.includes('"service":"orders"')).length;
    expect(ofStock + ofOrders).toBe(80);
    // Of 80, 60 are expected; fewer than 40 or more than 78 would be chance once in a million runs.
    expect(ofStock).toBeGreaterThan(40);
    expect(ofOrders).toBeGreaterThan(1);
  });

  test("leads connections", async () => {
    await eventually(async () => expect(await answerTo(18190)).toBe("clock: hello"));
  });

  test("shows the certificate from its file, to requests and to connections, and no other authority's clients trust it", async () => {
    const ca = text(site.caFile);
    await eventually(async () => {
      expect((await ask(18181, "site.example", "/stock", { ca })).body).toContain('"service":"stock"');
      expect(await answerTo(18191, { ca, servername: "site.example" })).toBe("clock: hello");
    });
    await expect(ask(18181, "site.example", "/stock", { ca: text(other.caFile) })).rejects.toThrow(
      /certificate|issuer/,
    );
    await expect(answerTo(18191, { ca: text(other.caFile), servername: "site.example" })).rejects.toThrow(
      /certificate|issuer/,
    );
    await expect(ask(18181, "site.example", "/stock")).rejects.toThrow();
  });

  test("is refused what its intention does not allow", async () => {
    await eventually(async () => expect(await ask(18180, "any.example", "/stock")).toMatchObject({ status: 200 }));
    const post = { method: "POST" };
    expect(await ask(18180, "any.example", "/stock", post)).toEqual({ status: 403, body: "RBAC: access denied" });
  });
});

describe("without the intention", () => {
  const refused = { status: 403, body: "RBAC: access denied" };

  test("both gateways are refused for http, and let in again with it", async () => {
    await withoutIntentions("orders", async () => {
      await eventually(async () => {
        expect(await ask(18080, "orders.example")).toEqual(refused);
        expect(await ask(18180, "orders.example", "/orders")).toEqual(refused);
      });
      expect((await ask(18080, "stock.example")).status).toBe(200);
    });
    await eventually(async () => {
      expect((await ask(18080, "orders.example")).status).toBe(200);
      expect((await ask(18180, "orders.example", "/orders")).status).toBe(200);
    });
  });

  test("both gateways are refused for tcp, and let in again with it", async () => {
    await withoutIntentions("clock", async () => {
      await eventually(async () => {
        await expect(answerTo(18091)).rejects.toThrow();
        await expect(answerTo(18190)).rejects.toThrow();
      });
    });
    await eventually(async () => {
      expect(await answerTo(18091)).toBe("clock: hello");
      expect(await answerTo(18190)).toBe("clock: hello");
    });
  });

  test("the terminating gateway refuses a service, for tcp and http, and lets it in again with it", async () => {
    await withoutIntentions("db", async () => {
      await eventually(async () => expect(await fromClient(7100, "tcp")).toBe("closed"));
    });
    await withoutIntentions("page", async () => {
      await eventually(async () => expect(await fromClient(7104, "http")).toBe("403 RBAC: access denied"));
    });
    await eventually(async () => {
      expect(await fromClient(7100, "tcp")).toContain("egress.example");
      expect(await fromClient(7104, "http")).toBe("200 outside /a");
    });
  });
});

describe("the terminating gateway", () => {
  test("speaks TLS to a database outside: asks for its name, trusts its authority and shows a certificate of its own", async () => {
    await eventually(async () => expect(await fromClient(7100, "tcp")).toContain('{"client":"egress.example"}'));
  });

  test.each([
    ["another authority's", 7101],
    ["for another name", 7102],
  ])("refuses a database whose certificate is %s", async (_, port) => {
    await eventually(async () => expect(await fromClient(7100, "tcp")).toContain("egress.example"));
    expect(await fromClient(port, "tcp")).toBe("closed");
  });

  test("is refused by a database that wants to see a certificate, and is shown none", async () => {
    expect(await fromClient(7103, "tcp")).toBe("closed");
  });

  test("carries requests, by TLS and, with a reason, in plaintext", async () => {
    await eventually(async () => {
      expect(await fromClient(7104, "http")).toBe("200 outside /a");
      expect(await fromClient(7105, "http")).toBe("200 outside /a");
    });
  });
});

describe("disconnect", () => {
  test("closes a connection that is open, and served though its intention is gone, and lets others connect again", async () => {
    const before = await eventually(async () => {
      expect(await answerTo(18190)).toBe("clock: hello");
      return openTo(18091);
    });
    expect(await lab.meshform(["disconnect", "ingress", "clock"])).toMatchObject({
      code: 1,
      output: expect.stringContaining("The intentions still allow ingress to reach clock") as unknown,
    });
    expect(await before.say("hello")).toBe("clock: hello");
    await withDenied("ingress", "clock", async () => {
      await eventually(async () => expect(answerTo(18091)).rejects.toThrow());
      expect(await before.say("still here")).toBe("clock: still here");
      expect(await lab.meshform(["disconnect", "ingress", "clock"])).toMatchObject({
        code: 0,
        output: expect.stringContaining("Every connection to the only instance of clock has been closed.") as unknown,
      });
      await before.closed();
      await expect(answerTo(18091)).rejects.toThrow();
      await eventually(async () => expect(await answerTo(18190)).toBe("clock: hello"));
    });
    await eventually(async () => expect(await answerTo(18091)).toBe("clock: hello"));
  });

  test("restarts the terminating gateway that leads to a service outside, with the variables of any cluster", async () => {
    await eventually(async () => expect(await fromClient(7100, "tcp")).toContain("egress.example"));
    const env = { CONSUL_HTTP_ADDR: lab.url("Consul"), NOMAD_ADDR: lab.url("Nomad") };
    const command = [CLI, "disconnect", "--environment", "client", "db"];
    await withoutIntentions("db", async () => {
      const { code, output } = await run(process.execPath, command, { env });
      expect({ code, output }).toMatchObject({
        code: 0,
        output: expect.stringContaining("Restart connect-terminating-egress on client-") as unknown,
      });
    });
    await eventually(async () => expect(await fromClient(7100, "tcp")).toContain("egress.example"));
  });

  test.each([
    [["nobody", "clock"], "Consul knows no service nobody."],
    [["ingress", "nothing"], "Consul knows no instance of nothing in the mesh."],
  ])("fails if a service is not there: %j", async (names, message) => {
    expect(await lab.meshform(["disconnect", ...names])).toMatchObject({
      code: 1,
      output: expect.stringContaining(message) as unknown,
    });
  });
});

test("the mesh gateway is registered as one, with its address for other datacenters, and listens", async () => {
  const services = await lab.api<
    { ServiceKind: string; ServicePort: number; ServiceTaggedAddresses: Record<string, object> }[]
  >("Consul", "/v1/catalog/service/mesh-gateway");
  expect(services).toMatchObject([
    {
      ServiceKind: "mesh-gateway",
      ServicePort: 18443,
      ServiceTaggedAddresses: { wan: { Address: "203.0.113.7", Port: 443 } },
    },
  ]);
  const checks = await lab.api<{ Status: string }[]>("Consul", "/v1/health/checks/mesh-gateway");
  expect(checks.map(({ Status }) => Status)).toEqual(["passing"]);
});

test("gateways of every kind are healthy again after the Consul agents of their hosts have reloaded, or crashed", async () => {
  const hosts = ["client-1", "client-2"];
  const companions = ["gateway-envoy", "ingress-envoy"];
  await reloadConsul(lab, ...hosts);
  await expectHealthy(lab, hosts, companions);
  await crashConsul(lab, ...hosts);
  // Their own checks run soon: until then none of them gets traffic.
  await eventually(async () => {
    const checks = await checksOf(lab, ...hosts);
    const own = checks.filter(({ ServiceName }) =>
      ["gateway", "ingress", "egress", "mesh-gateway"].includes(ServiceName),
    );
    expect(own.length).toBeGreaterThanOrEqual(8);
    expect(own.filter(({ Interval, Status }) => Interval !== "2s" || Status !== "passing")).toEqual([]);
  }, 6_000);
  await expectHealthy(lab, hosts, companions);
  await eventually(async () => expect(await lab.meshform(["status"])).toMatchObject({ code: 0 }));
});

test("the logs of a gateway are those of its Envoy", async () => {
  const { code, output } = await lab.meshform(["logs", "egress"]);
  expect({ code, output }).toMatchObject({
    code: 0,
    output: expect.stringContaining("starting main dispatch loop") as unknown,
  });
});

test(
  "a service that is removed from the app is removed from the gateways too",
  async () => {
    expect(await up("smaller")).toMatchObject({ code: 0 });
    const entries = async (kind: string) => JSON.stringify(await lab.api("Consul", `/v1/config/${kind}`));
    expect(await entries("ingress-gateway")).not.toContain("orders");
    expect(await entries("http-route")).not.toContain("orders");
    expect(await entries("service-defaults")).not.toContain("orders");
    await eventually(async () => expect(await ask(18080, "orders.example")).toMatchObject({ status: 404 }));
    expect(await ask(18080, "stock.example")).toMatchObject({ status: 200 });
  },
  4 * MINUTE,
);

test(
  "gateways that are removed leave no entry behind that would hold on to their services",
  async () => {
    expect(await up("bare")).toMatchObject({ code: 0 });
    const kinds = ["ingress-gateway", "api-gateway", "http-route", "tcp-route", "file-system-certificate"];
    for (const kind of kinds) {
      expect(await lab.api("Consul", `/v1/config/${kind}`)).toEqual([]);
    }
  },
  4 * MINUTE,
);
