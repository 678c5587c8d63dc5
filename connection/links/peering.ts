import { branchesIn } from "../branches";
import { seen, type Link, type LinkFinding } from "../link";

/** The peerings that targets are reached through. */
export const peering: Link = {
  id: "peering",
  title: "the destination's cluster is connected",
  find: (facts) => {
    const names = new Set(branchesIn(facts).flatMap(({ target }) => (target.Peer ? [target.Peer] : [])));
    if (names.size === 0) return [];
    const peerings = seen(facts.peerings);
    return [...names].flatMap((name): LinkFinding[] => {
      const found = peerings.find(({ Name }) => Name === name);
      if (found?.State === "ACTIVE") return [];
      return [
        {
          at: `the peering ${name}`,
          problem: found ? `Its state is ${found.State}, not ACTIVE.` : "Consul has no peering of this name.",
          fix: "Establish the peering, and check that the servers, or the mesh gateways, of both clusters reach each other.",
        },
      ];
    });
  },
};
