import { fork, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync } from "node:fs";
import { Agent, createServer, request, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect, createServer as createTcpServer, type AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { join } from "node:path";

jest.setTimeout(30_000);

/** What the server behind the forwarder got. */
const received: string[] = [];
let engine: Server;
let forwarder: ChildProcess;
const ports = { guarded: 0, strangers: 0, root: 0, open: 0, gone: 0 };

const me = process.getuid?.() ?? -1;

beforeAll(async () => {
  engine = createServer((request, response) => {
    received.push(`${request.method} ${request.url}`);
    if (request.url === "/slow") response.flushHeaders();
    else request.pipe(response.setHeader("X-Engine", "yes"));
  });
  engine.on("upgrade", (request: IncomingMessage, socket) => {
    received.push(`upgrade ${request.url}`);
    socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    socket.pipe(socket);
  });
  await once(engine.listen(0, "127.0.0.1"), "listening");
  const tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"].filter(existsSync).map((file) => openSync(file, "r"));
  forwarder = fork(
    join(__dirname, "..", "..", "..", "lab", "hosts", "forwarder", "forwarder.mjs"),
    ["4", "5"].slice(0, tables.length),
    {
      stdio: ["ignore", "inherit", "inherit", "ipc", ...tables],
    },
  );
  tables.forEach(closeSync);
  ports.guarded = await forward([me]);
  ports.strangers = await forward([me + 1]);
  ports.root = await forward([0]);
  ports.open = await forward();
  ports.gone = await forward([me], 1);
});

afterAll(async () => {
  const ended = once(forwarder, "exit");
  forwarder.kill();
  await ended;
  engine.closeAllConnections();
  engine.close();
});

beforeEach(() => {
  received.length = 0;
});

async function forward(callers?: readonly number[], to = (engine.address() as AddressInfo).port): Promise<number> {
  const listener = createTcpServer();
  await once(listener.listen(0, "127.0.0.1"), "listening");
  const { port } = listener.address() as AddressInfo;
  const ready = once(forwarder, "message");
  forwarder.send({ name: "engine", port: to, targets: ["127.0.0.1"], callers }, listener);
  await ready;
  // From here on it is the forwarder that accepts.
  listener.close();
  return port;
}

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** The status and the body of an answer. A port in a header is given as `PORT`. */
async function send(
  port: number,
  { method = "GET", path = "/v1/x", headers = {}, body }: Sent,
): Promise<[number, string]> {
  const withPort = Object.entries(headers).map(([key, value]) => [key, value.replace("PORT", String(port))]);
  const options = { host: "127.0.0.1", port, method, path, headers: Object.fromEntries(withPort) as typeof headers };
  const sent = request(options).end(body);
  const [response, socket] = (await Promise.race([once(sent, "response"), once(sent, "upgrade")])) as [
    IncomingMessage,
    ReturnType<typeof connect> | undefined,
  ];
  if (response.statusCode !== 101) return [response.statusCode ?? 0, await text(response)];
  socket?.write("ping");
  const [echo] = socket ? ((await once(socket, "data")) as [Buffer]) : [];
  socket?.destroy();
  return [101, String(echo)];
}

const upgrade = { Connection: "Upgrade", Upgrade: "websocket" };
const browser = { "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/150.0" };

describe("a port that leads to an engine", () => {
  test.each<[string, Sent]>([
    ["a command", {}],
    ["a command that writes", { method: "PUT", body: "x" }],
    ["the name localhost", { headers: { Host: "localhost:PORT" } }],
    ["the engine's own page", { method: "POST", headers: { ...browser, Origin: "http://127.0.0.1:PORT" }, body: "x" }],
    ["its own page under its other name", { headers: { Host: "localhost:PORT", Origin: "http://localhost:PORT" } }],
    ["what a person opens", { headers: { ...browser, "Sec-Fetch-Site": "none" } }],
    ["what the engine's page loads", { headers: { ...browser, "Sec-Fetch-Site": "same-origin" } }],
    ["a path with all that a key may have", { path: "/v1/kv/a//b%2F..%2fc/../d?x=%20&y" }],
  ])("passes on %s", async (_, sent) => {
    expect(await send(ports.guarded, sent)).toEqual([200, sent.body ?? ""]);
    expect(received).toEqual([`${sent.method ?? "GET"} ${sent.path ?? "/v1/x"}`]);
  });

  test.each<[string, Sent, string]>([
    [
      "another name that leads here",
      { headers: { Host: "evil.example:PORT" } },
      "This port accepts requests only for 127.0.0.1:",
    ],
    ["its name with another port", { headers: { Host: "127.0.0.1:1" } }, 'this one is for "127.0.0.1:1"'],
    ["a request for elsewhere", { path: "http://evil.example/" }, 'This is not a proxy for "http://evil.example/"'],
    [
      "a form of another page",
      { method: "POST", headers: { Origin: "http://evil.example", "Content-Type": "text/plain" }, body: "{}" },
      'A page of "http://evil.example" cannot send requests here. To use this, type http://127.0.0.1:',
    ],
    ["a page without an origin", { method: "POST", headers: { Origin: "null" } }, 'A page of "null" cannot'],
    ["a page at another port", { headers: { Origin: "http://127.0.0.1:3000" } }, 'A page of "http://127.0.0.1:3000"'],
    ["a page by its other name", { headers: { Origin: "http://localhost:PORT" } }, 'A page of "http://localhost:'],
    ["what another site loads", { headers: { "Sec-Fetch-Site": "cross-site" } }, "A page of another origin"],
    ["what another port's page loads", { headers: { "Sec-Fetch-Site": "same-site" } }, "A page of another origin"],
    ["a browser that says nothing", { headers: browser }, "This browser does not send the origin"],
  ])("refuses %s", async (_, sent, why) => {
    expect(await send(ports.guarded, sent)).toEqual([403, expect.stringContaining(why)]);
    expect(received).toEqual([]);
  });

  test("passes on the websocket of a command and of its own page", async () => {
    expect(await send(ports.guarded, { headers: upgrade })).toEqual([101, "ping"]);
    const own = { ...upgrade, ...browser, Origin: "http://127.0.0.1:PORT" };
    expect(await send(ports.guarded, { headers: own })).toEqual([101, "ping"]);
  });

  test("refuses the websocket of another page and under another name", async () => {
    const refused = [403, expect.any(String)];
    expect(await send(ports.guarded, { headers: { ...upgrade, Origin: "http://evil.example" } })).toEqual(refused);
    expect(await send(ports.guarded, { headers: { ...upgrade, Host: "evil.example:PORT" } })).toEqual(refused);
    expect(received).toEqual([]);
  });

  test("refuses a second Host", async () => {
    const { guarded: port } = ports;
    const socket = connect(port, "127.0.0.1");
    socket.end(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nHost: evil.example\r\n\r\n`);
    expect(await text(socket)).toContain("HTTP/1.1 403");
    expect(received).toEqual([]);
  });

  test("refuses another user whatever they send, upgrades too", async () => {
    const refused = [403, expect.stringContaining(`this one is from user id ${me}.`)];
    expect(await send(ports.strangers, { method: "POST", body: "x".repeat(100_000) })).toEqual(refused);
    expect(await send(ports.strangers, { headers: upgrade })).toEqual(refused);
    expect(received).toEqual([]);
  });

  // The kernel says root of a connection whose other end nobody has any more.
  test("refuses another user who sends and is gone before anybody looks", async () => {
    const script = `
      if (process.getuid() === 0) process.setuid(65534);
      for (let i = 0; i < 50; i++) {
        const socket = require("node:net").connect(${ports.root}, "127.0.0.1", () => {
          socket.write("POST /v1/x HTTP/1.1\\r\\nHost: 127.0.0.1:${ports.root}\\r\\nContent-Length: 0\\r\\n\\r\\n");
          socket.destroy();
        });
        socket.on("error", () => undefined);
      }`;
    await once(spawn(process.execPath, ["-e", script], { stdio: "inherit" }), "exit");
    expect((await send(ports.root, {}))[0]).toBe(me === 0 ? 200 : 403);
    expect(received.filter((request) => request.startsWith("POST"))).toEqual([]);
  });

  test("knows its own user also by a socket for IPv6", async () => {
    const socket = connect(ports.guarded, "::ffff:127.0.0.1");
    socket.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${ports.guarded}\r\nConnection: close\r\n\r\n`);
    expect(await text(socket)).toContain("X-Engine: yes".toLowerCase());
  });

  test("lets a caller send many requests on a connection, and end it", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = async (headers = {}) => {
      const sent = request({ host: "127.0.0.1", port: ports.guarded, agent, headers }).end();
      const [response] = (await once(sent, "response")) as [IncomingMessage];
      await text(response);
      return sent.reusedSocket;
    };
    expect(await ask()).toBe(false);
    expect(await ask({ Connection: "close" })).toBe(true);
    expect(await ask()).toBe(false);
    agent.destroy();
  });

  test("shows that an answer has begun before its first byte, and ends it when its reader goes", async () => {
    const asked = once(engine, "request");
    const sent = request({ host: "127.0.0.1", port: ports.guarded, path: "/slow" }).end();
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    expect(response.statusCode).toBe(200);
    const [, answer] = (await asked) as [IncomingMessage, ServerResponse];
    const ended = once(answer, "close");
    response.on("error", () => undefined);
    sent.destroy();
    await ended;
  });

  test("goes silent with the engine, as if nobody listened", async () => {
    await expect(send(ports.gone, {})).rejects.toMatchObject({ code: "ECONNRESET" });
  });
});

test("a port of a service carries anybody's bytes as they are", async () => {
  const socket = connect(ports.open, "127.0.0.1");
  socket.end("GET /v1/x HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n\r\n");
  expect(await text(socket)).toContain("HTTP/1.1 200 OK");
  expect(received).toEqual(["GET /v1/x"]);
});
