// Counts what it is asked. Only its Envoy reaches it: it listens on the loopback interface.
import { createServer } from "node:http";
import process from "node:process";

let count = 0;
const server = createServer(({ url }, response) => {
  if (url !== "/health") count++;
  response.end(`count ${count}\n`);
});

server.listen(Number(process.env.PORT), "127.0.0.1");
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit());
