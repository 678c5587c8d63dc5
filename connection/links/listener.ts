import { placeOf, requireEnvoys, seen, type Link, type LinkFinding } from "../link";

/** Where the source's Envoys listen for its programs. They do so only once they have all that the chain needs. */
export const listener: Link = {
  id: "listener",
  title: "the source's Envoy listens at the upstream's port",
  find: (facts) => {
    const { destination } = facts.question;
    const proxies = seen(facts.source).filter(({ kind }) => kind === "connect-proxy");
    return requireEnvoys(facts, proxies).flatMap(({ instance, envoy }): LinkFinding[] => {
      const port = instance.upstreams.find(({ name }) => name === destination)?.port;
      if (port === undefined && !instance.isTransparent) return [];
      if (envoy.listeners.some((it) => (port ? it.port === port : it.name.startsWith("outbound_listener")))) return [];
      const where = port
        ? `at 127.0.0.1:${port}, the upstream to ${destination}`
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
