import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { look, type Fact } from "../../cluster/fact";
import { EngineApi } from "../../lab/cluster/engine-api";

/** What a look at something that speaks HTTP, and is no engine, yields within a time. */
async function lookAt(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Fact<unknown>> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    return await look(new EngineApi("Nomad", { address }), 300, { path: "/v1/nodes?x=1" });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test("an agent that does not answer in time is not waited for", async () => {
  const fact = await lookAt(() => undefined);
  expect(fact).toMatchObject({ engine: "Nomad", request: "GET /v1/nodes", kind: "unreachable" });
  expect(fact).toHaveProperty("words", expect.stringMatching(/timeout|aborted/i));
});

test("a page of something else is no answer", async () => {
  const fact = await lookAt((_, response) => response.end("<html>Sign in</html>"));
  expect(fact).toMatchObject({ kind: "failed", words: "status 200: <html>Sign in</html>" });
});

test("plain HTTP at an HTTPS port is named as such", async () => {
  const fact = await lookAt((_, response) => {
    response.writeHead(400).end("Client sent an HTTP request to an HTTPS server.");
  });
  expect(fact).toMatchObject({ kind: "unreachable" });
});
