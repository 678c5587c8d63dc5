// Leads from a socket on the disk to a port that the machine reaches in whose network it runs, as a session of Session Manager does.
import { connect, createServer } from "node:net";

const [, , socket, port, host] = process.argv;

createServer((from) => {
  const to = connect(Number(port), host);
  from.pipe(to).pipe(from);
  from.on("error", () => to.destroy());
  to.on("error", () => from.destroy());
}).listen(socket);
