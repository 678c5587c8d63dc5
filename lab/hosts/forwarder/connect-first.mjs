// Opens a connection into the lab. Part of the forwarder.
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";

/**
 * Connects to the first target that does not refuse, beginning with another one each time.
 *
 * @param targets addresses
 * @param proof for mutual TLS: returns what Node's TLS takes; undefined for none
 * @returns a function that calls back as Node does: with an error, or with a connected socket
 */
export function connector(targets, port, proof) {
  let next = 0;
  return (done) => {
    const first = next++;
    const inTurn = targets.map((_, index) => targets[(first + index) % targets.length]);
    try {
      connectFirst(inTurn, port, proof?.(), done);
    } catch (error) {
      done(error);
    }
  };
}

function connectFirst([host, ...others], port, proof, done) {
  if (host === undefined) return done(new Error(`nothing answers at port ${port}`));
  const options = { host, port, allowHalfOpen: true, noDelay: true };
  const socket = proof ? connectTls({ ...options, ...proof }) : connect(options);
  // A host that is gone does not refuse, it is silent. Between namespaces of one machine an answer takes no time.
  const silence = setTimeout(() => socket.destroy(new Error("silence")), 2000);
  const refused = () => {
    clearTimeout(silence);
    connectFirst(others, port, proof, done);
  };
  socket.once("error", refused);
  socket.once(proof ? "secureConnect" : "connect", () => {
    clearTimeout(silence);
    socket.off("error", refused);
    done(null, socket);
  });
}
