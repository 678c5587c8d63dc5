// Answers GET / with what the database says. It speaks no TLS: its Envoy and the terminating gateway do.
import { createServer } from "node:http";
import { connect } from "node:net";
import process from "node:process";

const { DATABASE = "", PORT } = process.env;
const [host, port] = DATABASE.split(":");

/** Asks the database for one line, and gives what it answers. */
function ask(question) {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port) }, () => socket.write(`${question}\n`));
    let answer = "";
    socket.setEncoding("utf8").setTimeout(5000, () => socket.destroy(new Error("The database is silent.")));
    socket.on("data", (text) => {
      answer += text;
      if (answer.includes("\n")) resolve(JSON.parse(answer));
      if (answer.includes("\n")) socket.end();
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("The connection to the database was closed.")));
  });
}

createServer((request, response) => {
  ask("invoices").then(
    (answer) => {
      response.setHeader("content-type", "application/json");
      response.end(`${JSON.stringify(answer)}\n`);
    },
    ({ message }) => {
      response.statusCode = request.url === "/health" ? 200 : 502;
      response.end(`${message}\n`);
    },
  );
}).listen(Number(PORT));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit());
