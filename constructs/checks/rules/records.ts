import { append } from "../../core/collections";
import type { Cluster } from "../../model/cluster";
import type {
  GatewayRecord,
  InstancesRecord,
  IntentionRecord,
  JobRecord,
  MemberRecord,
  UpstreamRecord,
} from "../../model/records";
import type { Snapshot } from "../../model/snapshot";
import type * as nomad from "../../nomad/generated/job";

// Iterators over the graph for checks. Results that several checks use are computed once per snapshot, which never changes.

/** Caches the result for each snapshot. */
export function once<Result>(compute: (graph: Snapshot) => Result): (graph: Snapshot) => Result {
  const results = new WeakMap<Snapshot, Result>();
  return (graph) => {
    let result = results.get(graph);
    if (result === undefined) {
      result = compute(graph);
      results.set(graph, result);
    }
    return result;
  };
}

/** A job in the format of Nomad's API. */
export interface RenderedJob {
  readonly job: JobRecord;
  readonly rendered: nomad.Job;
}

/** All jobs, except for those that could not be rendered, which are reported separately. */
export const jobsIn = once((graph): readonly RenderedJob[] =>
  [...graph.data.jobs.values()]
    .map((job) => ({ job, rendered: graph.jobOf(job.key) }))
    .filter(({ rendered }) => rendered.ID !== undefined),
);

/** The jobs of services, each with one or more services. */
export const serviceJobsIn = once((graph): readonly RenderedJob[] =>
  jobsIn(graph).filter(({ job }) => gatewayOf(graph, job) === undefined),
);

/** Returns the gateway to which the job belongs. */
export function gatewayOf(graph: Snapshot, { owner }: JobRecord): GatewayRecord | undefined {
  const member = owner === undefined ? undefined : graph.data.members.get(owner);
  return member?.kind === "gateway" ? member : undefined;
}

/** All gateways. */
export const gatewaysIn = once((graph): readonly GatewayRecord[] => graph.clusters.flatMap(({ gateways }) => gateways));

/** A service with a sidecar, as in its rendered job. */
export interface SidecarService {
  /** Path of the construct. */
  readonly at: string;
  readonly group: nomad.TaskGroup;
  readonly definition: nomad.Service;
}

/** All services with sidecars, including those that an override adds. */
export const sidecarServicesIn = once((graph): readonly SidecarService[] => {
  const instances = instancesByPlace(graph);
  return serviceJobsIn(graph).flatMap(({ job, rendered }) =>
    (rendered.TaskGroups ?? []).flatMap((group) =>
      (group.Services ?? [])
        .filter(({ Connect }) => Connect?.SidecarService != null)
        .map((definition) => {
          const own = instances.get(placeKey(job.key, group.Name, definition.Name));
          return { at: own?.key ?? job.key, group, definition };
        }),
    ),
  );
});

/** Instances of services, with their definition in the rendered job. */
export interface RenderedInstances {
  readonly instances: InstancesRecord;
  readonly cluster: Cluster;
  /** Consul name of the service. */
  readonly name: string;
  readonly job: nomad.Job;
  /** Empty if an override removed it. */
  readonly group: nomad.TaskGroup;
  readonly definition: nomad.Service;
}

/** All instances of services. */
export const instancesIn = once((graph): readonly RenderedInstances[] =>
  graph.clusters.flatMap((cluster) =>
    cluster.instances.map((instances) => renderedInstances(graph, cluster, instances, graph.jobOf(instances.job))),
  ),
);

/** Returns the definition of instances in a job. */
export function renderedInstances(
  graph: Snapshot,
  cluster: Cluster,
  instances: InstancesRecord,
  job: nomad.Job,
): RenderedInstances {
  const name = graph.data.members.get(instances.service)?.name ?? "";
  const { TaskGroups = [] } = job;
  const group = TaskGroups.find(({ Name }) => Name === instances.group) ?? {};
  const definition = group.Services?.find(({ Name }) => Name === name) ?? {};
  return { instances, cluster, name, job, group, definition };
}

/** Instances that share an allocation, by job and group. */
export const allocationsIn = once((graph): readonly (readonly InstancesRecord[])[] => {
  const allocations = new Map<string, InstancesRecord[]>();
  for (const instances of graph.data.instances.values()) {
    append(allocations, placeKey(instances.job, instances.group), instances);
  }
  return [...allocations.values()];
});

/** A connection from one member to another: an upstream, or a route of a gateway. */
export interface Link {
  readonly cluster: Cluster;
  /** Path of the construct. */
  readonly at: string;
  readonly sourceName: string;
  readonly destinationName: string;
  /** `undefined` if it is not in the app. */
  readonly destination: Exclude<MemberRecord, GatewayRecord> | undefined;
  /** Whether it is the route of a gateway. */
  readonly isRoute: boolean;
  /** Whether the route leads to all services, even if their intentions do not allow it. */
  readonly isOfMany?: boolean;
}

/** Returns the service whose config entry contains the intention. */
export function keysOfDestination(graph: Snapshot, { mesh, destination }: IntentionRecord): readonly string[] {
  const service = graph.clusterOf(mesh).findService(destination);
  return service === undefined ? [] : [service.key];
}

/** The connections of services and gateways. Upstreams that a version inherits from its service are listed once, at the service. */
export const linksIn = once((graph): readonly Link[] => [
  ...upstreamsIn(graph).map(({ cluster, instances, upstream, name }) => ({
    ...{ cluster, at: instances.key, sourceName: name, isRoute: false },
    destinationName: upstream.destination.service,
    destination: graph.destinationOf(cluster, upstream),
  })),
  ...graph.clusters.flatMap((cluster) =>
    cluster.gateways.flatMap(({ key, name }) =>
      graph.routesOf(key).flatMap(({ targets }) =>
        targets.map((target) => ({
          ...{ cluster, at: key, sourceName: name, isRoute: true },
          destinationName: target.service,
          destination: graph.resolve(cluster, target),
        })),
      ),
    ),
  ),
  ...graph.clusters.flatMap((cluster) =>
    cluster.gateways.flatMap((gateway) =>
      graph.routesOf(gateway.key).flatMap((route) =>
        (route.anyService === undefined ? [] : graph.servicesBehind(gateway, route)).map((destination) => ({
          ...{ cluster, at: gateway.key, sourceName: gateway.name, isRoute: true, isOfMany: true },
          ...{ destinationName: destination.name, destination },
        })),
      ),
    ),
  ),
]);

/** An upstream that was stated for particular instances. */
export interface StatedUpstream {
  readonly cluster: Cluster;
  readonly instances: InstancesRecord;
  /** Consul name of the source service. */
  readonly name: string;
  readonly upstream: UpstreamRecord;
}

/** The upstreams that were stated for particular instances. */
export const upstreamsIn = once((graph): readonly StatedUpstream[] =>
  graph.clusters.flatMap((cluster) =>
    cluster.instances.flatMap((instances) => {
      const name = graph.data.members.get(instances.service)?.name ?? "";
      return graph.ownUpstreamsOf(instances).map((upstream) => ({ cluster, instances, name, upstream }));
    }),
  ),
);

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
