// Sends requests as bytes, since every client library brings them into a proper form first, and prints what is answered.
// Usage: raw-requests.mjs '<target>' '<requests>', both JSON.
// A target is { host, port }, or { sidecarOf, as }: the Envoy of a service, reached with the certificate of another one.
import { get } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import process from "node:process";
import { connect as connectTls } from "node:tls";

const [target, requests] = process.argv.slice(2).map((text) => JSON.parse(text));

/** Asks the agent of this host. */
function consul(path) {
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port: 8500, path }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part) => (text += part));
      response.on("end", () => resolve(JSON.parse(text)));
    }).on("error", reject);
  });
}

/** How a connection to the target is opened. */
async function dialer() {
  if (target.host !== undefined) return (more) => connect({ ...target, ...more });
  const [{ ServiceAddress, Address, ServicePort }] = await consul(`/v1/catalog/connect/${target.sidecarOf}`);
  const { CertPEM, PrivateKeyPEM } = await consul(`/v1/agent/connect/ca/leaf/${target.as}`);
  const { Roots } = await consul("/v1/agent/connect/ca/roots");
  const tls = { cert: CertPEM, key: PrivateKeyPEM, ca: Roots.map(({ RootCert }) => RootCert) };
  // A certificate of the mesh has a SPIFFE ID instead of a host name.
  const peer = { host: ServiceAddress || Address, port: ServicePort, checkServerIdentity: () => undefined };
  return (more) => connectTls({ ...peer, ...tls, ...more });
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

const dial = await dialer();
const answers = await Promise.all(
  requests.map(({ text, headers }) => {
    const socket = dial(text === undefined && target.host === undefined ? { ALPNProtocols: ["h2"] } : {});
    return text === undefined ? sendFrames(socket, headers) : sendText(socket, text);
  }),
);
console.log(JSON.stringify(answers));
process.exit();
