// Stands for a database that somebody else runs: it is no part of the mesh, and wants to see a certificate of its own authority.
// Usage: database.mjs <folder with ca.pem, server.pem and server.key> <port>
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { createServer } from "node:tls";

const [folder, port] = process.argv.slice(2);
const read = (name) => readFileSync(join(folder, name));
const tls = { ca: read("ca.pem"), cert: read("server.pem"), key: read("server.key") };

createServer({ ...tls, requestCert: true, rejectUnauthorized: true }, (socket) => {
  const by = socket.getPeerCertificate().subject?.CN;
  socket.on("error", () => socket.destroy());
  socket.on("data", (question) => socket.write(`${JSON.stringify({ asked: String(question).trim(), by })}\n`));
}).listen(Number(port));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit());
