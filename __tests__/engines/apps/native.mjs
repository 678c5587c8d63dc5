// A service that is Connect native: it gets its certificate from Consul, serves mutual TLS with it, and asks Consul about each client.
// It answers "<name>: <word>", but to "ask <service>" what that service of the mesh answers to "hello".
//
//   CONSUL_…           set by Nomad
//   NAME, PORT         its name in Consul, and where it listens
import { readFileSync } from "node:fs";
import { request as overHttp } from "node:http";
import { request as overHttps } from "node:https";
import process from "node:process";
import { text } from "node:stream/consumers";
import { connect, createServer } from "node:tls";

const { env } = process;
// Nomad names paths as a task in a container sees them.
const inTask = (path) =>
  path.replace(/^\/+alloc\//, `${env.NOMAD_ALLOC_DIR}/`).replace(/^\/+secrets\//, `${env.NOMAD_SECRETS_DIR}/`);
const file = (variable) => (env[variable] ? readFileSync(inTask(env[variable])) : undefined);
const isSecure = env.CONSUL_HTTP_SSL === "true";

/** Asks the Consul agent of this node. */
function consul(path, body) {
  const options = {
    ...{ socketPath: inTask(env.CONSUL_HTTP_ADDR.replace("unix://", "")), path, method: body ? "POST" : "GET" },
    headers: env.CONSUL_HTTP_TOKEN ? { "X-Consul-Token": env.CONSUL_HTTP_TOKEN } : {},
    ...(isSecure && {
      ...{ ca: file("CONSUL_CACERT"), cert: file("CONSUL_CLIENT_CERT"), key: file("CONSUL_CLIENT_KEY") },
      servername: env.CONSUL_TLS_SERVER_NAME,
    }),
  };
  return new Promise((resolve, reject) => {
    const request = isSecure ? overHttps(options) : overHttp(options);
    request.on("error", reject).on("response", async (response) => {
      const answer = await text(response);
      if (response.statusCode === 200) resolve(JSON.parse(answer));
      else reject(new Error(`${path}: ${response.statusCode} ${answer}`));
    });
    request.end(body && JSON.stringify(body));
  });
}

const { Roots } = await consul("/v1/agent/connect/ca/roots");
const leaf = await consul(`/v1/agent/connect/ca/leaf/${env.NAME}`);
const identity = {
  ...{ cert: leaf.CertPEM, key: leaf.PrivateKeyPEM, ca: Roots.map(({ RootCert }) => RootCert) },
  // Names in the mesh are no host names.
  checkServerIdentity: () => undefined,
};

/** The SPIFFE ID of the other side, and the serial number of its certificate, as Consul writes it. */
function other(socket) {
  const { subjectaltname = "", serialNumber } = socket.getPeerCertificate();
  const serial = serialNumber.toLowerCase().replace(/(..)(?!$)/g, "$1:");
  return { uri: /URI:(spiffe:[^,\s]+)/.exec(subjectaltname)?.[1] ?? "", serial };
}

/** What a service of the mesh answers, from any of its instances that is healthy. */
async function ask(service) {
  const [{ Node, Service }] = await consul(`/v1/health/connect/${service}?passing`);
  const socket = connect({ host: Service.Address || Node.Address, port: Service.Port, ...identity });
  return new Promise((resolve, reject) => {
    socket.on("error", reject).on("close", () => reject(new Error("closed without a word")));
    socket.on("secureConnect", () => {
      if (other(socket).uri.endsWith(`/svc/${service}`)) socket.write("hello");
      else socket.destroy(new Error(`This is ${other(socket).uri}, not ${service}`));
    });
    socket.on("data", (answer) => {
      resolve(String(answer).trim());
      socket.destroy();
    });
  });
}

async function serve(socket) {
  const { uri, serial } = other(socket);
  const { Authorized } = await consul("/v1/agent/connect/authorize", {
    ...{ Target: env.NAME, ClientCertURI: uri, ClientCertSerial: serial },
  });
  if (!Authorized) return socket.destroy();
  socket.on("data", (data) => {
    const [, service] = /^ask (\S+)/.exec(String(data)) ?? [];
    const answer = service ? ask(service).catch(({ message }) => message) : Promise.resolve(String(data));
    void answer.then((said) => socket.write(`${env.NAME}: ${said}`));
  });
}

createServer({ ...identity, requestCert: true, rejectUnauthorized: true }, (socket) => {
  serve(socket).catch((error) => socket.destroy(error));
  socket.on("error", (error) => console.error(error));
})
  .on("tlsClientError", (error) => console.error(error))
  .listen(Number(env.PORT));
