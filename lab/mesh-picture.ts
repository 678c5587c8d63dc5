import type { Cluster } from "./cluster";
import type { JobStatus, UpstreamStatus } from "./services";

/** Who talks to whom, as the running cluster has it. */
export interface MeshPicture {
  /** Sidecars that have an upstream to a destination which lets them in. */
  readonly connections: readonly Connection[];
  /** What is odd about the mesh, one sentence each. */
  readonly remarks: readonly string[];
}

export interface Connection extends UpstreamStatus {
  /** The job whose sidecars hold the upstream. */
  readonly job: JobStatus;
  /** Whether only some requests are allowed, by L7 permissions. */
  readonly partly: boolean;
}

/** The config entry of one destination, as Consul gives it. */
export interface Intentions {
  readonly Name: string;
  readonly Sources: readonly {
    readonly Name: string;
    readonly Action?: string;
    readonly Permissions?: readonly unknown[] | null;
  }[];
}

/** Compares the upstreams of the running jobs with Consul's intentions. */
export async function readMeshPicture(cluster: Cluster, jobs: readonly JobStatus[]): Promise<MeshPicture> {
  const intentions = (await cluster.consul.get("/v1/config/service-intentions")) ?? [];
  return meshPicture(intentions as Intentions[], jobs, await readEnds(cluster, jobs));
}

/** Where requests for a name end, for those names that resolvers, splitters and routers say something of. */
async function readEnds(
  { consul }: Cluster,
  jobs: readonly JobStatus[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const kinds = ["service-resolver", "service-splitter", "service-router"];
  const entries = await Promise.all(kinds.map((kind) => consul.get(`/v1/config/${kind}`)));
  const ruled = new Set((entries as ({ Name: string }[] | undefined)[]).flatMap((of) => of ?? []).map((it) => it.Name));
  const destinations = new Set(jobs.flatMap(({ upstreams }) => upstreams.map(({ destination }) => destination)));
  const ends = [...destinations]
    .filter((destination) => ruled.has(destination))
    .map(async (destination): Promise<[string, readonly string[]]> => {
      const answer = (await consul.get(`/v1/discovery-chain/${destination}`)) as DiscoveryChain | undefined;
      // Of other clusters it is not known here whom they let in.
      const own = Object.values(answer?.Chain.Targets ?? {}).filter(({ Peer }) => !Peer);
      return [destination, [...new Set(own.map(({ Service }) => Service))]];
    });
  return new Map(await Promise.all(ends));
}

/** What is read of Consul's answer. */
interface DiscoveryChain {
  readonly Chain: { readonly Targets: Readonly<Record<string, { readonly Service: string; readonly Peer?: string }>> };
}

/** The same, from what is known. @param ends where requests for a name end, if not just at the service of that name */
export function meshPicture(
  intentions: readonly Intentions[],
  jobs: readonly JobStatus[],
  ends: ReadonlyMap<string, readonly string[]> = new Map(),
): MeshPicture {
  const wanted = jobs.flatMap((job) => job.upstreams.map((upstream) => ({ job, ...upstream })));
  const permissionFor = ({ source, destination }: UpstreamStatus) => {
    const permissions = new Set(
      (ends.get(destination) ?? [destination]).map((end) => permissionOf(intentions, source, end)),
    );
    return permissions.size === 1 ? [...permissions][0] : "some";
  };
  const connections = wanted.flatMap((it) => {
    const permission = permissionFor(it);
    return permission === "none" ? [] : [{ ...it, partly: permission === "some" }];
  });
  const refused = wanted
    .filter((upstream) => permissionFor(upstream) === "none")
    .map(
      ({ source, destination }) =>
        `${source} has an upstream to ${destination}, but no intention lets it in: every call is refused.`,
    );
  const lonely = jobs
    .filter(({ ports }) => ports.length === 0)
    .flatMap(({ services }) => services)
    .filter((service) => !intentions.some((it) => covers(it.Name, service) && it.Sources.some(allows)))
    .map((service) => `Nothing may reach ${service}: no intention allows it, and the mesh denies by default.`);
  const waiting = jobs
    .filter(({ awaitsPromotion }) => awaitsPromotion)
    .map(({ id }) => `Canaries of ${id} run beside it. Once they are to replace it: nomad job promote ${id}`);
  return { connections, remarks: [...new Set([...refused, ...lonely, ...waiting])] };
}

function permissionOf(intentions: readonly Intentions[], source: string, destination: string): "all" | "some" | "none" {
  // Exact names go before wildcards, the destination's first: Consul's own order of precedence.
  const ranked = intentions
    .filter(({ Name }) => covers(Name, destination))
    .flatMap(({ Name, Sources }) => Sources.map((it) => ({ destination: Name, ...it })))
    .filter((it) => covers(it.Name, source))
    .sort(
      (a, b) =>
        Number(a.destination === "*") - Number(b.destination === "*") ||
        Number(a.Name === "*") - Number(b.Name === "*"),
    );
  const first = ranked.at(0);
  if (!first || !allows(first)) return "none";
  return first.Permissions?.length ? "some" : "all";
}

function allows({ Action, Permissions }: Intentions["Sources"][number]): boolean {
  return Action === "allow" || (Permissions?.length ?? 0) > 0;
}

function covers(pattern: string, name: string): boolean {
  return pattern === "*" || pattern === name;
}
