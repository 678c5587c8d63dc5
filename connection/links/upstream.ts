import { NotVisible, placeOf, seen, type Link } from "../link";

/** The upstream that the source's sidecar is registered with. */
export const upstream: Link = {
  id: "upstream",
  title: "the source has an upstream to the destination",
  find: (facts) => {
    const { source, destination } = facts.question;
    const instances = seen(facts.source);
    if (instances.length === 0) throw new NotVisible("the source has no instance");
    const proxies = instances.filter(({ kind }) => kind === "connect-proxy");
    const without = proxies.find((it) => !it.isTransparent && !it.upstreams.some(({ name }) => name === destination));
    if (without === undefined) return [];
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
