import { WELL_KNOWN_TOKENS } from "../constructs/consul/well-known-tokens";
import { ask, type Cluster } from "./cluster";
import { hostsOf, type Datacenter } from "./topology";

/** How the two agents of a host are, as their own clusters see them. */
export interface AgentStatus {
  readonly host: string;
  /** `alive`, `failed`, `left`, or `absent` if Consul does not know it. */
  readonly consul: string;
  /** For a server `alive` and so on, for a client `ready`, `down`, `initializing` or `no Consul`; `absent` if unknown. */
  readonly nomad: string;
}

interface ConsulMember {
  readonly Name: string;
  readonly Status: number;
}

interface NomadMember {
  readonly Name: string;
  readonly Status: string;
}

interface NomadNode {
  readonly ID: string;
  readonly Name: string;
  readonly Status: string;
}

/** The states of a member in Serf's numbers. */
const serfStates = ["none", "alive", "leaving", "left", "failed"];

/** Whether each cluster has a leader, and Nomad its keyring, without which it refuses clients. */
export async function haveLeaders({ consul, nomad }: Cluster): Promise<boolean> {
  const [consulLeader, nomadLeader, keys] = await Promise.all([
    ask(consul, "/v1/status/leader"),
    ask(nomad, "/v1/status/leader"),
    ask(nomad, "/.well-known/jwks.json") as Promise<{ keys?: unknown[] } | undefined>,
  ]);
  return Boolean(consulLeader) && Boolean(nomadLeader) && (keys?.keys?.length ?? 0) > 0;
}

/** Whether both engines know the lab's own tokens, and Consul those that the access rules are about. */
export async function areBootstrapped({ consul, nomad }: Cluster): Promise<boolean> {
  const tokens = Object.values(WELL_KNOWN_TOKENS).map((accessor) => ask(consul, `/v1/acl/token/${accessor}`));
  const answers = await Promise.all([...tokens, ask(nomad, "/v1/acl/token/self")]);
  return answers.every((answer) => answer !== undefined);
}

/** How all agents of a datacenter are. */
export async function readAgents(cluster: Cluster, datacenter: Datacenter): Promise<AgentStatus[]> {
  const [consulMembers, nomadServers, nomadNodes] = await Promise.all([
    ask(cluster.consul, "/v1/agent/members") as Promise<ConsulMember[] | undefined>,
    ask(cluster.nomad, "/v1/agent/members") as Promise<{ Members?: NomadMember[] } | undefined>,
    ask(cluster.nomad, "/v1/nodes") as Promise<NomadNode[] | undefined>,
  ]);
  const servers = hostsOf(datacenter, "server").map(({ name }) => name);
  return Promise.all(
    datacenter.hosts.map(async ({ name }) => {
      const member = consulMembers?.find(({ Name }) => Name === name);
      const server = nomadServers?.Members?.find(({ Name }) => Name.startsWith(`${name}.`));
      // A node that was lost and came back under another id is listed twice; the living one counts.
      const nodes = (nomadNodes ?? []).filter(({ Name }) => Name === name);
      const node = nodes.find(({ Status }) => Status === "ready") ?? nodes.at(0);
      return {
        host: name,
        consul: (member && serfStates.at(member.Status)) ?? "absent",
        nomad: servers.includes(name) ? (server?.Status ?? "absent") : await nodeStatus(cluster, node),
      };
    }),
  );
}

/** Whether jobs with sidecars can be placed on every client. */
export function areReady(agents: readonly AgentStatus[]): boolean {
  return agents.every(({ consul, nomad }) => consul === "alive" && (nomad === "alive" || nomad === "ready"));
}

/** A node that has not found its Consul agent's gRPC port is of no use to the mesh, however ready Nomad calls it. */
async function nodeStatus({ nomad }: Cluster, node: NomadNode | undefined): Promise<string> {
  if (node?.Status !== "ready") return node?.Status ?? "absent";
  const details = (await ask(nomad, `/v1/node/${node.ID}`)) as { Attributes?: Record<string, string> } | undefined;
  return Number(details?.Attributes?.["consul.grpc"]) > 0 ? "ready" : "no Consul";
}
