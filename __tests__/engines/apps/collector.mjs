// A collector of traces and metrics for the tests: takes them as Envoys send them and lists them.
//
//   HTTP_PORT  Zipkin's JSON at POST /api/v2/spans, OTLP at POST /v1/traces; GET /spans lists what came
//   GRPC_PORT  OTLP over gRPC
//   STATSD_PORT, DOGSTATSD_PORT  metrics over UDP; GET /statsd and GET /dogstatsd list the last value of each, with its tags
//
// A listed span: {"protocol":"zipkin","service":"front","trace":"…","name":"…"}

import { createSocket } from "node:dgram";
import { createServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { createServer as createTcpServer } from "node:net";
import { fields } from "./protobuf.mjs";

const spans = [];
const metrics = { "/statsd": new Map(), "/dogstatsd": new Map() };

createServer(async (request, response) => {
  const { method, url } = request;
  if (method === "GET" && url === "/spans") {
    response.end(JSON.stringify(spans));
    return;
  }
  if (method === "GET" && metrics[url] !== undefined) {
    response.end(JSON.stringify([...metrics[url]]));
    return;
  }
  const body = await read(request);
  if (url === "/api/v2/spans") spans.push(...JSON.parse(body.toString()).map(fromZipkin));
  if (url === "/v1/traces") spans.push(...fromOtlp("otlp-http", body));
  response.end();
}).listen(Number(process.env.HTTP_PORT), "0.0.0.0");

createHttp2Server()
  .on("stream", async (stream) => {
    // A message of gRPC is its length, in 5 bytes, and itself.
    spans.push(...fromOtlp("otlp-grpc", (await read(stream)).subarray(5)));
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(Buffer.alloc(5));
  })
  .listen(Number(process.env.GRPC_PORT), "0.0.0.0");

for (const [path, port] of [
  ["/statsd", process.env.STATSD_PORT],
  ["/dogstatsd", process.env.DOGSTATSD_PORT],
]) {
  createSocket("udp4", (message) => {
    // A line is name:value|type, and for DogStatsD also |#tag:value,…
    for (const line of message.toString().split("\n")) {
      const [, name, value, rest] = /^([^:]+):([^|]*)(.*)$/.exec(line) ?? [];
      if (name !== undefined) metrics[path].set(name + rest, value);
    }
  }).bind(Number(port), "0.0.0.0");
  // `up` tests each published port with a connection.
  createTcpServer((socket) => socket.on("error", () => socket.destroy())).listen(Number(port), "0.0.0.0");
}

async function read(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function fromZipkin({ traceId, name, localEndpoint }) {
  return { protocol: "zipkin", service: localEndpoint?.serviceName, trace: traceId, name };
}

/** @see https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto */
function fromOtlp(protocol, message) {
  return fields(message, 1).flatMap((resourceSpans) => {
    const attributes = fields(resourceSpans, 1).flatMap((resource) => fields(resource, 1));
    const named = attributes.find((attribute) => String(fields(attribute, 1)[0]) === "service.name");
    const service = named && String(fields(fields(named, 2)[0], 1)[0]);
    return fields(resourceSpans, 2)
      .flatMap((scopeSpans) => fields(scopeSpans, 2))
      .map((span) => ({
        protocol,
        service,
        trace: fields(span, 1)[0].toString("hex"),
        name: String(fields(span, 5)[0]),
      }));
  });
}
