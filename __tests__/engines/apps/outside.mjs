// What is outside of the mesh: a database that asks for a client's certificate, two pages, a server of certificates, and a stand-in
// for AWS Lambda.
// Usage: outside.mjs <folder with ca.pem, server.pem, server.key, stranger.pem and stranger.key, and in secrets/ what is served>
import { readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { join } from "node:path";
import process from "node:process";
import { serveFunction } from "./function-stand-in.mjs";
import { serveSecrets } from "./secret-discovery.mjs";
import { createSecureContext, createServer } from "node:tls";

const read = (name) => readFileSync(join(process.argv[2], name));
const pair = (name) => ({ cert: read(`${name}.pem`), key: read(`${name}.key`) });
const ca = read("ca.pem");

// Who does not ask for the name is shown the certificate of a stranger.
const SNICallback = (name, done) =>
  done(null, createSecureContext({ ca, ...pair(name === "database.example" ? "server" : "stranger") }));

createServer({ ca, ...pair("stranger"), SNICallback, requestCert: true, rejectUnauthorized: true }, (socket) => {
  socket.on("error", () => socket.destroy());
  const client = socket.getPeerCertificate().subject.CN;
  socket.on("data", () => socket.write(`${JSON.stringify({ client })}\n`));
}).listen(5433);

const page = ({ url }, response) => response.end(`outside ${url}`);
createHttpsServer({ ca, ...pair("server") }, page).listen(5443);
serveSecrets(join(process.argv[2], "secrets"), { ca, ...pair("server") }, 5234);
serveFunction(pair("server"), 443, { accessKey: "of-the-test", secretKey: "secret-of-the-test" });
createHttpServer((_, response) => response.end("outside too")).listen(5081);
createHttpServer(page).listen(5080, () => console.log("ready"));
