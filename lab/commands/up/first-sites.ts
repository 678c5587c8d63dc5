import type { Results, Run, Site } from "./run";

/** The datacenters whose servers start at boot: in a WAN federation only the primary. */
export function firstSites(run: Run, { sites }: Pick<Results, "sites">): readonly Site[] {
  return run.topology.join === "wan" ? sites.slice(0, 1) : sites;
}
