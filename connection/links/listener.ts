import type { RegisteredUpstream } from "../facts";
import { placeOf, requireEnvoys, seen, type Link, type LinkFinding } from "../link";
import { bindOf, upstreamsTo } from "../upstreams";

/** Where the source's Envoys listen for its programs. They do so only once they have all that the chain needs. */
export const listener: Link = {
  id: "listener",
  title: "the source's Envoy listens for the upstream",
  find: (facts) => {
    const { destination } = facts.question;
    const proxies = seen(facts.source).filter(({ kind }) => kind === "connect-proxy");
    return requireEnvoys(facts, proxies).flatMap(({ instance, envoy }): LinkFinding[] => {
      const upstreams = upstreamsTo(facts, instance);
      const isThere = ({ port, socket }: RegisteredUpstream) =>
        envoy.listeners.some((it) => (socket === undefined ? it.port === port : it.socket === socket));
      const missing = upstreams.find((it) => !isThere(it));
      const isTransparent = upstreams.length === 0 && instance.isTransparent;
      if (missing === undefined && !isTransparent) return [];
      if (isTransparent && envoy.listeners.some(({ name }) => name.startsWith("outbound_listener"))) return [];
      const where = missing
        ? `at ${bindOf(missing)}, the upstream to ${destination}`
        : "for the traffic of its transparent proxy";
      const why = envoy.isConnected ? "incomplete" : "stale, since it is not connected to Consul's gRPC port";
      return [
        {
          at: placeOf(instance),
          problem: `Its Envoy has no listener ${where}: its configuration is ${why}.`,
          fix: "Check Consul's agent on the node, then restart the sidecar.",
        },
      ];
    });
  },
};
