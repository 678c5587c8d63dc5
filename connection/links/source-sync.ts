import { requireEnvoys, placeOf, seen, type Link } from "../link";
import { syncFindings } from "../sync-findings";

/** Whether the source's Envoys get their configuration. */
export const sourceSync: Link = {
  id: "source-sync",
  title: "the source's Envoy gets its configuration from Consul",
  find: (facts) =>
    requireEnvoys(facts, seen(facts.source)).flatMap((it) => syncFindings(placeOf(it.instance), it.envoy)),
};
