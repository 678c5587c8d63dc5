import { NotVisible, seen, type Link } from "../link";
import { sidecarFindings } from "../sidecar-findings";

/** The Envoys of the source. */
export const sourceSidecar: Link = {
  id: "source-sidecar",
  title: "the source's Envoy runs",
  find: (facts) => {
    const instances = seen(facts.source).filter(({ kind }) => kind !== "plain");
    if (instances.length === 0) throw new NotVisible("the source has no instance");
    return sidecarFindings(facts, instances);
  },
};
