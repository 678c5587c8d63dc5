// The API of the count-dashboard example: it counts its own calls and says which instance answered.
//
// One file without dependencies, since its text travels inside the Nomad job. It answers like the public image
// hashicorpdev/counter-api, so that either can stand behind either dashboard.
//
//   PORT          where it serves                                @default 9001
//   BIND_ADDRESS  behind a sidecar nothing else may reach it     @default 127.0.0.1
//   ADMIN_PORT    where its health can be set manually           @default 9011
//   NODE_NAME     the host it runs on, shown by the dashboard    @default unset
//
//   GET /, GET /v1/count  counts up: {"count":1,"hostname":"…","instance":"…","node":"…"}
//   GET /health           200 {"status":"passing"} or 503 {"status":"critical"}
//   POST /health/fail, POST /health/pass on 127.0.0.1:ADMIN_PORT
//
// The sidecar's requests come from loopback too. Only a port which the sidecar does not forward to keeps the peers of
// the mesh away from the health switch.

import { createServer } from "node:http";
import { hostname } from "node:os";

const instance = process.env.NOMAD_ALLOC_ID?.slice(0, 8) || hostname();
const node = process.env.NODE_NAME || undefined;

let count = 0;
let healthy = true;
let stopping = false;

const answerCount = () => ({ status: 200, body: { count: ++count, hostname: hostname(), instance, node } });
const answerHealth = () =>
  healthy ? { status: 200, body: { status: "passing" } } : { status: 503, body: { status: "critical" } };
const setHealth = (value) => () => {
  healthy = value;
  return { status: 200, body: { status: healthy ? "passing" : "critical" } };
};

const api = serve("api", port("PORT", 9001), process.env.BIND_ADDRESS || "127.0.0.1", {
  "GET /": answerCount,
  "GET /v1/count": answerCount,
  "GET /health": answerHealth,
});
const admin = serve("admin", port("ADMIN_PORT", 9011), "127.0.0.1", {
  "POST /health/fail": setHealth(false),
  "POST /health/pass": setHealth(true),
});

for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, stop);

function serve(name, listenPort, address, routes) {
  const server = createServer((request, response) => {
    const started = Date.now();
    response.on("close", () => {
      const { method, url } = request;
      console.log(`${new Date().toISOString()} ${method} ${url} ${response.statusCode} ${Date.now() - started}ms`);
    });

    const [path] = request.url.split("?", 1);
    const { status, body } = routes[`${request.method} ${path}`]?.() ?? {
      status: 404,
      body: { error: `Nothing at ${request.method} ${path}. There is ${Object.keys(routes).join(", ")}.` },
    };
    response.writeHead(status, {
      "content-type": "application/json",
      "cache-control": "no-store",
      ...(stopping && { connection: "close" }),
    });
    response.end(`${JSON.stringify(body)}\n`);
  });
  server.on("error", (error) => fail(`${name} cannot listen: ${error.message}.`));
  return server.listen(listenPort, address, () => {
    const bound = server.address();
    console.log(`${name} of instance ${instance} listens on http://${bound.address}:${bound.port}`);
  });
}

/** Accepts nothing new and ends with exit code 0 once the answers under way are out; 3 seconds are enough for those. */
function stop(signal) {
  console.log(`${signal}: stopping after ${count} counts`);
  stopping = true;
  for (const server of [api, admin]) {
    server.close();
    setTimeout(() => server.closeAllConnections(), 3000).unref();
  }
}

/** 0 lets the system choose; the first line of the log says which. */
function port(name, byDefault) {
  const value = Number(process.env[name] || byDefault);
  if (!Number.isInteger(value) || value < 0 || value > 65535) fail(`${name} must be a port between 0 and 65535.`);
  return value;
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
