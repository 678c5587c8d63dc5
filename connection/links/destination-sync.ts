import { receivers } from "../branches";
import { placeOf, requireEnvoys, type Link } from "../link";
import { syncFindings } from "../sync-findings";

/** Whether the destination's Envoys get their configuration. */
export const destinationSync: Link = {
  id: "destination-sync",
  title: "the destination's Envoy gets its configuration from Consul",
  find: (facts) => requireEnvoys(facts, receivers(facts)).flatMap((it) => syncFindings(placeOf(it.instance), it.envoy)),
};
