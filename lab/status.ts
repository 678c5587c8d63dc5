import { areReady, readAgents, type AgentStatus } from "./agents";
import { Cluster } from "./cluster";
import { Lab } from "./lab";
import { readMeshPicture, type MeshPicture } from "./mesh-picture";
import { readPeerings, type PeeringStatus } from "./peering";
import { isHealthy, readJobs, type JobStatus } from "./services";
import type { Listener } from "./state";
import type { LabHost } from "./topology";

export interface HostStatus extends LabHost, Omit<AgentStatus, "host"> {
  readonly datacenter: string;
  readonly running: boolean;
}

export interface LabStatus {
  readonly name: string;
  readonly exists: boolean;
  /** Whether every host, agent, service and peering is as it should be. */
  readonly healthy: boolean;
  readonly hosts: readonly HostStatus[];
  readonly jobs: readonly JobStatus[];
  readonly listeners: readonly Listener[];
  readonly mesh: MeshPicture;
  /** How each two datacenters are joined. */
  readonly peerings: readonly PeeringStatus[];
  /** Why something could not be found out, as a sentence. */
  readonly problem?: string;
}

/** How a lab is. Changes nothing, and also answers while half of the lab is gone. */
export async function status(name: string): Promise<LabStatus> {
  const lab = new Lab(name);
  const { topology, listeners } = lab;
  const known = { name, exists: lab.exists, listeners };
  const nothing = { jobs: [], mesh: { connections: [], remarks: [] }, peerings: [] };
  const hosts = (agents: readonly AgentStatus[]) =>
    (topology?.datacenters ?? []).flatMap((datacenter) =>
      datacenter.hosts.map((host) => {
        const { consul = "unknown", nomad = "unknown" } = agents.find((it) => it.host === host.name) ?? {};
        const running = lab.initOf(host.name) !== undefined;
        return { ...host, datacenter: datacenter.name, running, consul, nomad };
      }),
    );
  try {
    if (!topology) return { ...known, ...nothing, healthy: false, hosts: [] };
    const clusters = Cluster.all(lab);
    const agents = (
      await Promise.all(clusters.map((cluster, index) => readAgents(cluster, topology.datacenters[index])))
    ).flat();
    const jobs = (await Promise.all(clusters.map(readJobs))).flat();
    const mesh = await readMeshPicture(clusters, jobs);
    const peerings = await readPeerings(clusters);
    const healthy =
      hosts(agents).every(({ running }) => running) &&
      areReady(agents) &&
      jobs.every(isHealthy) &&
      peerings.every(({ state }) => state === "ACTIVE" || state === "absent");
    return { ...known, healthy, hosts: hosts(agents), jobs, mesh, peerings };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { ...known, ...nothing, healthy: false, hosts: hosts([]), problem };
  }
}
