// One service of the metrics example: it asks the next one, if there is one, and passes on what that says.
//
// One file without dependencies, since its text travels inside the Nomad job.
//
//   NAME        how it calls itself                              @default "service"
//   PORT        where it serves                                  @default 8000
//   BIND_ADDRESS  behind a sidecar nothing else may reach it   @default 127.0.0.1
//   NEXT_URL    the service that it asks                         @default none: it answers on its own
//   ADMIN_PORT  where it is told to fail                         @default 9011
//
//   GET /                         200 {"name":"front","next":{"name":"orders",…}}, or 500 while it is told to fail, or 502
//   GET /health                   200 {"status":"passing"}
//   POST /fail, POST /repair      on 127.0.0.1:ADMIN_PORT, where no peer of the mesh gets

import { createServer } from "node:http";

const name = process.env.NAME || "service";
const next = process.env.NEXT_URL;
let failing = false;

/** What ties the spans of the sidecars into one trace: a service sends on what came with the request. */
const b3 = ["traceid", "spanid", "parentspanid", "sampled", "flags"].map((part) => `x-b3-${part}`);
const traceHeaders = ["x-request-id", "traceparent", "tracestate", "b3", ...b3];

async function answer(request) {
  if (failing) return [500, { name, error: "told to fail" }];
  if (!next) return [200, { name }];
  const headers = Object.fromEntries(
    traceHeaders.filter((header) => header in request.headers).map((header) => [header, request.headers[header]]),
  );
  const response = await fetch(next, { headers, signal: AbortSignal.timeout(2000) });
  return [response.ok ? 200 : 502, { name, next: await response.json() }];
}

const setFailing = (value) => () => {
  failing = value;
  return [200, { name, failing }];
};

serve(Number(process.env.PORT || 8000), process.env.BIND_ADDRESS || "127.0.0.1", {
  "GET /": answer,
  "GET /health": () => [200, { status: "passing" }],
});
serve(Number(process.env.ADMIN_PORT || 9011), "127.0.0.1", {
  "POST /fail": setFailing(true),
  "POST /repair": setFailing(false),
});

for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => process.exit(0));

function serve(port, address, routes) {
  const server = createServer(async (request, response) => {
    const [path] = request.url.split("?", 1);
    const route = routes[`${request.method} ${path}`] ?? (() => [404, { name, error: "nothing here" }]);
    let result;
    try {
      result = await route(request);
    } catch (error) {
      result = [502, { name, error: String(error.cause ?? error) }];
    }
    response.writeHead(result[0], { "content-type": "application/json" });
    response.end(`${JSON.stringify(result[1])}\n`);
  });
  server.listen(port, address, () => console.log(`${name} listens on ${address}:${port}`));
}
