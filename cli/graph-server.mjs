// Serves the page of a running mesh to the browsers of this machine. The parent process sends it each page and each problem; when that process
// ends, this one does too.
// Usage: fork graph-server.mjs <port, 0 for any> <ids of the users whose connections are taken, with commas>
import { openSync } from "node:fs";
import { createServer } from "node:http";
import process from "node:process";
import { refusalOf } from "../lab/hosts/forwarder/refusal.mjs";
import { ownerFinder } from "../lab/hosts/forwarder/socket-owner.mjs";

const [port, users] = process.argv.slice(2);
const callers = users.split(",").map(Number);
const ownerOf = ownerFinder(["tcp", "tcp6"].map((name) => openSync(`/proc/net/${name}`, "r")));

/** The last page, what it is called and when it came, and why there is no newer one. */
let page = "";
let version = "";
let at = 0;
let problem;

const server = createServer((request, response) => {
  const isCaller = callers.includes(ownerOf(request.socket));
  const refusal = isCaller ? refusalOf(request) : "This page is for the user who started it, and for root.\n";
  const send = (status, type, body, headers = {}) =>
    response
      .writeHead(status, {
        ...{
          "Content-Type": `${type}; charset=utf-8`,
          "Cache-Control": "no-store",
          "X-Content-Type-Options": "nosniff",
        },
        ...{ "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", ...headers },
      })
      .end(request.method === "HEAD" ? "" : body);
  if (refusal !== undefined) return send(403, "text/plain", refusal, { Connection: "close" });
  if (request.method !== "GET" && request.method !== "HEAD") return send(405, "text/plain", "Only GET.\n");
  const [path] = request.url.split("?");
  if (path === "/reading") {
    return send(200, "application/json", JSON.stringify({ version, ageMs: Date.now() - at, problem }));
  }
  if (path !== "/") return send(302, "text/plain", "", { Location: "/" });
  send(200, "text/html", page);
});

process.on("message", (message) => {
  if (message.page !== undefined) {
    ({ page, version } = message);
    at = Date.now();
  }
  ({ problem } = message);
});
process.on("disconnect", () => process.exit());
// Ctrl-C is for the command, which then ends this.
process.on("SIGINT", () => undefined);
server.on("error", ({ code, message }) => process.send({ error: code === "EADDRINUSE" ? code : message }));
server.listen(Number(port), "127.0.0.1", () => process.send({ port: server.address().port }));
