import { receivers } from "../branches";
import { NotVisible, type Link } from "../link";
import { sidecarFindings } from "../sidecar-findings";

/** The Envoys of the destination. */
export const destinationSidecar: Link = {
  id: "destination-sidecar",
  title: "the destination's Envoy runs",
  find: (facts) => {
    const instances = receivers(facts).filter(({ id }) => id in facts.envoys);
    if (instances.length === 0) throw new NotVisible("no healthy instance of the destination is known here");
    return sidecarFindings(facts, instances);
  },
};
