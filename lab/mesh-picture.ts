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
export async function readMeshPicture({ consul }: Cluster, jobs: readonly JobStatus[]): Promise<MeshPicture> {
  return meshPicture(((await consul.get("/v1/config/service-intentions")) ?? []) as Intentions[], jobs);
}

/** The same, from what is known. */
export function meshPicture(intentions: readonly Intentions[], jobs: readonly JobStatus[]): MeshPicture {
  const wanted = jobs.flatMap((job) => job.upstreams.map((upstream) => ({ job, ...upstream })));
  const connections = wanted.flatMap((it) => {
    const permission = permissionOf(intentions, it.source, it.destination);
    return permission === "none" ? [] : [{ ...it, partly: permission === "some" }];
  });
  const refused = wanted
    .filter(({ source, destination }) => permissionOf(intentions, source, destination) === "none")
    .map(
      ({ source, destination }) =>
        `${source} has an upstream to ${destination}, but no intention lets it in: every call is refused.`,
    );
  const lonely = jobs
    .filter(({ ports }) => ports.length === 0)
    .flatMap(({ services }) => services)
    .filter((service) => !intentions.some((it) => covers(it.Name, service) && it.Sources.some(allows)))
    .map((service) => `Nothing may reach ${service}: no intention allows it, and the mesh denies by default.`);
  return { connections, remarks: [...refused, ...lonely] };
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
