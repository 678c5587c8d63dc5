import type { ConfigEntries, World } from "../../constructs/model/config-entries";
import { ANY_SERVICE } from "../../constructs/consul/service-intentions";
import { reach } from "../../constructs/model/reach";
import type { Cluster } from "./cluster";
import { readConfigEntries } from "./config-entries";
import { queryAnswering, type PreparedQuery } from "./prepared-query";
import { destinationDatacenter, type JobStatus, type UpstreamStatus } from "./job-status";

/** Connections, as the running cluster has it. */
export interface MeshPicture {
  /** Sidecars that have an upstream, or a transparent proxy, to a destination which lets them in. */
  readonly connections: readonly Connection[];
  /** Upstreams that no intention lets in, one sentence each. */
  readonly refused: readonly string[];
  /** What is odd about the mesh, one sentence each. */
  readonly remarks: readonly string[];
}

export interface Connection extends Omit<UpstreamStatus, "localPort" | "isQuery"> {
  /** The job of the source. */
  readonly job: JobStatus;
  /** Port of the upstream. @default none: with a transparent proxy, the source uses the virtual address of the destination */
  readonly localPort?: number;
  /** The prepared query by which the source finds the destination. @default none */
  readonly query?: string;
  /** Whether only some requests are allowed, by L7 permissions. */
  readonly partly: boolean;
}

/**
 * Compares the upstreams of the running jobs with the intentions of their destinations.
 *
 * @param clusters all of the lab
 * @param isFederated whether they are joined by WAN federation
 */
export async function readMeshPicture(
  clusters: readonly Cluster[],
  jobs: readonly JobStatus[],
  isFederated: boolean,
): Promise<MeshPicture> {
  const entries = clusters.map(async (cluster): Promise<[string, ConfigEntries]> => [
    cluster.datacenter,
    await readConfigEntries(cluster),
  ]);
  const federated = isFederated ? [clusters.map(({ datacenter }) => datacenter)] : [];
  const world = { entries: new Map(await Promise.all(entries)), federated };
  const pictures = await Promise.all(
    clusters.map(async (cluster) => {
      const { datacenter } = cluster;
      const own = jobs.filter((job) => job.datacenter === datacenter);
      return meshPicture(datacenter, world, own, await readQueries(cluster, own));
    }),
  );
  return {
    connections: pictures.flatMap(({ connections }) => connections),
    refused: [...new Set(pictures.flatMap(({ refused }) => refused))],
    remarks: [...new Set(pictures.flatMap(({ remarks }) => remarks))],
  };
}

/** The service that the prepared query of each upstream looks up, by the name that is asked. */
async function readQueries({ consul }: Cluster, jobs: readonly JobStatus[]): Promise<ReadonlyMap<string, string>> {
  if (!jobs.some(({ upstreams }) => upstreams.some(({ isQuery }) => isQuery))) return new Map();
  const queries = ((await consul.get("/v1/query")) ?? []) as PreparedQuery[];
  const asked = jobs.flatMap(({ upstreams }) => upstreams.flatMap((it) => (it.isQuery ? [it.destination] : [])));
  return new Map(
    asked.flatMap((name) => {
      const service = queryAnswering(queries, name)?.service;
      return service === undefined ? [] : [[name, service] as const];
    }),
  );
}

/**
 * The same for one datacenter, from what is known.
 *
 * @param world the config entries of each datacenter, by its name, which is also what its cluster peers call it
 * @param queries the service that each prepared query looks up
 */
export function meshPicture(
  datacenter: string,
  world: World,
  jobs: readonly JobStatus[],
  queries: ReadonlyMap<string, string> = new Map(),
): MeshPicture {
  // Of clusters outside of the lab it is not known here whom they let in.
  const isKnown = ({ peer, datacenter: there = peer }: UpstreamStatus) =>
    there === undefined || world.entries.has(there);
  const upstreams = jobs.flatMap((job) => job.upstreams.filter(isKnown).map((upstream) => ({ job, ...upstream })));
  const wanted = upstreams.flatMap(({ isQuery, ...upstream }) => {
    if (!isQuery) return [upstream];
    const service = queries.get(upstream.destination);
    return service === undefined ? [] : [{ ...upstream, destination: service, query: upstream.destination }];
  });
  const unknown = upstreams
    .filter(({ isQuery, destination }) => isQuery && !queries.has(destination))
    .map(
      ({ source, destination }) =>
        `${source} has an upstream to the prepared query ${destination}, but Consul does not say which service it looks up.`,
    );
  const permissionFor = ({ source, destination, ...to }: Omit<UpstreamStatus, "localPort">) => {
    const there = destinationDatacenter(to, datacenter);
    return reach(world, { datacenter, service: source }, { datacenter: there, service: destination }).allowed;
  };
  const candidates = [...wanted, ...virtualConnections(jobs, world.entries.get(datacenter))];
  const connections = candidates.flatMap((it) => {
    const allowed = permissionFor(it);
    return allowed === "no" ? [] : [{ ...it, partly: allowed !== "all" }];
  });
  const refused = wanted
    .filter((upstream) => permissionFor(upstream) === "no")
    .map(
      ({ source, destination }) =>
        `${source} has an upstream to ${destination}, but no intention allows it: every connection is refused.`,
    );
  const lonely = jobs
    .filter(({ ports }) => ports.length === 0)
    .flatMap(({ services }) => services.filter(({ isDestination }) => isDestination))
    .filter(({ name }) => !isReachable(world.entries.get(datacenter), name))
    .map(
      ({ name: service }) => `Nothing can reach ${service}: no intention allows it, and the mesh denies by default.`,
    );
  const waiting = jobs
    .filter(({ awaitsPromotion }) => awaitsPromotion)
    .map(
      ({ id }) =>
        `Canaries of ${id} are waiting for promotion. To replace the other instances: nomad job promote ${id}`,
    );
  return { connections, refused: [...new Set(refused)], remarks: [...new Set([...lonely, ...unknown, ...waiting])] };
}

/** Services with a transparent proxy reach all that names them in an intention; those for any source would be too many to try. */
function virtualConnections(
  jobs: readonly JobStatus[],
  entries: ConfigEntries | undefined,
): Omit<Connection, "partly">[] {
  const isNamed = (destination: string, source: string) =>
    (entries?.find("service-intentions", destination)?.Sources ?? []).some(
      ({ Name, Peer }) => Name === source && !Peer,
    );
  const services = jobs.flatMap((job) => job.services.map((service) => ({ job, ...service })));
  const destinations = new Set(services.filter(({ isDestination }) => isDestination).map(({ name }) => name));
  return services
    .filter(({ isTransparent }) => isTransparent)
    .flatMap(({ job, name: source, group }) =>
      [...destinations]
        .filter((destination) => isNamed(destination, source))
        .filter((destination) => !job.upstreams.some((it) => it.source === source && it.destination === destination))
        .map((destination) => ({ job, source, group, destination })),
    );
}

/** Whether any intention lets any source reach a service. */
function isReachable(entries: ConfigEntries | undefined, service: string): boolean {
  return [service, ANY_SERVICE]
    .flatMap((name) => entries?.find("service-intentions", name)?.Sources ?? [])
    .some(({ Action, Permissions }) => Action === "allow" || (Permissions?.length ?? 0) > 0);
}
