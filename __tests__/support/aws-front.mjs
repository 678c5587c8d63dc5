// What answers for amazonaws.com in the network of the test's machines: it ends TLS, and passes on what is within. On port 80, it answers as any server.
import { readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { connect } from "node:net";
import { createServer } from "node:tls";

const [, , socket, cert, key, ...addresses] = process.argv;

for (const address of addresses) {
  createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (client) => {
    const server = connect(socket);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ]) {
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => to.destroy());
    }
  }).listen(443, address);
  createHttpServer((_, response) => response.end()).listen(80, address);
}
