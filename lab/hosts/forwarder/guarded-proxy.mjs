// The way to an engine's API and UI: HTTP, for the people of the lab only. Part of the forwarder.
import { Agent, createServer } from "node:http";
import { setImmediate } from "node:timers";
import { createProxyServer } from "httpxy";
import { refusalOf } from "./refusal.mjs";

/**
 * Takes connections and passes their requests on, upgraded ones too, unless they come from another user or from a page of
 * another origin.
 *
 * @param callers ids of the users whose connections are taken
 * @param ownerOf tells the user id at the other end of a connection
 * @param open connects to the engine
 * @returns what takes a connection
 */
export function guardedProxy(name, callers, ownerOf, open) {
  const agent = new Agent();
  agent.createConnection = (_, done) => void open(done);
  const proxy = createProxyServer({ target: `http://${name}`, agent });
  proxy.on("proxyRes", ({ headers }, _, response) => {
    // Each request has a connection to an engine of its own. The caller's goes on: to look for its owner takes longer than the request.
    delete headers.connection;
    // What waits for its first line, a log or an event, has begun all the same.
    setImmediate(() => response.flushHeaders());
  });
  // As if nobody listened: commands know what to make of that.
  proxy.on("error", (_, { socket }) => socket.destroyed || socket.resetAndDestroy());

  const server = createServer({ requestTimeout: 0, keepAliveTimeout: 0 });
  server.on("request", (request, response) => {
    const refusal = refusalOf(request);
    if (refusal === undefined) return void proxy.web(request, response);
    response.writeHead(403, refusalHeaders).end(refusal);
  });
  server.on("upgrade", (request, socket, head) => {
    const refusal = refusalOf(request);
    if (refusal === undefined) return void proxy.ws(request, socket, {}, head);
    turnAway(socket, refusal);
  });
  return (socket) => {
    socket.on("error", () => socket.destroy());
    const owner = ownerOf(socket);
    if (callers.includes(owner)) return server.emit("connection", socket);
    const whose = owner === undefined ? "an unknown user" : `user id ${owner}`;
    turnAway(
      socket,
      `This port accepts connections only from root and from users who ran \`meshform up\`; this one is from ${whose}. ` +
        "Run `sudo meshform up` as the user who needs access.\n",
    );
  };
}

const refusalHeaders = {
  "Content-Type": "text/plain; charset=utf-8",
  "X-Content-Type-Options": "nosniff",
  Connection: "close",
};

/** Answers on a connection of which nothing is read as HTTP, or no longer. */
function turnAway(socket, refusal) {
  const headers = { ...refusalHeaders, "Content-Length": Buffer.byteLength(refusal) };
  const lines = Object.entries(headers).map(([key, value]) => `${key}: ${value}\r\n`);
  // What is still being sent is taken and dropped: else the kernel would cut the connection before the answer is read.
  socket.resume();
  socket.end(`HTTP/1.1 403 Forbidden\r\n${lines.join("")}\r\n${refusal}`);
  setTimeout(() => socket.destroy(), 2000).unref();
}
