import { datacenterOf, type SynthesizedStack } from "../../apply/synthesized";
import { awaitFederation, awaitMeshCa } from "../../cluster/federation";
import { readJobs } from "../../cluster/read-jobs";
import { openGate } from "../../hosts/host";
import { hostsOf } from "../../hosts/topology";
import { applyAccess } from "./access";
import { awaitAgents, awaitServers } from "./agents";
import { clustersOf, type Results, type Run, type Site } from "./run";
import { awaitJobs } from "./services";
import { trustIdentities } from "./vault";

/** How the datacenters outside the primary start while the stacks are applied. */
export interface FederationStart {
  /** Starts them before the first stack if the primary has mesh gateways from an earlier apply. */
  readonly early: () => Promise<void>;
  /** Starts them before the first stack of one of them. */
  readonly beforeStack: (stack: SynthesizedStack) => Promise<void>;
  /** Starts them unless that is done. */
  readonly now: () => Promise<void>;
}

/**
 * Consul's servers outside the primary start when the mesh gateways of the primary run. Those that cannot reach the primary would try
 * again after ever longer waits, of up to four minutes.
 *
 * @returns undefined if the lab is no WAN federation
 */
export function federationStart(
  run: Run,
  [primary, ...others]: readonly Site[],
  onProgress: (line: string) => void,
): FederationStart | undefined {
  if (run.topology.join !== "wan") return undefined;
  let started: Promise<void> | undefined;
  const start = async () => {
    onProgress("waits for the mesh gateways of the primary");
    await awaitJobs(run, [primary], "the mesh gateways", ({ isMeshGateway }) => isMeshGateway);
    onProgress(`starts the servers of ${others.map(({ datacenter }) => datacenter.name).join(" and ")}`);
    for (const { datacenter } of others) {
      for (const { name } of hostsOf(datacenter, "server")) openGate(run.lab.files, name);
    }
    await awaitServers(run, others);
    if (run.isSecure) await applyAccess(run, others, onProgress);
    if (run.topology.vault) await trustIdentities(run, others);
    await awaitAgents(run, others);
    // Before that, Consul refuses another configuration of it.
    await awaitMeshCa(clustersOf(others), run.patience);
  };
  const now = () => (started ??= start());
  return {
    now,
    early: async () => {
      if ((await readJobs(primary.cluster)).some(({ isMeshGateway }) => isMeshGateway)) await now();
    },
    beforeStack: async (stack) => {
      if (others.some(({ datacenter }) => datacenter.name === datacenterOf(stack))) await now();
    },
  };
}

/** Waits until the datacenters of a WAN federation reach each other: a sidecar of a secondary needs the CA of the primary. */
export function federate(run: Run, { sites }: Results): Promise<void> {
  return awaitFederation(clustersOf(sites), run.patience);
}
