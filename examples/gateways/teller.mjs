// Answers with its name: HTTP requests with what was asked, plain connections with what they send.
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import process from "node:process";

const { NAME, PORT, PROTOCOL, BIND_ADDRESS = "127.0.0.1" } = process.env;

const server =
  PROTOCOL === "http"
    ? createHttpServer(({ method, url, headers }, response) => {
        response.setHeader("content-type", "application/json");
        response.end(`${JSON.stringify({ service: NAME, method, url, headers })}\n`);
      })
    : createServer((socket) => {
        socket.on("error", () => socket.destroy());
        socket.on("data", (data) => socket.write(`${NAME}: ${data}`));
      });

server.listen(Number(PORT), BIND_ADDRESS);
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit());
