import { execFile } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { promisify } from "node:util";
import { viewAllocation } from "../../connection/admin";

test("what listens is found among thousands of connections, in seconds", async () => {
  const accepted: Socket[] = [];
  const server = createServer((socket) => accepted.push(socket)).listen(0, "127.0.0.3");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const sockets = Array.from({ length: 1_500 }, () => connect(port, "127.0.0.3"));
  try {
    await Promise.all(sockets.map((it) => once(it, "connect")));
    const view = await viewAllocation(
      async ([program = "", ...args]) => (await promisify(execFile)(program, args, { timeout: 8_000 })).stdout,
      [],
    );
    expect(view.sockets.filter((it) => it.port === port)).toEqual([{ address: "127.0.0.3", port }]);
  } finally {
    for (const socket of [...sockets, ...accepted]) socket.destroy();
    server.close();
  }
});
