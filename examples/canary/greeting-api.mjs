// The API of the canary example: it greets, and says which version and instance answered.
//
// One file without dependencies, since its text travels inside the Nomad job.
//
//   PORT          where it serves                                 @default 9101
//   BIND_ADDRESS  behind a sidecar nothing else may reach it      @default 127.0.0.1
//   ADMIN_PORT    where faults can be set manually                @default 9111
//   VERSION       what it says it is                              @default v1
//
//   GET /health   200 {"status":"passing"}, 429 {"status":"warning"} or 503 {"status":"critical"}
//   any other     200 {"greeting":"…","version":"v1","instance":"…","method":"GET","path":"/…","headers":{"x-…":"…"}}
//   POST /fault?status=500&delay=200&health=fail|warn on 127.0.0.1:ADMIN_PORT; what is not named is as it should be
//
// The sidecar's requests come from loopback too. Only a port which the sidecar does not forward to keeps the peers of
// the mesh away from the switch.

import { createServer } from "node:http";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

const version = process.env.VERSION || "v1";
const instance = process.env.NOMAD_ALLOC_ID?.slice(0, 8) || hostname();

/** The headers that callers set, without those that Envoy adds. */
const OF_CALLERS = /^x-(?!forwarded-|envoy-|request-id)/;

/** What Consul makes of the status of an HTTP check. */
const HEALTH = { pass: [200, "passing"], warn: [429, "warning"], fail: [503, "critical"] };

let fault = { status: 200, delay: 0, health: "pass" };
let stopping = false;

const api = serve(
  "api",
  port("PORT", 9101),
  process.env.BIND_ADDRESS || "127.0.0.1",
  async ({ method, url, headers }) => {
    if (url === "/health") {
      const [status, said] = HEALTH[fault.health];
      return [status, { status: said }];
    }
    const { status, delay } = fault;
    await sleep(delay);
    const passedOn = Object.fromEntries(Object.entries(headers).filter(([name]) => OF_CALLERS.test(name)));
    return [status, { greeting: "Hello", version, instance, method, path: url, headers: passedOn }];
  },
);
const admin = serve("admin", port("ADMIN_PORT", 9111), "127.0.0.1", ({ method, url }) => {
  const { pathname, searchParams } = new URL(url, "http://localhost");
  if (method !== "POST" || pathname !== "/fault") {
    return [404, { error: "There is POST /fault?status=…&delay=…&health=…." }];
  }
  const asked = searchParams.get("health") ?? "pass";
  fault = {
    status: Number(searchParams.get("status") ?? 200),
    delay: Number(searchParams.get("delay") ?? 0),
    health: Object.hasOwn(HEALTH, asked) ? asked : "pass",
  };
  return [200, fault];
});

for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, stop);

function serve(name, listenPort, address, answer) {
  const server = createServer(async (request, response) => {
    const [status, body] = await answer(request);
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
    console.log(`${name} of ${version}, instance ${instance}, listens on http://${bound.address}:${bound.port}`);
  });
}

/** Accepts nothing new and ends with exit code 0 once the answers under way are out; 3 seconds are enough for those. */
function stop(signal) {
  console.log(`${signal}: stopping`);
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
