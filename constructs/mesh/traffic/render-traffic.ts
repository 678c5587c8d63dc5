import type * as consul from "../../consul/generated/config-entries";
import { overridden } from "../../consul/override";
import { renderServiceResolver } from "../../consul/service-resolver";
import { fitsAll } from "../../consul/service-router";
import { tenancyFields, type Tenancy } from "../../consul/tenancy";
import type { Reference, RouteRecord, TrafficOwnerRecord } from "../../model/records";
import type { Snapshot } from "../../model/snapshot";
import { defaultSubsetOf, filterOf } from "../../model/traffic";
import type { Need } from "../../model/needs";

/** The `service-resolver` of a service or virtual service. */
export function renderResolver(
  graph: Snapshot,
  owner: TrafficOwnerRecord,
): Omit<consul.ServiceResolverConfigEntry, "Kind" | "Name"> {
  const traffic = graph.trafficOf(owner);
  const { subsets, resolve } = traffic;
  const { redirect, failover = {}, fields, override } = resolve;
  return overridden(
    renderServiceResolver({
      subsets: new Map(
        [...subsets].map(([name, { onlyPassing }]) => [name, { filter: filterOf(traffic, name), onlyPassing }]),
      ),
      defaultSubset: defaultSubsetOf(traffic),
      fields,
      // Consul accepts a subset or a peer only together with the name of the service, even if it is the same service.
      redirect,
      failover: new Map(
        Object.entries(failover).map(([subset, targets]) => [
          subset,
          targets.map((target) => ({ ...target, service: foreign(owner, target) })),
        ]),
      ),
    }),
    override,
  );
}

/** The `service-splitter` of a service or virtual service. */
export function renderSplitter(
  graph: Snapshot,
  owner: TrafficOwnerRecord,
): Omit<consul.ServiceSplitterConfigEntry, "Kind" | "Name"> {
  const { splits = [] } = graph.trafficOf(owner);
  return {
    Splits: splits.map(({ to, weight, fields }) => ({
      Weight: weight,
      Service: foreign(owner, to),
      ServiceSubset: to.subset,
      ...tenancyFields(to.tenancy),
      ...fields,
    })),
  };
}

/**
 * The `service-router` of a service or virtual service. For each route to which the splits apply, a route before it sends the requests of
 * testers to their destination, with the same changes. Each route also sets the `requestTimeout` of the resolver, which Consul ignores
 * if there is a splitter.
 */
export function renderRouter(
  graph: Snapshot,
  owner: TrafficOwnerRecord,
): Omit<consul.ServiceRouterConfigEntry, "Kind" | "Name"> | undefined {
  const { routes, testers, splits, resolve } = graph.trafficOf(owner);
  const { RequestTimeout } = resolve.fields;
  const isOwn = ({ to }: RouteRecord) =>
    to === undefined || (to.service === owner.name && to.subset === undefined && to.tenancy === undefined);
  const forTesters = (route: RouteRecord): RouteRecord[] =>
    testers === undefined || !isOwn(route)
      ? []
      : [
          {
            ...route,
            match: { ...route.match, Header: [...(route.match?.Header ?? []), testers.header] },
            to: testers.to,
          },
        ];
  const rest: RouteRecord = { fields: {} };
  const all = [...routes.flatMap((route) => [...forTesters(route), route])];
  if (!routes.some(({ match }) => fitsAll(match))) {
    all.push(...forTesters(rest));
    if (RequestTimeout !== undefined && (splits !== undefined || routes.length > 0)) {
      all.push(rest);
    }
  }
  if (all.length === 0) {
    return undefined;
  }
  return {
    Routes: all.map(({ to, match, fields }) => ({
      Match: match && { HTTP: match },
      Destination: {
        Service: to && foreign(owner, to),
        ServiceSubset: to?.subset,
        ...tenancyFields(to?.tenancy),
        ...fields,
        RequestTimeout: fields.RequestTimeout ?? RequestTimeout,
      },
    })),
  };
}

/** Whether a resolver refers to other services of the cluster. */
export function leadsElsewhere(graph: Snapshot, owner: TrafficOwnerRecord): boolean {
  return targetsOfResolver(graph, owner).length > 0;
}

/** Consul validates a resolver against the protocols of its targets, and against the subsets of a target if it refers to one. */
export function needsOfResolver(graph: Snapshot, owner: TrafficOwnerRecord): readonly Need[] {
  return [
    ...ofName(owner.name),
    ...targetsOfResolver(graph, owner).flatMap(({ service, subset, tenancy }): Need[] => [
      defaults(service, tenancy),
      ...(subset === undefined ? [] : [resolver(service, tenancy)]),
    ]),
  ];
}

function targetsOfResolver(graph: Snapshot, owner: TrafficOwnerRecord): readonly Reference[] {
  const { redirect, failover = {} } = graph.trafficOf(owner).resolve;
  const targets = [...(redirect ? [redirect] : []), ...Object.values(failover).flat()];
  return targets.filter(
    ({ peer, service, tenancy }) => peer === undefined && (service !== owner.name || tenancy !== undefined),
  );
}

/** A splitter sends requests to a destination only after that destination exists. */
export function needsOfSplitter(graph: Snapshot, owner: TrafficOwnerRecord): readonly Need[] {
  const { splits = [] } = graph.trafficOf(owner);
  return [...ofName(owner.name), resolver(owner.name), ...splits.flatMap(({ to }) => ofDestination(graph, owner, to))];
}

/** A router, too, sends requests to a destination only after that destination exists. */
export function needsOfRouter(graph: Snapshot, owner: TrafficOwnerRecord): readonly Need[] {
  const { routes, testers } = graph.trafficOf(owner);
  return [
    ...ofName(owner.name),
    resolver(owner.name),
    { entry: { kind: "service-splitter", name: owner.name } },
    ...[...routes.flatMap(({ to }) => to ?? []), ...(testers ? [testers.to] : [])].flatMap((to) =>
      ofDestination(graph, owner, to),
    ),
  ];
}

function ofName(name: string): readonly Need[] {
  return [defaults(name), { entry: { kind: "proxy-defaults", name: "global" }, isSoft: true }];
}

function ofDestination(graph: Snapshot, owner: TrafficOwnerRecord, to: Reference): readonly Need[] {
  const cluster = graph.clusterOf(owner.mesh);
  const target = graph.resolve(cluster, to);
  const instances = target === undefined ? [] : graph.instancesOf(target.key);
  const behind = instances.filter(
    ({ version }) => version === undefined || to.subset === undefined || version === to.subset,
  );
  return [defaults(to.service, to.tenancy), resolver(to.service, to.tenancy), ...behind.map(({ job }) => ({ job }))];
}

function defaults(name: string, tenancy?: Tenancy): Need {
  return { entry: { kind: "service-defaults", name, tenancy } };
}

function resolver(name: string, tenancy?: Tenancy): Need {
  return { entry: { kind: "service-resolver", name, tenancy } };
}

/** The service name of a destination; `undefined` if it is the service that owns the rules. */
function foreign(owner: TrafficOwnerRecord, { service }: Reference): string | undefined {
  return service === owner.name ? undefined : service;
}
