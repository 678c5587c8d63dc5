// Makes real requests and says in one line of JSON what came back. It runs inside a network namespace of the lab, so it is a
// program of its own. Usage: probe.mjs '{ "targets": [[<address>, <port>, "http" | "tcp" | "udp"], …], "user": <id> }'
//                        or: probe.mjs '{ "directory": …, "targets": [[…, <path of a Unix socket in it>, "http" | "tcp"], …] }'
import { createSocket } from "node:dgram";
import { get } from "node:http";
import { connect } from "node:net";
import process from "node:process";

const { targets, directory, user } = JSON.parse(process.argv[2]);
// The address of a socket has room for a short path only.
if (directory !== undefined) process.chdir(directory);
if (user !== undefined) {
  // Only now: another user could not read this program.
  process.setgroups([]);
  process.setgid(user);
  process.setuid(user);
}
console.log(JSON.stringify(await Promise.all(targets.map((target) => new Promise((say) => probe(target, say))))));
process.exit(0);

/** Says what it sees first. */
function probe([host, port, kind], say) {
  const target = directory === undefined ? { host, port } : { socketPath: port };
  setTimeout(() => say({ error: "no answer within 5 s" }), 5000);

  if (kind === "http") {
    const request = get({ ...target, path: "/", headers: { "user-agent": "meshform" } }, (response) => {
      let body = "";
      const done = () =>
        say({ status: response.statusCode, server: response.headers.server, body: body.slice(0, 200) });
      response.setEncoding("utf8").on("data", (text) => {
        body += text;
        // An endless stream has answered all the same.
        if (body.length > 200) {
          done();
          response.destroy();
        }
      });
      response.on("error", () => undefined);
      response.on("end", done);
      setTimeout(done, 2000);
    });
    request.on("error", (error) => say({ error: error.message }));
  } else if (kind === "udp") {
    // Nobody has to answer, but the kernel refuses what no program listens for.
    const socket = createSocket("udp4");
    socket.on("error", (error) => say({ error: error.message }));
    socket.connect(port, host, () => socket.send("\n"));
    setTimeout(() => say({ open: true }), 500);
  } else {
    // Envoy always accepts. Where it cannot go on it hangs up at once; where an intention refuses, at the first byte. A line end
    // is the start of whatever is spoken: a server waits for the rest, or answers.
    const socket = connect(directory === undefined ? target : { path: port });
    socket.on("connect", () => {
      socket.write("\n");
      setTimeout(() => say({ open: true }), 500);
    });
    socket.on("data", () => say({ open: true }));
    socket.on("error", (error) => say({ error: error.message }));
    socket.on("close", () => say({ error: "closed the connection" }));
  }
}
