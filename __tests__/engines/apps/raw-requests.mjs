// Sends requests as bytes, since every client library brings them into a proper form first, and prints what is answered.
// Usage: raw-requests.mjs '<requests>', with the target in the variable TARGET, both JSON.
// A target is { host, port }, with { tls } the Envoy of a service, to which a certificate of the mesh is shown.
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import process from "node:process";
import { connect as connectTls } from "node:tls";

const { tls, ...address } = JSON.parse(process.env.TARGET);
const requests = JSON.parse(process.argv[2]);

/** Opens a connection to the target. */
function dial(more) {
  if (tls === undefined) return connect({ ...address, ...more });
  // A certificate of the mesh has a SPIFFE ID instead of a host name.
  return connectTls({ ...address, ...tls, checkServerIdentity: () => undefined, ...more });
}

function sendText(socket, text) {
  return new Promise((resolve) => {
    let answer = "";
    socket.setEncoding("utf8").setTimeout(8_000, () => socket.destroy());
    socket.on("data", (part) => (answer += part)).on("error", () => undefined);
    socket.on("close", () => {
      // Of several answers, the last one.
      const [, status] = [...answer.matchAll(/^HTTP\/1\.1 (\d+)/gm)].at(-1) ?? [];
      resolve({ status: Number(status ?? 0), body: answer.slice(answer.lastIndexOf("\r\n\r\n") + 4) });
    });
    socket.write(text, "latin1");
  });
}

function sendFrames(socket, headers) {
  return new Promise((resolve) => {
    const client = connectHttp2("http://target", { createConnection: () => socket });
    const end = (answer) => {
      client.destroy();
      resolve(answer);
    };
    setTimeout(end, 8_000, { status: 0, body: "silence" }).unref();
    client.on("error", () => end({ status: 0, body: "" }));
    const stream = client.request(headers, { endStream: true });
    let status = 0;
    let body = "";
    stream.on("response", (fields) => (status = fields[":status"]));
    stream.setEncoding("utf8").on("data", (part) => (body += part));
    stream.on("error", () => end({ status: 0, body: "" })).on("close", () => end({ status, body }));
  });
}

const answers = await Promise.all(
  requests.map(({ text, headers }) => {
    const socket = dial(text === undefined && tls !== undefined ? { ALPNProtocols: ["h2"] } : {});
    return text === undefined ? sendFrames(socket, headers) : sendText(socket, text);
  }),
);
console.log(JSON.stringify(answers));
process.exit();
