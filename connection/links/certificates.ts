import { receivers } from "../branches";
import { isTrusted, leafOf } from "../certificates";
import type { EnvoyView } from "../envoy-view";
import { NotVisible, envoysOf, placeOf, seen, type Link, type LinkFinding } from "../link";

/** The certificates of both sides. */
export const certificates: Link = {
  id: "certificates",
  title: "both sides have valid certificates of the same authority",
  find: (facts) => {
    const [sources, destinations] = [seen(facts.source), receivers(facts)].map((its) => envoysOf(facts, its));
    if (sources.length + destinations.length === 0) throw new NotVisible("no Envoy of either side answers");
    const now = Date.parse(facts.asOf);
    const own = [...sources, ...destinations].flatMap(({ instance, envoy }) => validity(placeOf(instance), envoy, now));
    const trust = sources.flatMap((one) =>
      destinations.flatMap((other) => [
        ...trustFindings(placeOf(one.instance), one.envoy, placeOf(other.instance), other.envoy),
        ...trustFindings(placeOf(other.instance), other.envoy, placeOf(one.instance), one.envoy),
      ]),
    );
    return [...own, ...trust];
  },
};

function validity(at: string, { certificates: chain }: EnvoyView, now: number): LinkFinding[] {
  const leaf = leafOf(chain);
  if (leaf === undefined) {
    return [
      {
        at,
        problem: "Its Envoy has no certificate.",
        fix: "Check that Consul's CA works: `meshform check`, and restart the sidecar.",
      },
    ];
  }
  const [from, until] = [leaf.validFrom, leaf.validTo].map((text) => Date.parse(text));
  const fix = "Check Consul's agent on the node, which renews it, and the clocks of nodes and servers.";
  if (now > until) return [{ at, problem: `Its certificate expired at ${new Date(until).toISOString()}.`, fix }];
  if (now < from) return [{ at, problem: `Its certificate is valid only from ${new Date(from).toISOString()}.`, fix }];
  // Consul renews a leaf long before.
  if (until - now < (until - from) / 10) {
    return [
      {
        level: "remark",
        at,
        problem: `Its certificate expires at ${new Date(until).toISOString()}, and was not renewed.`,
        fix,
      },
    ];
  }
  return [];
}

function trustFindings(at: string, own: EnvoyView, peer: string, other: EnvoyView): LinkFinding[] {
  if (own.certificates.length === 0 || other.roots.length === 0 || isTrusted(own.certificates, other.roots)) return [];
  return [
    {
      at,
      problem: `Its certificate is not of an authority that the Envoy of ${peer} trusts.`,
      fix: "One of the two has an old root: restart both sidecars, and check `consul connect ca get-config`.",
    },
  ];
}
