import type { Cluster } from "../../model/cluster";
import type { GatewayRecord, InstancesRecord, JobRecord, MemberRecord, UpstreamRecord } from "../../model/records";
import type { Snapshot } from "../../model/snapshot";
import type * as nomad from "../../nomad/generated/job";

// How checks go through the graph.

/** How messages name what is at a path. */
export function describePath(path: string): string {
  return path || "the app";
}

/** All jobs, as Nomad will read them. */
export function jobsIn(graph: Snapshot): { readonly job: JobRecord; readonly rendered: nomad.Job }[] {
  return [...graph.data.jobs.values()]
    .map((job) => ({ job, rendered: graph.jobOf(job.key) }))
    .filter(({ rendered }) => Object.keys(rendered).length > 0); // What could not be rendered is reported as such.
}

/** The jobs of services, of whatever number. */
export function serviceJobsIn(graph: Snapshot): { readonly job: JobRecord; readonly rendered: nomad.Job }[] {
  return jobsIn(graph).filter(({ job }) => gatewayOf(graph, job) === undefined);
}

/** The gateway whose job it is. */
export function gatewayOf(graph: Snapshot, { owner }: JobRecord): GatewayRecord | undefined {
  const member = owner === undefined ? undefined : graph.data.members.get(owner);
  return member?.kind === "gateway" ? member : undefined;
}

/** All gateways. */
export function gatewaysIn(graph: Snapshot): GatewayRecord[] {
  return graph.clusters.flatMap(({ gateways }) => gateways);
}

/** A service with a sidecar, as its finished job has it. */
export interface SidecarService {
  /** Path of the construct. */
  readonly at: string;
  readonly group: nomad.TaskGroup;
  readonly definition: nomad.Service;
}

/** All services with sidecars, those that an override adds too. */
export function* sidecarServicesIn(graph: Snapshot): Iterable<SidecarService> {
  const instances = instancesByPlace(graph);
  for (const { job, rendered } of serviceJobsIn(graph)) {
    for (const group of rendered.TaskGroups ?? []) {
      for (const definition of group.Services ?? []) {
        if (definition.Connect?.SidecarService !== undefined) {
          const own = instances.get(placeKey(job.key, group.Name, definition.Name));
          yield { at: own?.key ?? job.key, group, definition };
        }
      }
    }
  }
}

/** Instances of services, with what their finished job says of them. */
export interface RenderedInstances {
  readonly instances: InstancesRecord;
  readonly cluster: Cluster;
  /** Consul name of the service. */
  readonly name: string;
  readonly job: nomad.Job;
  /** Empty where an override took it away. */
  readonly group: nomad.TaskGroup;
  readonly definition: nomad.Service;
}

/** All instances of services. */
export function* instancesIn(
  graph: Snapshot,
  clusters: readonly Cluster[] = graph.clusters,
): Iterable<RenderedInstances> {
  for (const cluster of clusters) {
    for (const instances of cluster.instances) {
      const job = graph.jobOf(instances.job);
      const name = graph.data.members.get(instances.service)?.name ?? "";
      const { TaskGroups = [] } = job;
      const group = TaskGroups.find(({ Name }) => Name === instances.group) ?? {};
      const definition = group.Services?.find(({ Name }) => Name === name) ?? {};
      yield { instances, cluster, name, job, group, definition };
    }
  }
}

/** Instances that share an allocation, by job and group. */
export function allocationsIn(graph: Snapshot): readonly (readonly InstancesRecord[])[] {
  const allocations = new Map<string, InstancesRecord[]>();
  for (const instances of graph.data.instances.values()) {
    const key = placeKey(instances.job, instances.group);
    const others = allocations.get(key) ?? [];
    others.push(instances);
    allocations.set(key, others);
  }
  return [...allocations.values()];
}

/** What leads from one member to another: upstreams, and routes of gateways. */
export interface Link {
  readonly cluster: Cluster;
  /** Path of the construct. */
  readonly at: string;
  readonly sourceName: string;
  readonly destinationName: string;
  /** `undefined` where the app does not know it. */
  readonly destination: Exclude<MemberRecord, GatewayRecord> | undefined;
  /** Whether it is a gateway's. */
  readonly isRoute: boolean;
}

/** How services find each other, and how gateways find them. What a version has from its service is listed once, at the service. */
export function* linksIn(graph: Snapshot, clusters: readonly Cluster[] = graph.clusters): Iterable<Link> {
  for (const { cluster, instances, upstream, name } of upstreamsIn(graph, clusters)) {
    yield {
      ...{ cluster, at: instances.key, sourceName: name, isRoute: false },
      destinationName: upstream.destination.service,
      destination: graph.destinationOf(cluster, upstream),
    };
  }
  for (const cluster of clusters) {
    for (const gateway of cluster.gateways) {
      for (const target of graph.routesOf(gateway.key).flatMap(({ targets }) => targets)) {
        yield {
          ...{ cluster, at: gateway.key, sourceName: gateway.name, isRoute: true },
          destinationName: target.service,
          destination: graph.resolve(cluster, target),
        };
      }
    }
  }
}

/** The upstreams that were stated for these very instances. */
export function* upstreamsIn(
  graph: Snapshot,
  clusters: readonly Cluster[] = graph.clusters,
): Iterable<{
  readonly cluster: Cluster;
  readonly instances: InstancesRecord;
  readonly name: string;
  readonly upstream: UpstreamRecord;
}> {
  for (const cluster of clusters) {
    for (const instances of cluster.instances) {
      const name = graph.data.members.get(instances.service)?.name ?? "";
      for (const upstream of graph.ownUpstreamsOf(instances)) {
        yield { cluster, instances, name, upstream };
      }
    }
  }
}

function instancesByPlace(graph: Snapshot): ReadonlyMap<string, InstancesRecord> {
  return new Map(
    [...graph.data.instances.values()].map((instances) => [
      placeKey(instances.job, instances.group, graph.data.members.get(instances.service)?.name),
      instances,
    ]),
  );
}

function placeKey(...parts: readonly (string | undefined)[]): string {
  return parts.join("\n");
}
