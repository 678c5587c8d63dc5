import { receivers } from "../branches";
import { identityIn, leafOf } from "../certificates";
import { decisionsOf } from "../decisions";
import { NotVisible, envoysOf, placeOf, requireEnvoys, seen, type Link, type LinkFinding } from "../link";
import { isAllowed } from "../rbac";

/** The intentions as the destination's Envoys have them. */
export const accessRules: Link = {
  id: "access-rules",
  title: "the destination's Envoy has these intentions",
  find: (facts) => {
    const [caller] = envoysOf(facts, seen(facts.source));
    const principal = identityIn(leafOf((caller as typeof caller | undefined)?.envoy.certificates ?? []));
    if (principal === undefined) throw new NotVisible("the certificate of the source is not known");
    const decisions = decisionsOf(facts);
    return requireEnvoys(facts, receivers(facts)).flatMap(({ instance, envoy }): LinkFinding[] => {
      const listener = envoy.listeners.find(
        ({ port, name }) => port === instance.port && name.startsWith("public_listener"),
      );
      if (listener === undefined || instance.kind !== "connect-proxy") return [];
      const answers = listener.rbac.map((rules) => isAllowed(rules, principal, facts.question.request));
      const { decision } = decisions.find(({ service }) => service === instance.service) ?? {};
      const why = envoy.isConnected
        ? "it has not got the intention yet"
        : "it is stale, since it is not connected to Consul's gRPC port";
      if (answers.includes(false) && decision?.allowed !== "no") {
        return [
          {
            at: placeOf(instance),
            problem: `Its Envoy refuses ${facts.question.source}, although Consul's intentions allow it: ${why}.`,
            fix: "Check Consul's agent on the node of the destination, then restart the sidecar.",
          },
        ];
      }
      if (answers.every((it) => it === true) && decision?.allowed === "no") {
        return [
          {
            level: "remark",
            at: placeOf(instance),
            problem: `Its Envoy still lets ${facts.question.source} in: ${why}.`,
          },
        ];
      }
      return [];
    });
  },
};
