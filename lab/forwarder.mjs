// Carries connections from ports of the machine into a lab. It runs in the network namespace of the lab's switch, and is
// given sockets that already listen on the machine: what it accepts comes from there, what it opens goes into the lab.
// Plain JavaScript, since it starts with every lab and must start fast.
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import process from "node:process";
import { connect as connectTls } from "node:tls";

process.on("message", ({ name, port, targets, tls }, server) => {
  const proof = tls && {
    ca: readFileSync(tls.caFile),
    cert: readFileSync(tls.certFile),
    key: readFileSync(tls.keyFile),
    servername: tls.serverName,
  };
  let next = 0;
  server.allowHalfOpen = true;
  server.on("connection", (socket) => {
    const first = next++;
    forward(
      socket,
      targets.map((_, index) => ({ host: targets[(first + index) % targets.length], port, proof })),
    );
  });
  server.on("error", (error) => console.error(name, error.message));
  process.send({ ready: name });
});

// Without its command it goes on, until it is killed.
process.on("disconnect", () => undefined);

/** Connects to the first target that does not refuse. */
function forward(socket, [target, ...others]) {
  socket.on("error", () => socket.destroy());
  if (!target) return socket.resetAndDestroy();
  const { host, port, proof } = target;
  const options = { host, port, allowHalfOpen: true, noDelay: true };
  const upstream = proof ? connectTls({ ...options, ...proof }) : connect(options);
  let connected = false;
  // A host that is gone does not refuse, it is silent. Between namespaces of one machine an answer takes no time.
  const silence = setTimeout(() => upstream.destroy(new Error("silence")), 2000);
  upstream.on(proof ? "secureConnect" : "connect", () => {
    connected = true;
    clearTimeout(silence);
    socket.setNoDelay(true);
    socket.pipe(upstream).pipe(socket);
    socket.on("close", () => upstream.destroy());
  });
  upstream.on("error", () => {
    clearTimeout(silence);
    if (connected) socket.resetAndDestroy();
    else forward(socket, others);
  });
  upstream.on("close", () => connected && socket.destroySoon());
}
