import { placeOf, requireEnvoys, seen, type Link, type LinkFinding } from "../link";

/** The upstream that the source's programs use. */
export const upstream: Link = {
  id: "upstream",
  title: "the source has an upstream to the destination",
  find: (facts) => {
    const { source, destination } = facts.question;
    const proxies = seen(facts.source).filter(({ kind }) => kind === "connect-proxy");
    const without = proxies.filter((it) => !it.isTransparent && !it.upstreams.some(({ name }) => name === destination));
    if (without.length > 0) {
      return [
        {
          at: placeOf(without[0]),
          problem: `Its sidecar has no upstream to ${destination}${listOf(without[0].upstreams.map(({ name }) => name))}.`,
          fix: `Add it with connectTo or addUpstream of ${source}, and deploy the app.`,
        },
      ];
    }
    return requireEnvoys(facts, proxies).flatMap(({ instance, envoy }): LinkFinding[] => {
      const port = instance.upstreams.find(({ name }) => name === destination)?.port;
      const listens = envoy.listeners.some((it) => (port ? it.port === port : it.name.startsWith("outbound_listener")));
      if (listens) return [];
      const where = port ? `127.0.0.1:${port}` : "the outbound traffic of a transparent proxy";
      return [
        {
          at: placeOf(instance),
          problem: `Its Envoy has no listener for ${where}, the upstream to ${destination}: its configuration is ${envoy.isConnected ? "incomplete" : "stale, since it is not connected to Consul"}.`,
          fix: "Check Consul's agent on the node, then restart the sidecar.",
        },
      ];
    });
  },
};

function listOf(names: readonly string[]): string {
  return names.length === 0 ? "" : `; it has ${names.join(", ")}`;
}
