// What extensions of Envoys call, for the tests: it allows requests, and collects logs.
//
//   HTTP_PORT  answers 200 to a request with the header "authorization: let-me-in", and 401 to any other; GET /logs lists
//              the bodies of the log records that came
//   GRPC_PORT  OpenTelemetry's LogsService
//
// @see https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/logs/v1/logs.proto

import { createServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { buffer } from "node:stream/consumers";
import { fields } from "./protobuf.mjs";

const logs = [];

createServer(({ url, headers }, response) => {
  if (url === "/logs") {
    response.end(JSON.stringify(logs));
    return;
  }
  const isAllowed = headers.authorization === "let-me-in";
  response.writeHead(isAllowed ? 200 : 401, { "x-user": "gatekeeper", "x-asked": url }).end();
}).listen(Number(process.env.HTTP_PORT), "127.0.0.1");

createHttp2Server()
  .on("stream", async (stream) => {
    // A message of gRPC is its length, in 5 bytes, and itself.
    for (const resource of fields((await buffer(stream)).subarray(5), 1)) {
      for (const scope of fields(resource, 2)) {
        for (const record of fields(scope, 2)) logs.push(String(fields(fields(record, 5)[0], 1)[0]));
      }
    }
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(Buffer.alloc(5));
  })
  .listen(Number(process.env.GRPC_PORT), "127.0.0.1");
