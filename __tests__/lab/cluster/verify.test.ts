import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tryMesh } from "../../../lab/cluster/verify";
import type { Listener } from "../../../lab/hosts/state";

const servers: Server[] = [];

afterAll(() => servers.forEach((server) => server.close()));

/** What is found at a published port, whose connections a real server treats in some way. */
async function problemsAt(treat: (socket: Socket) => unknown): Promise<readonly string[]> {
  const server = createServer(treat);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const listener: Listener = { name: "web", datacenter: "dc1", wanted: port, port, targets: [] };
  const picture = { connections: [], refused: [], remarks: [] };
  const { problems } = await tryMesh([], picture, [listener], { settlingMs: 0, initOf: () => undefined, hosts: [] });
  return problems.map((problem) => problem.replaceAll(String(port), "<port>"));
}

test("names the cause where no instance accepts connections at a published port, as the forwarder shows by a reset", async () => {
  expect(await problemsAt((socket) => socket.resetAndDestroy())).toEqual([
    "web fails at http://127.0.0.1:<port>: no instance accepts connections on it (ECONNRESET): its program listens only on 127.0.0.1 of its allocation, or on another port. Have it listen on 0.0.0.0, which a published port needs",
  ]);
}, 30_000);

test("has nothing to say of a server that answers, by whatever protocol", async () => {
  expect(await problemsAt((socket) => socket.end("HTTP/1.1 204 No Content\r\n\r\n"))).toEqual([]);
  expect(await problemsAt((socket) => socket.on("error", () => undefined).write("+OK\r\n"))).toEqual([]);
}, 30_000);
