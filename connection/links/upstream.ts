import type { ConnectionFacts, Instance } from "../facts";
import { NotVisible, placeOf, seen, type Link, type LinkFinding } from "../link";
import { bindOf, upstreamsTo } from "../upstreams";

/** The upstream that the source's sidecar is registered with. */
export const upstream: Link = {
  id: "upstream",
  title: "the source has an upstream to the destination",
  find: (facts) => {
    const { source, destination } = facts.question;
    const instances = seen(facts.source);
    if (instances.length === 0) throw new NotVisible("the source has no instance");
    const proxies = instances.filter(({ kind }) => kind === "connect-proxy");
    const without = proxies.find((it) => !it.isTransparent && upstreamsTo(facts, it).length === 0);
    if (without === undefined) return proxies.flatMap((it) => remarksOf(facts, it));
    const names = without.upstreams.map(({ name }) => name);
    return [
      {
        at: placeOf(without),
        problem: `Its sidecar has no upstream to ${destination}${names.length === 0 ? "" : `; it has ${names.join(", ")}`}.`,
        fix: `Add it with connectTo or addUpstream of ${source}, and deploy the app.`,
      },
    ];
  },
};

/** What differs for requests that take a prepared query. */
function remarksOf(facts: ConnectionFacts, instance: Instance): LinkFinding[] {
  return upstreamsTo(facts, instance)
    .filter(({ isQuery }) => isQuery)
    .map((upstream) => ({
      level: "remark",
      at: placeOf(instance),
      problem: `Requests at ${bindOf(upstream)} go to the instances that the prepared query ${upstream.name} finds, without routes, splits and failovers of ${facts.question.destination}. Consul runs the query every 30 seconds.`,
    }));
}
