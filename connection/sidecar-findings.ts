import type { ConnectionFacts, EnvoyFact, Instance } from "./facts";
import { NotVisible, placeOf, type LinkFinding } from "./link";

/** What is wrong with the Envoys of instances. @throws NotVisible if none of them could be asked */
export function sidecarFindings(facts: ConnectionFacts, instances: readonly Instance[]): LinkFinding[] {
  const asked = instances.flatMap((instance) => {
    const fact = facts.envoys[instance.id];
    return fact === undefined ? [] : [{ instance, fact }];
  });
  const hidden = asked.flatMap(({ fact }) => ("envoy" in fact || fact.kind !== "hidden" ? [] : [fact.words]));
  if (asked.length > 0 && hidden.length === asked.length) throw new NotVisible(hidden[0]);
  return asked.flatMap(({ instance, fact }) => findingsOf(instance, fact));
}

function findingsOf(instance: Instance, fact: EnvoyFact): LinkFinding[] {
  const at = placeOf(instance);
  if ("envoy" in fact) {
    const { state, isConnected } = fact.envoy;
    if (state === "LIVE") return [];
    return [
      {
        at,
        problem: `Its Envoy is ${state}: it ${isConnected ? "waits for a part of" : "has not got"} its configuration from Consul.`,
        fix: "Check that Consul's agent runs on the node, and its gRPC port: `meshform check`.",
      },
    ];
  }
  switch (fact.kind) {
    case "stopped":
      return [
        {
          at,
          problem: `Its Envoy does not run: ${fact.words}.`,
          fix: `Read \`meshform logs ${instance.service} --sidecar\`, and restart the allocation.`,
        },
      ];
    case "silent":
      return [
        {
          at,
          problem: `Its Envoy does not answer: ${fact.words}.`,
          fix: "It is paused, or overloaded: restart its task.",
        },
      ];
    case "hidden":
      return [{ level: "remark", at, problem: `Its Envoy could not be asked: ${fact.words}.` }];
  }
}
