// Asks an upstream when it is asked itself, and passes on what that says.
//
//   GET /<UPSTREAM>  the status and the words that the upstream of this variable answers with; 504 where it does not answer in time, 502 where
//                    the connection fails
//   GET /            200, and which allocation it is
//
// An upstream of tcp is spoken to in HTTP as well, on a connection of its own each time.

import { Agent, createServer, request } from "node:http";

const agent = new Agent({ keepAlive: true, maxSockets: 8 });

createServer((incoming, outgoing) => {
  const end = (status, words = "") => {
    if (!outgoing.headersSent) outgoing.writeHead(status).end(words);
  };
  const upstream = process.env[incoming.url.slice(1)];
  if (upstream === undefined) return end(200, process.env.NOMAD_ALLOC_ID);
  const url = upstream.startsWith("http") ? upstream : `http://${upstream}`;
  const asked = request(url, { agent: incoming.url.startsWith("/TCP") ? false : agent, timeout: 5_000 }, (answer) => {
    answer.toArray().then(
      (parts) => end(answer.statusCode, parts.join("")),
      ({ code }) => end(502, code),
    );
  });
  asked.on("timeout", () => asked.destroy(end(504)));
  asked.on("error", ({ code }) => end(502, code));
  asked.end();
}).listen(Number(process.env.PORT), "0.0.0.0");
