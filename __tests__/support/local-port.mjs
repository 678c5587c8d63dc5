// Leads from a socket on the disk to a port of the machine in whose network it runs, as a session of Session Manager does.
import { connect, createServer } from "node:net";

const [, , socket, port] = process.argv;

createServer((from) => {
  const to = connect(Number(port), "127.0.0.1");
  from.pipe(to).pipe(from);
  from.on("error", () => to.destroy());
  to.on("error", () => from.destroy());
}).listen(socket);
