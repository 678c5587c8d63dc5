import { nameOfTarget, servingTargets } from "../branches";
import { placeOf, requireEnvoys, seen, type Link, type LinkFinding } from "../link";

/** Limits of the upstream that are reached now. */
export const limits: Link = {
  id: "limits",
  title: "the limits of the upstream are not reached",
  find: (facts) => {
    const targets = servingTargets(facts);
    return requireEnvoys(facts, seen(facts.source)).flatMap(({ instance, envoy }) =>
      targets.flatMap((target): LinkFinding[] => {
        const open = Object.keys(envoy.counters).filter((name) => name.includes(target.Name) && name.endsWith("_open"));
        if (open.length === 0) return [];
        const what = [...new Set(open.map((name) => /([a-z_]+)_open$/.exec(name)?.[1] ?? ""))];
        return [
          {
            at: placeOf(instance),
            problem: `Its Envoy sheds requests for ${nameOfTarget(target, facts)}: the limit of ${what.join(", ")} is reached.`,
            fix: "Raise `limits` of the upstream, or reduce the load.",
          },
        ];
      }),
    );
  },
};
