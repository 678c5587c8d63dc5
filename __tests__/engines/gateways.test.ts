import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { get as getHttp, type IncomingMessage, type RequestOptions } from "node:http";
import { get as getHttps } from "node:https";
import { connect, type Socket } from "node:net";
import { text as textOf } from "node:stream/consumers";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, type PeerCertificate } from "node:tls";
import { labEnvironment } from "../../lab/commands/environment";
import { Lab } from "../../lab/hosts/lab";
import { makeCertificates } from "../../examples/external-database/certificates";
import { checksOf, crashConsul, expectHealthy, reloadConsul } from "../support/consul-agents";
import { eventually } from "../support/eventually";
import { CLI, run, TestLab, type Outcome } from "../support/lab";
import { ODD_REQUESTS, REMAINING, type OddRequest } from "./apps/odd-requests";

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
  makeServedSecrets();
  await putTwins();
  for (const host of ["client-1", "client-2"]) {
    const line = "10.200.0.10 lambda.eu-west-1.amazonaws.com page.outside.example";
    expect(await lab.onHost(host, "sh", "-ec", `echo "${line}" >> /etc/hosts`)).toExit(0);
  }
  await putVariable("ingress", {
    ca: text(outside.caFile),
    certificate: text(outside.clientCertFile),
    key: text(outside.clientKeyFile),
  });
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
  outsideProgram?.kill();
  await lab.down();
  rmSync(folder, { recursive: true });
}, MINUTE);

/** The connections of the variant `connected` that are meant to fail, and why. `up` reports them, unless it sees them fail too late. */
const REFUSED: Readonly<Record<string, string>> = {
  "db-of-other-authority": "the gateway does not trust the authority of its certificate",
  "db-of-other-name": "its certificate is for another name than the gateway asks for",
  "db-for-nobody": "it asks for a certificate, and the gateway has none for it",
};

async function up(variant: string): Promise<Outcome> {
  const outcome = await lab.up(variant);
  const refused = variant === "connected" ? Object.keys(REFUSED) : [];
  const isRefusal = (line: string) => refused.some((name) => line.startsWith(`  client cannot reach ${name}: `));
  const problems = /^The deployment succeeded, but there are problems:\n((?: {2}.+\n)+)/m.exec(outcome.output)?.at(1);
  if (outcome.code !== 0 && problems?.trimEnd().split("\n").every(isRefusal) !== true) {
    throw new Error(`up ended with ${outcome.code}:\n${outcome.output}`);
  }
  return outcome;
}

function putVariable(job: string, Items: Readonly<Record<string, string>>): Promise<unknown> {
  const Path = `nomad/jobs/${job}`;
  return lab.api("Nomad", `/v1/var/${Path}`, "PUT", { Path, Items });
}

/** Makes the certificates that `outside.mjs` serves. The names of the wildcard are those of a listener for every service. */
function makeServedSecrets(): void {
  mkdirSync(join(outside.folder, "secrets"));
  for (const [name, host] of [
    ["any.ingress.example", "*.ingress.example"],
    ["foo.example", "foo.example"],
    ["www.example", "www.example"],
  ]) {
    const made = makeCertificates(join(folder, name), host, "nobody.example");
    copyFileSync(made.serverCertFile, join(outside.folder, "secrets", `${name}.pem`));
    copyFileSync(made.serverKeyFile, join(outside.folder, "secrets", `${name}.key`));
  }
}

/** Writes inline certificates: three whose only name is the common name, of which two are equal, and one with another common name. */
async function putTwins(): Promise<void> {
  for (const [Name, subject, more] of [
    ["twin", "/CN=twin.example", []],
    ["other-twin", "/CN=twin.example", []],
    ["single", "/CN=single.example", []],
    ["named", "/CN=Of the shop", ["-addext", "subjectAltName=DNS:named.example"]],
  ] as const) {
    const [key, certificate] = ["key", "pem"].map((ending) => join(folder, `${Name}.${ending}`));
    const kind = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9", "-subj", subject];
    expect(await run("openssl", [...kind, ...more, "-keyout", key, "-out", certificate])).toExit(0);
    const entry = { Kind: "inline-certificate", Name, Certificate: text(certificate), PrivateKey: text(key) };
    await lab.api("Consul", "/v1/config", "PUT", entry);
  }
}

/** A program of this folder with the network of a host of the lab, and with this machine's files, which a host does not see. */
function inNetworkOfServer(program: string, ...args: readonly string[]): string[] {
  const init = new Lab(lab.name).initOf("server-1");
  if (init === undefined) {
    throw new Error("The host server-1 is not running.");
  }
  return ["--target", String(init.pid), "--net", process.execPath, join(__dirname, "apps", program), ...args];
}

let outsideProgram: ChildProcess | undefined;

/** Starts what is outside of the mesh, on a host of the lab. */
async function startOutside(): Promise<void> {
  const child = spawn("nsenter", inNetworkOfServer("outside.mjs", outside.folder), {
    stdio: ["ignore", "pipe", "inherit"],
  });
  outsideProgram = child;
  await once(child.stdout, "data", { signal: AbortSignal.timeout(30_000) });
}

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
    port: lab.portOf(port),
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
  const target = { host: "127.0.0.1", port: lab.portOf(port) };
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
  const socket = connect({ host: "127.0.0.1", port: lab.portOf(port) }).setEncoding("utf8");
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

/** Sends requests byte by byte from a host of the lab. */
async function sendRaw(
  target: object,
  requests: readonly Pick<OddRequest, "text" | "headers">[],
): Promise<{ status: number; body: string }[]> {
  const args = inNetworkOfServer("raw-requests.mjs", JSON.stringify(requests));
  const { code, output } = await run("nsenter", args, { env: { TARGET: JSON.stringify(target) } });
  if (code !== 0) {
    throw new Error(`raw-requests.mjs ended with ${code}:\n${output}`);
  }
  return JSON.parse(output) as { status: number; body: string }[];
}

/** Where the Envoy of a service is reached, with the certificate of another one. */
async function sidecarOf(service: string, as: string): Promise<object> {
  type Instance = { ServiceAddress: string; Address: string; ServicePort: number };
  const [{ ServiceAddress, Address, ServicePort }] = await lab.api<Instance[]>(
    "Consul",
    `/v1/catalog/connect/${service}`,
  );
  type Leaf = { CertPEM: string; PrivateKeyPEM: string };
  const leaf = await lab.api<Leaf>("Consul", `/v1/agent/connect/ca/leaf/${as}`);
  const { Roots } = await lab.api<{ Roots: { RootCert: string }[] }>("Consul", "/v1/connect/ca/roots");
  return {
    ...{ host: ServiceAddress || Address, port: ServicePort },
    tls: { cert: leaf.CertPEM, key: leaf.PrivateKeyPEM, ca: Roots.map(({ RootCert }) => RootCert) },
  };
}

/** Where a gateway is reached, as a host of the lab sees it. */
async function addressOf(gateway: string, port: number): Promise<object> {
  const [{ Address }] = await lab.api<{ Address: string }[]>("Consul", `/v1/catalog/service/${gateway}-envoy`);
  return { host: Address, port };
}

interface Seen {
  readonly service: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What the service behind a listener sees of a request with headers of the client's own. */
async function seenBehind(gateway: string, port: number, host: string, ...claims: readonly string[]): Promise<Seen> {
  const text = ["GET /stock HTTP/1.1", `Host: ${host}`, "Connection: close", ...claims, "", ""].join("\r\n");
  const [{ status, body }] = await sendRaw(await addressOf(gateway, port), [{ text }]);
  expect({ status, body }).toMatchObject({ status: 200 });
  return JSON.parse(body.slice(body.indexOf("{"), body.lastIndexOf("}") + 1)) as Seen;
}

/** What a program prints that runs where the service `client` does. */
async function inClient(program: string): Promise<string> {
  const allocations = await lab.api<{ ID: string; ClientStatus: string }[]>("Nomad", "/v1/job/client/allocations");
  const running = allocations.find(({ ClientStatus }) => ClientStatus === "running");
  const { output } = await lab.inTask(running?.ID ?? "", "client", ["node", "-e", program]);
  return output.trim();
}

/** What the service `client` hears at a local port of its own. */
function fromClient(localPort: number, protocol: "http" | "tcp", word = "hello"): Promise<string> {
  return inClient(
    protocol === "http"
      ? `fetch("http://127.0.0.1:${localPort}/a").then(async (r) => console.log(r.status, await r.text()))`
      : `const s = require("net").connect(${localPort}, "127.0.0.1").setTimeout(5000, () => s.destroy()); s.write("${word}");
         s.on("data", (d) => { console.log(String(d)); s.destroy(); }).on("error", () => {}).on("close", () => console.log("closed"));`,
  );
}

/** What a gRPC service answers to a message, and the status of the call. */
async function callAt(where: (program: string) => Promise<string>, port: number, authority: string, method = "Say") {
  const program = `
    const client = require("http2").connect("http://127.0.0.1:${port}").on("error", () => process.exit());
    const stream = client.request({
      ...{ ":method": "POST", ":path": "/speaker.Speaker/${method}", ":authority": "${authority}" },
      ...{ "content-type": "application/grpc", te: "trailers" },
    });
    let said = "", status;
    stream.on("response", (headers) => (status = headers["grpc-status"]));
    stream.on("trailers", (trailers) => (status = trailers["grpc-status"]));
    stream.on("data", (part) => (said += part.subarray(5)));
    stream.on("close", () => { console.log(JSON.stringify({ said, status })); client.close(); });
    setTimeout(() => process.exit(), 5000).unref();
    stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, 5]), Buffer.from("hello")]));`;
  return JSON.parse((await where(program)) || "{}") as { said?: string; status?: string };
}

const onThisMachine = async (program: string) => (await run(process.execPath, ["-e", program])).output.trim();

/** The certificate that a listener shows to a client that asks for a name. */
function certificateAt(port: number, servername: string): Promise<PeerCertificate> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: "127.0.0.1", port: lab.portOf(port), servername, rejectUnauthorized: false });
    socket.setTimeout(5_000, () => socket.destroy(new Error("silence")));
    socket.on("error", reject).on("secureConnect", () => {
      resolve(socket.getPeerCertificate());
      socket.destroy();
    });
  });
}

/** What the admin interface of a gateway's Envoy answers, from inside its allocation. */
async function adminOf(gateway: string, task: string, path: string): Promise<string> {
  const allocations = await lab.api<{ ID: string; ClientStatus: string }[]>("Nomad", `/v1/job/${gateway}/allocations`);
  const running = allocations.find(({ ClientStatus }) => ClientStatus === "running");
  const program = `
    const ask = (n) => fetch("http://127.0.0.2:" + n + "${path}").then((r) => r.text()).catch(() => "");
    Promise.all([19000, 19001, 19002].map(ask)).then((all) => console.log(all.join("")));`;
  const { code, output } = await lab.inTask(running?.ID ?? "", task, ["node", "-e", program]);
  expect({ code, output: output.slice(0, 400) }).toExit(0);
  return output;
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

  test("changes headers of requests and of answers", async () => {
    const answer = () =>
      new Promise<IncomingMessage>((resolve, reject) => {
        const headers = { host: "orders.example", "x-secret": "s", "x-open": "yes" };
        getHttp({ host: "127.0.0.1", port: lab.portOf(18080), headers, agent: false }, resolve).on("error", reject);
      });
    await eventually(async () => {
      const response = await answer();
      const { headers } = JSON.parse(await textOf(response)) as Seen;
      expect(headers).toMatchObject({ "x-entrance": "ingress", "x-open": "yes" });
      expect(headers).not.toHaveProperty("x-secret");
      expect(response.headers).toMatchObject({ "x-from": "orders" });
      expect(response.headers).not.toHaveProperty("content-type");
    });
  });

  test("leads connections", async () => {
    await eventually(async () => expect(await answerTo(18091)).toBe("clock: hello"));
  });

  test("leads to every service of its listener's protocol by the service's name, and may ask each what is stated there", async () => {
    await eventually(async () => {
      for (const service of ["stock", "orders"]) {
        expect((await ask(18082, `${service}.ingress.example`)).body).toContain(`"service":"${service}"`);
      }
      expect(await ask(18082, "books.ingress.example", "/v1/orders/1")).toMatchObject({ status: 200 });
    });
    expect(await ask(18082, "books.ingress.example", "/v1/orders/private")).toMatchObject({ status: 403 });
    // It has the protocol tcp, and is no service of the listener's.
    expect(await ask(18082, "clock.ingress.example")).toMatchObject({ status: 404 });
    expect(await ask(18082, "stock.example")).toMatchObject({ status: 404 });
  });

  test("leads gRPC calls, with their status", async () => {
    const port = lab.portOf(18083);
    await eventually(async () =>
      expect(await callAt(onThisMachine, port, "speaker.example")).toEqual({ said: "speaker: hello", status: "0" }),
    );
    expect(await callAt(onThisMachine, port, "speaker.example", "Shout")).toEqual({ said: "", status: "12" });
    // Envoy answers for a host that it does not know: UNIMPLEMENTED, for 404.
    expect(await callAt(onThisMachine, port, "other.example")).toEqual({ said: "", status: "12" });
  });

  test("gets certificates from a server of its own, for a listener and for each service", async () => {
    const authorityOf = (name: string) => text(join(folder, name, "ca.pem"));
    await eventually(async () => {
      const ca = authorityOf("any.ingress.example");
      for (const service of ["stock", "orders"]) {
        expect((await ask(18084, `${service}.ingress.example`, "/", { ca })).body).toContain(`"service":"${service}"`);
      }
      for (const [host, service] of [
        ["foo.example", "stock"],
        ["www.example", "orders"],
      ]) {
        const answer = await ask(18085, host, "/", { ca: authorityOf(host) });
        expect(answer.body).toContain(`"service":"${service}"`);
      }
    });
    await expect(ask(18085, "foo.example", "/", { ca: authorityOf("www.example") })).rejects.toThrow(
      /certificate|issuer/,
    );
  });

  test("has a passive health check of its own for a service", async () => {
    const { configs } = JSON.parse(await adminOf("ingress", "connect-proxy-ingress-envoy", "/config_dump")) as {
      configs: { dynamic_active_clusters?: { cluster: { name: string; outlier_detection?: object } }[] }[];
    };
    const clusters = configs.flatMap(({ dynamic_active_clusters: active = [] }) =>
      active.map(({ cluster }) => cluster),
    );
    const [speaker] = clusters.filter(({ name }) => name.startsWith("speaker."));
    expect(speaker.outlier_detection).toMatchObject({ consecutive_5xx: 17, interval: "3s", max_ejection_percent: 50 });
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

  test.each([
    ["requests", 18182],
    ["connections", 18192],
  ])(
    "with several certificates for %s shows the one with the name, and the mesh's own for a name of two",
    async (_, port) => {
      await eventually(async () => {
        expect((await certificateAt(port, "single.example")).subject.CN).toBe("single.example");
        expect((await certificateAt(port, "named.example")).subject.CN).toBe("Of the shop");
        expect((await certificateAt(port, "twin.example")).subjectaltname).toContain("URI:spiffe://");
      });
      const ca = text(join(folder, "named.pem"));
      const answer =
        port === 18182
          ? (await ask(port, "named.example", "/stock", { ca })).body
          : await answerTo(port, { ca, servername: "named.example" });
      expect(answer).toContain(port === 18182 ? '"service":"stock"' : "clock: hello");
    },
  );

  test("is refused what its intention does not allow", async () => {
    await eventually(async () => expect(await ask(18180, "any.example", "/stock")).toMatchObject({ status: 200 }));
    const post = { method: "POST" };
    expect(await ask(18180, "any.example", "/stock", post)).toEqual({ status: 403, body: "RBAC: access denied" });
  });
});

describe("a gateway with limits of its own", () => {
  test.each([
    ["inner-ingress", 18200],
    ["inner-gateway", 18201],
  ])("refuses headers that are too large: %s", async (_, port) => {
    const withHeader = (length: number) =>
      new Promise<number | undefined>((resolve, reject) => {
        const headers = { host: "any.example", "x-large": "x".repeat(length) };
        getHttp({ host: "127.0.0.1", port: lab.portOf(port), headers, agent: false }, (response) => {
          response.resume();
          resolve(response.statusCode);
        }).on("error", reject);
      });
    await eventually(async () => expect(await withHeader(6_000)).toBe(200));
    expect(await withHeader(10_000)).toBe(431);
  });

  test("closes connections beyond its limit, and takes new ones when others end", async () => {
    const open = () => {
      const socket = connect({ host: "127.0.0.1", port: lab.portOf(18201) });
      socket.on("error", () => undefined);
      return socket;
    };
    const sockets = Array.from({ length: 20 }, open);
    await eventually(async () => {
      const kept = sockets.filter(({ closed, destroyed }) => !closed && !destroyed);
      expect(kept.length).toBeLessThanOrEqual(8);
      expect(kept.length).toBeGreaterThanOrEqual(4);
      await Promise.resolve();
    });
    for (const socket of sockets) socket.destroy();
    await eventually(async () => expect(await ask(18201, "any.example")).toMatchObject({ status: 200 }));
  });

  test("limits what a mesh gateway sends to each service", async () => {
    const clusters = await adminOf("mesh-gateway", "connect-mesh-mesh-gateway", "/clusters");
    for (const limit of ["max_connections::7", "max_pending_requests::8", "max_requests::9"]) {
      expect(clusters).toMatch(new RegExp(`^stock\\..*::default_priority::${limit}$`, "m"));
    }
  });
});

test("a service reaches another one by gRPC, and learns the status of its call", async () => {
  await eventually(async () =>
    expect(await callAt(inClient, 7130, "speaker")).toEqual({ said: "speaker: hello", status: "0" }),
  );
  expect(await callAt(inClient, 7130, "speaker", "Shout")).toEqual({ said: "", status: "12" });
  await withoutIntentions("speaker", async () => {
    // PERMISSION_DENIED
    await eventually(async () => expect(await callAt(inClient, 7130, "speaker")).toEqual({ said: "", status: "7" }));
  });
});

test("a Connect-native service is reached through an Envoy and reaches one, each only with an intention", async () => {
  await eventually(async () => {
    expect(await fromClient(7140, "tcp")).toContain("native: hello");
    expect(await fromClient(7140, "tcp", "ask clock")).toContain("native: clock: hello");
  });
  await withoutIntentions("native", () => eventually(async () => expect(await fromClient(7140, "tcp")).toBe("closed")));
  await withDenied("native", "clock", () =>
    eventually(async () =>
      expect(await fromClient(7140, "tcp", "ask clock")).toContain("native: closed without a word"),
    ),
  );
});

describe("permissions on requests", () => {
  const targets: [string, () => Promise<object>][] = [
    ["the sidecar of the service", () => sidecarOf("books", "client")],
    ["the API gateway", () => addressOf("gateway", 18180)],
    ["the ingress gateway", () => addressOf("ingress", 18080)],
  ];

  const inWords = ({ status, body }: { status: number; body: string }) => {
    const url = /"service":"books","method":"\w+","url":"([^"]*)"/.exec(body)?.[1];
    // Where it arrives, it does so without the header that is denied.
    return url === undefined || body.includes('"x-role"') ? (status === 200 ? `200 ${body}` : "refused") : url;
  };

  test.each(targets)("cannot be bypassed at %s", async (where, target) => {
    const requests = [...ODD_REQUESTS, ...REMAINING];
    const isGateway = !where.startsWith("the sidecar");
    expect(ODD_REQUESTS.length).toBeGreaterThan(25);
    await eventually(async () => {
      const answers = await sendRaw(await target(), requests);
      const seen = requests.map(({ name }, index) => `${name} -> ${inWords(answers[index])}`);
      const meant = requests.map(({ name, arrivesAs, isLostAtGateways }) => {
        return `${name} -> ${isGateway && isLostAtGateways ? "refused" : (arrivesAs ?? "refused")}`;
      });
      expect(seen).toEqual(meant);
    });
  });

  test("cannot be bypassed at a terminating gateway by what its Envoy resolves", async () => {
    const asked = ["/a", "/a/7", "/b", "/ab", "/a/../b", "/a/%2e%2e/b", "/a/..%2fb", "/a\\..\\b", "//b"];
    const program = `
      const { connect } = require("net");
      const ask = (path) => new Promise((resolve) => {
        let answer = "";
        const socket = connect(7105, "127.0.0.1").setTimeout(5000, () => socket.destroy());
        socket.on("data", (part) => (answer += part)).on("error", () => {}).on("close", () => resolve(answer.slice(9, 12)));
        socket.write("GET " + path + " HTTP/1.1\\r\\nHost: page\\r\\nConnection: close\\r\\n\\r\\n");
      });
      Promise.all(${JSON.stringify(asked)}.map(ask)).then((all) => console.log(all.join(" ")));`;
    await eventually(async () => expect(await inClient(program)).toBe("200 200 403 403 403 403 403 403 403"));
  });
});

describe("what clients outside say of themselves", () => {
  const claims = [
    "X-Forwarded-For: 10.1.2.3",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: admin.example",
    "X-Forwarded-Client-Cert: URI=spiffe://forged/ns/default/dc/dc1/svc/admin",
    "Forwarded: for=10.1.2.3;proto=https",
    "X-Real-IP: 10.1.2.3",
    "X-Original-URL: /admin",
    "x-envoy-original-path: /admin",
    "x-envoy-internal: true",
    "x-envoy-external-address: 10.1.2.3",
    "x-envoy-original-dst-host: 127.0.0.1:1",
    "x-envoy-upstream-rq-timeout-ms: 1",
    "X-Request-Id: of-the-client",
  ];
  const SERVER = "10.200.0.10";

  test.each([
    ["ingress", 18080, "stock.example"],
    ["gateway", 18180, "any.example"],
  ])("is replaced by what the %s itself sees", async (gateway, port, host) => {
    const { headers } = await seenBehind(gateway, port, host, ...claims);
    expect(headers).toMatchObject({
      host,
      "x-forwarded-for": SERVER,
      "x-forwarded-proto": "http",
      "x-request-id": "of-the-client",
    });
    expect(headers["x-forwarded-client-cert"]).toMatch(new RegExp(`/svc/${gateway}\\b`));
    expect(headers["x-forwarded-client-cert"]).not.toContain("forged");
    const own = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-client-cert", "x-envoy-expected-rq-timeout-ms"];
    expect(
      Object.keys(headers)
        .filter((name) => /^x-(forwarded|envoy|real|original)|^forwarded/.test(name))
        .sort(),
    ).toEqual(own.sort());
  });

  test.each([
    ["inner-ingress", 18200],
    ["inner-gateway", 18201],
  ])(
    "is kept at the %s, which is told that a trusted proxy says it, and gets that proxy's address",
    async (gateway, port) => {
      const { headers } = await seenBehind(gateway, port, "any.example", ...claims);
      expect(headers).toMatchObject({
        "x-forwarded-for": `10.1.2.3,${SERVER}`,
        "x-forwarded-proto": "https",
        "x-forwarded-host": "admin.example",
        "x-real-ip": "10.1.2.3",
      });
      expect(Object.keys(headers).filter((name) => name.startsWith("x-envoy-"))).toEqual([
        "x-envoy-expected-rq-timeout-ms",
      ]);
      expect(headers["x-forwarded-client-cert"]).not.toContain("forged");
    },
  );
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

  test("finds what is outside by a name", async () => {
    await eventually(async () => expect(await fromClient(7106, "http")).toBe("200 outside /a"));
  });

  /** What answers a local port of the client, in some requests. */
  async function answersFrom(localPort: number): Promise<string[]> {
    const program = `
      const ask = () => fetch("http://127.0.0.1:${localPort}/a").then((r) => r.text());
      (async () => { const all = []; for (let n = 0; n < 8; n++) all.push(await ask()); console.log(JSON.stringify(all)); })();`;
    const answers = JSON.parse(await inClient(program)) as string[];
    return [...new Set(answers.map((answer) => /"service":"([^"]*)"/.exec(answer)?.[1] ?? answer))].sort();
  }

  test("carries requests to what something else has registered, by subset, and to several instances", async () => {
    await eventually(async () => {
      expect(await answersFrom(7120)).toEqual(["legacy-v1", "legacy-v2"]);
      expect(await answersFrom(7121)).toEqual(["legacy-v2"]);
      expect(await answersFrom(7123)).toEqual(["outside /a", "outside too"]);
    });
  });

  interface CatalogCheck {
    readonly Node: string;
    readonly CheckID: string;
    readonly ModifyIndex: number;
  }

  /** Writes the status of checks as Consul ESM does: it finds them by the metadata of their nodes, and compares and swaps them. */
  async function checkedAs(statuses: Readonly<Record<string, string>>): Promise<void> {
    const path = "/v1/health/state/any?node-meta=external-node:true";
    const checks = await lab.api<readonly CatalogCheck[]>("Consul", path);
    const changed = checks.filter(({ Node }) => Object.hasOwn(statuses, Node));
    expect(changed.map(({ Node }) => Node).sort()).toEqual(Object.keys(statuses).sort());
    for (const check of changed) {
      // What Consul says of a check is more than it takes.
      const Check = { ...check, Interval: undefined, Timeout: undefined, Status: statuses[check.Node], Output: "" };
      expect(await lab.api("Consul", "/v1/txn", "PUT", [{ Check: { Verb: "cas", Check } }])).toMatchObject({
        Errors: null,
      });
    }
  }

  test("registers health checks as Consul ESM needs them, and sends nothing to instances whose check is critical", async () => {
    expect(await lab.api("Consul", "/v1/health/node/external-pages-2")).toMatchObject([
      {
        Name: "pages http",
        Status: "passing",
        ServiceName: "pages",
        Definition: {
          HTTP: "http://10.200.0.10:5081/health",
          Method: "GET",
          Header: { "X-Probe": ["of the test"] },
          Interval: "10s",
          Timeout: "5s",
        },
      },
    ]);
    const [one, two] = ["external-pages-1", "external-pages-2"];
    await checkedAs({ [two]: "critical" });
    await eventually(async () => expect(await answersFrom(7123)).toEqual(["outside /a"]));
    await checkedAs({ [one]: "critical" });
    await eventually(async () => expect(await answersFrom(7123)).toEqual(["no healthy upstream"]));
    // Callers see the gateway, not the instances, so that nothing fails over.
    expect(await answersFrom(7124)).toEqual(["no healthy upstream"]);
    await checkedAs({ [one]: "passing", [two]: "passing" });
    await eventually(async () => expect(await answersFrom(7123)).toEqual(["outside /a", "outside too"]));
  });

  test("calls functions of AWS Lambda with signed requests, and not without an intention", async () => {
    const call = (port: number) =>
      inClient(
        `fetch("http://127.0.0.1:${port}/a?b=c", { method: "POST", body: "\\"hello\\"", headers: { "content-type": "application/json" } })
          .then(async (r) => console.log(r.status, r.headers.get("x-by"), await r.text()))`,
      );
    const arn = "arn:aws:lambda:eu-west-1:123456789012:function";
    await eventually(async () => {
      const [, status, by, body] = /^(\d+) (\S+) (.*)$/.exec(await call(7131)) ?? [];
      expect({ status, by }).toEqual({ status: "201", by: `${arn}:echo` });
      expect(JSON.parse(body)).toMatchObject({ raw_path: "/a?b=c", method: "POST", body: '"hello"' });
      expect(await call(7132)).toBe(`200 null {"got":"\\"hello\\"","by":"${arn}:plain"}`);
    });
    await withoutIntentions("echo", async () => {
      await eventually(async () => expect(await call(7131)).toBe("403 null RBAC: access denied"));
    });
  });

  test("carries requests of a service of the mesh that has no healthy instance, and fails over", async () => {
    await eventually(async () => expect(await answersFrom(7124)).toEqual(["outside /a", "outside too"]));
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
    const env = labEnvironment(lab.name);
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
    [["nobody", "clock"], "Consul has no service nobody."],
    [["ingress", "nothing"], "Consul has no instance of nothing in the mesh."],
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
  const proxyServices = ["gateway-envoy", "ingress-envoy"];
  await reloadConsul(lab, ...hosts);
  await expectHealthy(lab, hosts, proxyServices);
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
  await expectHealthy(lab, hosts, proxyServices);
  await eventually(async () => {
    const { output } = await lab.meshform(["status"]);
    for (const gateway of ["gateway", "ingress", "egress", "mesh-gateway"]) {
      expect(output).toMatch(new RegExp(`^${gateway} +1/1 `, "m"));
    }
    // Only what the databases outside refuse, as they should.
    expect([...output.matchAll(/^\S+ cannot reach (\S+):/gm)].map(([, name]) => name)).toEqual([
      "db-of-other-authority",
      "db-of-other-name",
      "db-for-nobody",
    ]);
  });
});

test("the logs of a gateway are those of its Envoy", async () => {
  const { code, output } = await lab.meshform(["logs", "egress"]);
  expect({ code, output }).toMatchObject({
    code: 0,
    output: expect.stringContaining("starting main dispatch loop") as unknown,
  });
});

test(
  "a service that is removed from the app is removed from the gateways too, and without path normalization requests arrive as they are sent",
  async () => {
    expect(await up("smaller")).toExit(0);
    const entries = async (kind: string) => JSON.stringify(await lab.api("Consul", `/v1/config/${kind}`));
    expect(await entries("ingress-gateway")).not.toContain("orders");
    expect(await entries("http-route")).not.toContain("orders");
    expect(await entries("service-defaults")).not.toContain("orders");
    await eventually(async () => expect(await ask(18080, "orders.example")).toMatchObject({ status: 404 }));
    expect(await ask(18080, "stock.example")).toMatchObject({ status: 200 });

    // In this variant without path normalization: the service gets a path that its permissions do not allow.
    const dots = ["GET /stock/../private HTTP/1.1", "Host: any.example", "Connection: close", "", ""].join("\r\n");
    await eventually(async () => {
      const [answer] = await sendRaw(await addressOf("gateway", 18180), [{ text: dots }]);
      expect(answer).toMatchObject({ status: 200, body: expect.stringContaining('"/stock/../private"') as unknown });
    });
  },
  4 * MINUTE,
);

test(
  "gateways that are removed leave no entry behind that would hold on to their services",
  async () => {
    expect(await up("bare")).toExit(0);
    const kinds = ["ingress-gateway", "api-gateway", "http-route", "tcp-route", "file-system-certificate"];
    for (const kind of kinds) {
      expect(await lab.api("Consul", `/v1/config/${kind}`)).toEqual([]);
    }
  },
  4 * MINUTE,
);
