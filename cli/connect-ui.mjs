// A UI of a cluster, for the browsers of this machine: requests by HTTP become requests by TLS with the certificate of a person. It adds no
// token, so the UI asks for one. It prints its URL, and runs until it is killed.
// Usage: connect-ui.mjs <engine> <port that leads to a server> <file of the CA> <file of the certificate> <file of its key>
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import process from "node:process";
import { connect } from "node:tls";
import { guardedProxy } from "../lab/hosts/forwarder/guarded-proxy.mjs";

const [engine, port, ...files] = process.argv.slice(2);
const [ca, cert, key] = files.map((file) => readFileSync(file, "utf8"));

function open(done) {
  const socket = connect({ host: "127.0.0.1", port: Number(port), ca, cert, key });
  socket.once("error", done);
  socket.once("secureConnect", () => {
    socket.off("error", done);
    done(undefined, socket);
  });
}

// It takes connections of all users, as the ports of the sessions do: each needs a token. Pages of other origins are refused.
const server = createServer({ allowHalfOpen: true });
server.on(
  "connection",
  guardedProxy(engine, [undefined], () => undefined, open),
);
server.listen(0, "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}/ui/`);
});
