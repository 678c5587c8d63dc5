import { WELL_KNOWN_TOKENS } from "../../constructs/consul/well-known-tokens";
import { ask, type Cluster } from "./cluster";
import { hostsOf, type Datacenter } from "../hosts/topology";

/** How the two agents of a host are, as their own clusters see them. */
export interface AgentStatus {
  readonly host: string;
  /** `alive`, `no vote` for a server that is alive and not yet counted among the servers, `failed`, `left`, or `absent` if unknown. */
  readonly consul: string;
  /**
   * For a server as with Consul; for a client `ready`, `draining` or `ineligible` where an operator has said so, `down`,
   * `initializing` or `no Consul`; `absent` if unknown.
   */
  readonly nomad: string;
  /** Id of the client's node. @default it is a server, or unknown */
  readonly node?: string;
  /** A server of the same cluster, whose commands may do everything. @default it is one itself */
  readonly server?: string;
}

interface ConsulMember {
  readonly Name: string;
  readonly Status: number;
  readonly Tags: MemberTags;
}

interface NomadMember {
  readonly Name: string;
  readonly Status: string;
  readonly Tags: MemberTags;
}

interface MemberTags {
  /** Which agent it is: another one once the host was recreated. */
  readonly id?: string;
}

interface NomadNode {
  readonly ID: string;
  readonly Name: string;
  readonly Status: string;
  readonly Drain: boolean;
  readonly SchedulingEligibility: string;
}

/** The servers that an engine's elections count. */
interface RaftConfiguration {
  readonly Servers: readonly { readonly ID: string; readonly Voter: boolean }[];
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
  const raft = "/v1/operator/raft/configuration";
  const [consulMembers, nomadServers, nomadNodes, consulRaft, nomadRaft] = await Promise.all([
    ask(cluster.consul, "/v1/agent/members") as Promise<ConsulMember[] | undefined>,
    ask(cluster.nomad, "/v1/agent/members") as Promise<{ Members?: NomadMember[] } | undefined>,
    ask(cluster.nomad, "/v1/nodes") as Promise<NomadNode[] | undefined>,
    ask(cluster.consul, raft) as Promise<RaftConfiguration | undefined>,
    ask(cluster.nomad, raft) as Promise<RaftConfiguration | undefined>,
  ]);
  const servers = hostsOf(datacenter, "server").map(({ name }) => name);
  return Promise.all(
    datacenter.hosts.map(async ({ name }) => {
      const member = consulMembers?.find(({ Name }) => Name === name);
      const server = nomadServers?.Members?.find(({ Name }) => Name.startsWith(`${name}.`));
      // A node that was lost and came back under another id is listed twice; the living one counts.
      const nodes = (nomadNodes ?? []).filter(({ Name }) => Name === name);
      const node = nodes.find(({ Status }) => Status === "ready") ?? nodes.at(0);
      const consul = (member && serfStates.at(member.Status)) ?? "absent";
      if (!servers.includes(name)) {
        return { host: name, consul, nomad: await nodeStatus(cluster, node), node: node?.ID, server: servers.at(0) };
      }
      return {
        host: name,
        consul: withVote(consul, member, consulRaft),
        nomad: withVote(server?.Status ?? "absent", server, nomadRaft),
      };
    }),
  );
}

/** What an operator has said of a client, and nobody else takes back: no reason to wait. */
const unschedulable = ["draining", "ineligible"];

/** Whether every agent does its part: each server has its vote, and jobs with sidecars can be placed on every client that takes any. */
export function areReady(agents: readonly AgentStatus[]): boolean {
  return agents.every(
    ({ consul, nomad }) =>
      consul === "alive" && (nomad === "alive" || nomad === "ready" || unschedulable.includes(nomad)),
  );
}

/**
 * The clients that take no jobs, since an operator has said so, one sentence each.
 *
 * @param exec what runs a command on a host
 */
export function problemsOfAgents(agents: readonly AgentStatus[], exec: (host: string) => string): string[] {
  return agents
    .filter(({ nomad }) => unschedulable.includes(nomad))
    .map(
      ({ host, nomad, node = "", server = host }) =>
        `Nomad does not place allocations on ${host}, which is ${nomad}. ` +
        `To make it eligible: ${exec(server)} nomad node eligibility -enable ${node.slice(0, 8)}`,
    );
}

/**
 * A server that joins is alive before it has a vote. Until then the others decide alone: if one of them is replaced meanwhile,
 * too few are left to elect a leader.
 */
function withVote(
  status: string,
  member: ConsulMember | NomadMember | undefined,
  raft: RaftConfiguration | undefined,
): string {
  const votes = raft?.Servers.some(({ ID, Voter }) => Voter && ID === member?.Tags.id);
  return status === "alive" && !votes ? "no vote" : status;
}

/** A node that has not found its Consul agent's gRPC port is of no use to the mesh, however ready Nomad calls it. */
async function nodeStatus({ nomad }: Cluster, node: NomadNode | undefined): Promise<string> {
  if (node?.Status !== "ready") return node?.Status ?? "absent";
  if (node.Drain) return "draining";
  if (node.SchedulingEligibility !== "eligible") return "ineligible";
  const details = (await ask(nomad, `/v1/node/${node.ID}`)) as { Attributes?: Record<string, string> } | undefined;
  return Number(details?.Attributes?.["consul.grpc"]) > 0 ? "ready" : "no Consul";
}
