// Asks the API by its virtual name, or at the real address of its Envoy, and tells what came of it.
import { promises as dns } from "node:dns";
import { createServer, get } from "node:http";
import { text } from "node:stream/consumers";
import process from "node:process";

// The visitor has no connection to the API, and so no variable with its address.
const { PORT, API_URL = "http://api.virtual.consul" } = process.env;

const PATHS = {
  "/": () => ask(API_URL),
  "/direct": async () => {
    const [{ name, port }] = await dns.resolveSrv("api-sidecar-proxy.service.consul");
    const [address] = await dns.resolve4(name);
    return ask(`http://${address}:${port}`);
  },
  "/health": () => "healthy",
};

async function ask(url) {
  const response = await new Promise((resolve, reject) => {
    get(url, { agent: false, signal: AbortSignal.timeout(3000) }, resolve).on("error", reject);
  });
  return `${url} answers ${response.statusCode}: ${(await text(response)).trim()}`;
}

const server = createServer(async ({ url }, response) => {
  const answer = PATHS[url] ?? (() => "There are only / and /direct.");
  try {
    response.end(`${await answer()}\n`);
  } catch (error) {
    response.end(`No answer: ${error.code ?? error.name}\n`);
  }
});

// Published at a port of the node, it listens on all addresses of its own network.
server.listen(Number(PORT));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit());
