// Carries connections from ports of the machine into a lab. It runs in the network namespace of the lab's switch, and is
// given sockets that already listen on the machine: what it accepts comes from there, what it opens goes into the lab.
// Plain JavaScript, since it starts with every lab and must start fast.
// Usage: forwarder.mjs <file descriptor of a table of the machine's TCP connections> …
import { readFileSync } from "node:fs";
import process from "node:process";
import { connector } from "./connect-first.mjs";
import { guardedProxy } from "./guarded-proxy.mjs";
import { ownerFinder } from "./socket-owner.mjs";

const ownerOf = ownerFinder(process.argv.slice(2).map(Number));

process.on("message", ({ name, port, targets, tls, callers }, server) => {
  const proof = tls && (() => proofOf(tls));
  const open = connector(targets, port, proof);
  server.allowHalfOpen = true;
  server.on("connection", callers ? guardedProxy(name, callers, ownerOf, open) : (socket) => forward(socket, open));
  server.on("error", (error) => console.error(name, error.message));
  process.send({ ready: name });
});

// Without its command it goes on, until it is killed.
process.on("disconnect", () => undefined);

function proofOf({ document, engine, serverName }) {
  const { ca, certificate, key } = JSON.parse(readFileSync(document, "utf8"))[engine];
  return { ca, cert: certificate, key, servername: serverName };
}

/** Carries bytes as they are. */
function forward(socket, open) {
  socket.on("error", () => socket.destroy());
  open((failure, upstream) => {
    if (failure) return socket.resetAndDestroy();
    socket.setNoDelay(true);
    socket.pipe(upstream).pipe(socket);
    socket.on("close", () => upstream.destroy());
    upstream.on("error", () => socket.resetAndDestroy());
    upstream.on("close", () => socket.destroySoon());
  });
}
