import type { Cluster } from "./cluster";
import type { JobStatus, UpstreamStatus } from "./services";

/** Who talks to whom, as the running cluster has it. */
export interface MeshPicture {
  /** Sidecars that have an upstream to a destination which lets them in. */
  readonly connections: readonly Connection[];
  /** Upstreams that no intention lets in, one sentence each. */
  readonly refused: readonly string[];
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
    /** The cluster peer of the source; its own cluster if there is none. */
    readonly Peer?: string;
    readonly Action?: string;
    readonly Permissions?: readonly unknown[] | null;
  }[];
}

/**
 * Compares the upstreams of the running jobs with the intentions of their destinations.
 *
 * @param clusters all of the lab
 */
export async function readMeshPicture(clusters: readonly Cluster[], jobs: readonly JobStatus[]): Promise<MeshPicture> {
  const intentions = new Map<string, Intentions[]>();
  for (const { datacenter, consul } of clusters) {
    intentions.set(datacenter, ((await consul.get("/v1/config/service-intentions")) ?? []) as Intentions[]);
  }
  const pictures = await Promise.all(
    clusters.map(async (cluster) => {
      const own = jobs.filter(({ datacenter }) => datacenter === cluster.datacenter);
      const ends = await Promise.all(
        clusters.map(async (other) => {
          const peer = other === cluster ? undefined : other.datacenter;
          const upstreams = own.flatMap((job) => job.upstreams).filter((upstream) => upstream.peer === peer);
          return readEnds(other, new Set(upstreams.map(({ destination }) => destination)), peer);
        }),
      );
      return meshPicture(cluster.datacenter, intentions, own, new Map(ends.flat()));
    }),
  );
  return {
    connections: pictures.flatMap(({ connections }) => connections),
    refused: [...new Set(pictures.flatMap(({ refused }) => refused))],
    remarks: [...new Set(pictures.flatMap(({ remarks }) => remarks))],
  };
}

/**
 * Where requests for names of a cluster end, for those names that resolvers, splitters and routers say something of.
 *
 * @param peer what the cluster is called where the requests come from, if they come from another one
 */
async function readEnds(
  { consul }: Cluster,
  destinations: ReadonlySet<string>,
  peer: string | undefined,
): Promise<[string, readonly End[]][]> {
  const kinds = ["service-resolver", "service-splitter", "service-router"];
  const entries = await Promise.all(kinds.map((kind) => consul.get(`/v1/config/${kind}`)));
  const ruled = new Set((entries as ({ Name: string }[] | undefined)[]).flatMap((of) => of ?? []).map((it) => it.Name));
  const ends = [...destinations]
    .filter((destination) => ruled.has(destination))
    .map(async (destination): Promise<[string, readonly End[]]> => {
      const answer = (await consul.get(`/v1/discovery-chain/${destination}`)) as DiscoveryChain | undefined;
      const targets = Object.values(answer?.Chain.Targets ?? {});
      // What is exported leads no further than the cluster that exports it.
      const placed = targets
        .filter(({ Peer }) => peer === undefined || !Peer)
        .map(({ Service, Peer = peer }) => ({ service: Service, ...(Peer && { peer: Peer }) }));
      return [keyOf({ destination, peer }), placed];
    });
  return Promise.all(ends);
}

/** Names an upstream's destination among those of all clusters. */
function keyOf({ destination, peer }: Pick<UpstreamStatus, "destination" | "peer">): string {
  return peer === undefined ? destination : `${peer}/${destination}`;
}

/** A service at which requests end, in a peered cluster perhaps. */
interface End {
  readonly service: string;
  readonly peer?: string;
}

/** What is read of Consul's answer. */
interface DiscoveryChain {
  readonly Chain: { readonly Targets: Readonly<Record<string, { readonly Service: string; readonly Peer?: string }>> };
}

/**
 * The same for one datacenter, from what is known.
 *
 * @param intentions of each datacenter, by its name, which is also what its cluster peers call it
 * @param ends where requests for a name end, if not just at the service of that name; by the name, after `<peer>/` for one of a peer
 */
export function meshPicture(
  datacenter: string,
  intentions: ReadonlyMap<string, readonly Intentions[]>,
  jobs: readonly JobStatus[],
  ends: ReadonlyMap<string, readonly End[]> = new Map(),
): MeshPicture {
  const own = intentions.get(datacenter) ?? [];
  // Of clusters outside of the lab it is not known here whom they let in.
  const isKnown = ({ peer }: Pick<End, "peer">) => peer === undefined || intentions.has(peer);
  const wanted = jobs.flatMap((job) => job.upstreams.filter(isKnown).map((upstream) => ({ job, ...upstream })));
  const permissionFor = ({ source, destination, peer }: UpstreamStatus) => {
    const places = ends.get(keyOf({ destination, peer })) ?? [{ service: destination, peer }];
    const permissions = new Set(
      places
        .filter(isKnown)
        .map((end) =>
          end.peer === undefined
            ? permissionOf(own, source, end.service)
            : permissionOf(intentions.get(end.peer) ?? [], source, end.service, datacenter),
        ),
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
    .filter((service) => !own.some((it) => covers(it.Name, service) && it.Sources.some(allows)))
    .map((service) => `Nothing may reach ${service}: no intention allows it, and the mesh denies by default.`);
  const waiting = jobs
    .filter(({ awaitsPromotion }) => awaitsPromotion)
    .map(({ id }) => `Canaries of ${id} run beside it. Once they are to replace it: nomad job promote ${id}`);
  return { connections, refused: [...new Set(refused)], remarks: [...new Set([...lonely, ...waiting])] };
}

/**
 * What the intentions let a source do at a destination, as Consul reads them.
 *
 * @param peer the cluster of the source, where that is another one than the destination's
 */
export function permissionOf(
  intentions: readonly Intentions[],
  source: string,
  destination: string,
  peer = "",
): "all" | "some" | "none" {
  // Exact names go before wildcards, the destination's first: Consul's own order of precedence.
  const ranked = intentions
    .filter(({ Name }) => covers(Name, destination))
    .flatMap(({ Name, Sources }) => Sources.map((it) => ({ destination: Name, ...it })))
    .filter((it) => covers(it.Name, source) && (it.Peer ?? "") === peer)
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
