// A server of Envoy's secret discovery service (SDS) for the tests: the certificates of a folder, `<name>.pem` with `<name>.key`.
// @see https://www.envoyproxy.io/docs/envoy/latest/configuration/security/secret
import { readFileSync } from "node:fs";
import { createSecureServer } from "node:http2";
import { join } from "node:path";
import { field, fields } from "./protobuf.mjs";

const SECRET = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";

/** Starts it. It requires a client certificate of its own authority. @param tls its `ca`, `cert` and `key` */
export function serveSecrets(folder, tls, port) {
  createSecureServer({ ...tls, requestCert: true, rejectUnauthorized: true })
    .on("stream", (stream) => {
      stream.on("error", () => undefined);
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      let received = Buffer.alloc(0);
      stream.on("data", (part) => {
        received = Buffer.concat([received, part]);
        // A message of gRPC is its length, in 5 bytes, and itself.
        while (received.length >= 5 && received.length >= 5 + received.readUInt32BE(1)) {
          const end = 5 + received.readUInt32BE(1);
          const request = received.subarray(5, end);
          received = received.subarray(end);
          // A request with a nonce confirms the last response.
          if (fields(request, 5).length === 0) stream.write(message(answerTo(folder, fields(request, 3).map(String))));
        }
      });
    })
    .listen(port);
}

/** A DiscoveryResponse with the secrets of these names. */
function answerTo(folder, names) {
  const read = (name) => field(2, readFileSync(join(folder, name)));
  const secrets = names.map((name) =>
    Buffer.concat([
      field(1, name),
      field(2, Buffer.concat([field(1, read(`${name}.pem`)), field(2, read(`${name}.key`))])),
    ]),
  );
  const resources = secrets.map((secret) => field(2, Buffer.concat([field(1, SECRET), field(2, secret)])));
  return Buffer.concat([field(1, "1"), ...resources, field(4, SECRET), field(5, "1")]);
}

function message(content) {
  const length = Buffer.alloc(5);
  length.writeUInt32BE(content.length, 1);
  return Buffer.concat([length, content]);
}
