import { receivers } from "../branches";
import { placeOf, requireEnvoys, seen, type Link, type LinkFinding } from "../link";

/** Whether both Envoys read requests, or both pass on connections. */
export const protocol: Link = {
  id: "protocol",
  title: "both Envoys speak the same protocol",
  find: (facts) => {
    const { Protocol, Query } = seen(facts.chain);
    const isHttp = ["http", "http2", "grpc"].includes(Protocol);
    return requireEnvoys(facts, receivers(facts)).flatMap(({ instance, envoy }): LinkFinding[] => {
      const at = placeOf(instance);
      const listener = envoy.listeners.find(
        ({ port, name }) => port === instance.port && name.startsWith("public_listener"),
      );
      if (instance.kind !== "connect-proxy") return [];
      if (listener === undefined) {
        return [
          {
            at,
            problem: `Its Envoy has no listener at port ${instance.port}, where it is registered.`,
            fix: "Restart the sidecar, and read its log.",
          },
        ];
      }
      if (listener.isHttp !== isHttp) {
        return [
          {
            at,
            problem: `${Query ? `The upstream to the prepared query ${Query.asked} has the protocol ${Protocol}` : `Consul has the protocol ${Protocol} for ${facts.question.destination}`}, but its Envoy ${listener.isHttp ? "reads requests" : "passes on connections (tcp)"}.`,
            fix: Query
              ? `Set \`protocol\` in \`config\` of the upstream to that of ${Query.service}.`
              : "Set the same `protocol` in service-defaults of all services of the chain, and check Consul's agent on the node.",
          },
        ];
      }
      const { counters } = envoy;
      const [errors, answers] = ["protocol_error", "rq_2xx"].map(
        (name) => counters[`cluster.local_app.upstream_${name.startsWith("rq") ? name : `cx_${name}`}`] ?? 0,
      );
      if (isHttp && errors > 0 && answers === 0) {
        return [
          {
            at,
            problem: `Its program does not speak ${Protocol}: Envoy counts ${errors} protocol errors, and no good answer.`,
            fix: "Set `protocol` of the service to what its program speaks; tcp fits any.",
          },
        ];
      }
      return [];
    });
  },
};
