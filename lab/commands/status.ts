import { areReady, problemsOfAgents, readAgents, type AgentStatus } from "../cluster/agents";
import { Cluster } from "../cluster/cluster";
import { driftOf } from "../apply/drift";
import { warningsOfHosts } from "./host-tool";
import { Lab } from "../hosts/lab";
import { readMeshPicture, type MeshPicture } from "../cluster/mesh-picture";
import { readFederation } from "../cluster/federation";
import { problemsOfPeerings, readPeerings, type PeeringStatus } from "../cluster/peering";
import { isHealthy, type JobStatus } from "../cluster/job-status";
import { readJobs } from "../cluster/read-jobs";
import { isEngine } from "../cluster/published";
import type { Listener } from "../hosts/state";
import { hostsOf, vaultHost, type LabHost } from "../hosts/topology";
import { tryMesh } from "../cluster/verify";
import { vaultState, type VaultState } from "../cluster/vault";
import { invocation } from "../core/invocation";

export interface HostStatus extends LabHost, Pick<AgentStatus, "consul" | "nomad"> {
  readonly datacenter: string;
  readonly running: boolean;
}

export interface VaultStatus {
  readonly host: string;
  readonly address: string;
  readonly running: boolean;
  readonly state: VaultState;
}

export interface LabStatus {
  readonly name: string;
  readonly exists: boolean;
  /** Whether every host, agent, service and peering is as it should be, and everything as the app says. */
  readonly healthy: boolean;
  readonly hosts: readonly HostStatus[];
  readonly jobs: readonly JobStatus[];
  /** The host of Vault and how Vault is there, in a lab that has one. */
  readonly vault?: VaultStatus;
  readonly listeners: readonly Listener[];
  readonly mesh: MeshPicture;
  /** How each two datacenters are joined. */
  readonly peerings: readonly PeeringStatus[];
  /** What is wrong beyond hosts, agents and instances, one sentence each. */
  readonly problems: readonly string[];
  /** What endangers hosts of a secure lab: clocks, disks, memory, one sentence each. It does no harm yet. */
  readonly dangers: readonly string[];
  /** Why something could not be found out, as a sentence. */
  readonly problem?: string;
}

/** How long a connection or a page may fail before that counts, in milliseconds. */
const settlingMs = 3_000;

/**
 * How a lab is. Changes nothing, and also answers while half of the lab is gone. Where all else is well it sends a request
 * through each connection of the mesh, as `up` does.
 */
export async function status(name: string): Promise<LabStatus> {
  const lab = new Lab(name);
  const { topology, listeners } = lab;
  const vault = topology?.vault ? await vaultStatus(lab) : undefined;
  const known = { name, exists: lab.exists, listeners, ...(vault && { vault }) };
  const nothing = {
    jobs: [],
    mesh: { connections: [], refused: [], remarks: [] },
    peerings: [],
    problems: [],
    dangers: [],
  };
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
    const dangers = warningsOfHosts(lab);
    const clusters = Cluster.all(lab);
    const agents = (
      await Promise.all(clusters.map((cluster, index) => readAgents(cluster, topology.datacenters[index])))
    ).flat();
    const jobs = (await Promise.all(clusters.map((cluster) => readJobs(cluster)))).flat();
    const isFederated = topology.join === "wan";
    const mesh = await readMeshPicture(clusters, jobs, isFederated);
    const peerings = await (isFederated ? readFederation(clusters) : readPeerings(clusters));
    const isWell =
      hosts(agents).every(({ running }) => running) && areReady(agents) && jobs.every((job) => isHealthy(job));
    const gateways = new Set(jobs.filter((job) => job.isMeshGateway).map(({ datacenter }) => datacenter));
    const drift = await driftOf(lab, clusters);
    const found = [
      ...problemsOfAgents(agents, (host) => lab.execOn(host)),
      ...problemsOfPeerings(peerings, gateways),
      ...(vault ? problemsOfVault(vault) : []),
      ...drift.changed,
      ...drift.foreign,
    ];
    const published = listeners.filter((it) => !isEngine(it));
    const { problems } = isWell
      ? await tryMesh(clusters, mesh, published, {
          settlingMs,
          initOf: (host) => lab.initOf(host),
          hosts: topology.datacenters.flatMap((it) => hostsOf(it, "client")),
        })
      : { problems: [] };
    const all = [...found, ...problems];
    const healthy = isWell && all.length === 0;
    return { ...known, healthy, hosts: hosts(agents), jobs, mesh, peerings, problems: all, dangers: await dangers };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { ...known, ...nothing, healthy: false, hosts: hosts([]), problem };
  }
}

async function vaultStatus(lab: Lab): Promise<VaultStatus> {
  const { name, address } = vaultHost;
  return { host: name, address, running: lab.initOf(name) !== undefined, state: await vaultState(lab) };
}

function problemsOfVault({ host, running, state }: VaultStatus): string[] {
  if (running && state === "ready") return [];
  const how = running ? state : "not running";
  return [`Vault on ${host} is ${how}. Run \`${invocation("up")}\` to repair the lab.`];
}
