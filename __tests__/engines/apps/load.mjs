// Sends requests from inside the mesh, and counts who answers.
//
//   POST /load {"url":"http://…","requests":100,"concurrency":1,"intervalMs":0,"headers":{},"method":"GET"}
//     answers once all are answered, or somebody asks for POST /stop:
//     {"answers":{"200 v1":90,"200 v2":10},"instances":{"…":50},"slowestMs":12,"samples":[…]}
//     The URL can also be the path of a Unix socket, which ends with .sock, and a path after it.
//   GET /env?name=…  the value of a variable
//   GET /resolve?name=…&type=A|SRV  what DNS says of a name, or the code of the error

import { Agent, createServer, request } from "node:http";
import { lookup, resolve } from "node:dns/promises";
import { json, text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

let stops = 0;

createServer(async (incoming, outgoing) => {
  const url = new URL(incoming.url, "http://localhost");
  const reply = (body) => outgoing.end(`${JSON.stringify(body)}\n`);
  if (url.pathname === "/load") reply(await load(await json(incoming)));
  else if (url.pathname === "/stop") reply({ stops: ++stops });
  else if (url.pathname === "/env") reply({ value: process.env[url.searchParams.get("name")] });
  else if (url.pathname === "/resolve") reply(await resolved(url.searchParams));
  else reply({ status: "passing" });
}).listen(Number(process.env.PORT), "0.0.0.0");

async function load({ url, requests, concurrency = 1, intervalMs = 0, headers = {}, method = "GET" }) {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  const result = { answers: {}, instances: {}, slowestMs: 0, samples: [] };
  const before = stops;
  let left = requests;
  const worker = async () => {
    while (left-- > 0 && stops === before) {
      const started = Date.now();
      const { status, body, flags } = await ask(url, { agent, headers, method });
      result.slowestMs = Math.max(result.slowestMs, Date.now() - started);
      count(result.answers, `${status} ${body?.version ?? ""}`.trim());
      if (body?.instance) count(result.instances, body.instance);
      if (status !== 200 || result.samples.length < 1) result.samples.push({ status, body, flags });
      if (intervalMs > 0) await sleep(intervalMs);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  agent.destroy();
  result.samples.splice(20);
  return result;
}

/** Of addresses, what programs get that use the resolver of the system, with its search domains. */
async function resolved(parameters) {
  const [name, type] = ["name", "type"].map((parameter) => parameters.get(parameter));
  const found = type === "A" ? lookup(name, { all: true, family: 4 }) : resolve(name, type);
  return found.catch(({ code }) => code);
}

function ask(url, options) {
  return new Promise((resolve) => {
    const [socketPath, path] = url.startsWith("/") ? url.split(/(?<=\.sock)/) : [];
    const outgoing = request(socketPath === undefined ? url : "http://localhost", {
      ...(socketPath !== undefined && { socketPath, path }),
      ...options,
      signal: AbortSignal.timeout(20_000),
    });
    outgoing.on("response", async (response) => {
      const words = await text(response).catch(({ message }) => message);
      const flags = { overloaded: response.headers["x-envoy-overloaded"], cookies: response.headers["set-cookie"] };
      resolve({ status: response.statusCode, body: parsed(words), flags });
    });
    outgoing.on("error", ({ code, message }) => resolve({ status: code ?? message }));
    outgoing.end();
  });
}

function parsed(words) {
  try {
    return JSON.parse(words);
  } catch {
    return { words };
  }
}

function count(counts, key) {
  counts[key] = (counts[key] ?? 0) + 1;
}
