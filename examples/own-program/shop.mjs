// Shows what the two others say. It is published, so it listens on all addresses of its network namespace.
import { createServer } from "node:http";

const ask = async (url) => (await fetch(url, { signal: AbortSignal.timeout(2_000) })).json();

createServer(async ({ url }, response) => {
  try {
    const answer =
      url === "/health"
        ? { status: "passing" }
        : { orders: await ask(process.env.ORDERS_URL), stock: await ask(process.env.STOCK_URL) };
    response.setHeader("Content-Type", "application/json");
    response.end(`${JSON.stringify(answer)}\n`);
  } catch (error) {
    response.statusCode = 502;
    response.end(`${error.cause ?? error}\n`);
  }
}).listen(8100, "0.0.0.0", () => console.log("listening on 8100"));
