import { receivers } from "../branches";
import type { Socket } from "../admin";
import { placeOf, requireEnvoys, type Link, type LinkFinding, type SeenEnvoy } from "../link";

const EVERYWHERE = ["0.0.0.0", "::"];

/** Whether the destination's program listens where its Envoy sends requests. */
export const appListens: Link = {
  id: "app-listens",
  title: "the destination's program listens",
  find: (facts) =>
    requireEnvoys(facts, receivers(facts)).flatMap(({ instance, envoy, sockets }): LinkFinding[] => {
      const hosts = envoy.clusters.find(({ name }) => name === "local_app")?.hosts ?? [];
      return hosts.flatMap(({ address, port }): LinkFinding[] => {
        if (port === 0 || sockets.some((it) => fits(it, address, port))) return [];
        const at = placeOf(instance);
        const elsewhere = sockets.filter((it) => it.port === port).map((it) => it.address);
        if (elsewhere.length > 0) {
          return [
            {
              at,
              problem: `Its program listens on ${elsewhere.join(", ")} port ${port}, but Envoy sends requests to ${address}:${port}.`,
              fix: `Let it listen on ${address}, or on 0.0.0.0.`,
            },
          ];
        }
        const others = programPorts({ envoy, sockets });
        return [
          {
            at,
            problem: `Nothing listens on ${address}:${port}, where its Envoy sends requests${others.length === 0 ? "" : `; its programs listen on ${others.join(", ")}`}.`,
            fix: "Set `port` of the service to the port of its program; if the program has ended, read `meshform logs`.",
          },
        ];
      });
    }),
};

function fits(socket: Socket, address: string, port: number): boolean {
  return socket.port === port && (socket.address === address || EVERYWHERE.includes(socket.address));
}

/** Where something else than its Envoy listens. */
function programPorts({ envoy, sockets }: SeenEnvoy): string[] {
  const own = new Set(envoy.listeners.map(({ port }) => port));
  const isEnvoys = ({ address, port }: Socket) =>
    own.has(port) || (address.startsWith("127.") && port >= 19_000 && port < 19_100);
  return [...new Set(sockets.filter((it) => !isEnvoys(it)).map(({ address, port }) => `${address}:${port}`))];
}
