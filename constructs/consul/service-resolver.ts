import type * as consul from "./generated/config-entries";
import { tenancyFields, type Tenancy } from "./tenancy";

/** A target of requests, by names. */
export interface ResolverTarget {
  readonly service?: string;
  readonly subset?: string;
  readonly datacenter?: string;
  readonly peer?: string;
  readonly tenancy?: Tenancy;
}

/** A part of a service's instances. */
export interface ResolverSubset {
  /** If empty, the subset has all instances. */
  readonly filter: string;
  readonly onlyPassing?: boolean;
}

/** A service-resolver, by names. */
export interface ServiceResolverProps {
  readonly subsets: ReadonlyMap<string, ResolverSubset>;
  readonly defaultSubset?: string;
  /** Fields that are already rendered. */
  readonly fields: Pick<consul.ServiceResolverConfigEntry, "ConnectTimeout" | "RequestTimeout" | "LoadBalancer">;
  readonly redirect?: ResolverTarget;
  /** By subset; `*` for all other subsets. */
  readonly failover: ReadonlyMap<string, readonly ResolverTarget[]>;
}

/** Renders a service-resolver without empty fields, because Consul does not return them. */
export function renderServiceResolver(
  props: ServiceResolverProps,
): Omit<consul.ServiceResolverConfigEntry, "Kind" | "Name"> {
  return {
    DefaultSubset: props.defaultSubset,
    Subsets: record(props.subsets, ({ filter, onlyPassing }) => ({
      Filter: filter === "" ? undefined : filter,
      OnlyPassing: onlyPassing,
    })),
    ...props.fields,
    Redirect: props.redirect && renderTarget(props.redirect),
    Failover: record(props.failover, (targets) => ({ Targets: targets.map(renderTarget) })),
  };
}

function renderTarget(target: ResolverTarget): consul.ServiceResolverFailoverTarget {
  const { service, subset, datacenter, peer, tenancy } = target;
  return { Service: service, ServiceSubset: subset, Datacenter: datacenter, Peer: peer, ...tenancyFields(tenancy) };
}

function record<V, R>(map: ReadonlyMap<string, V>, render: (value: V) => R): Record<string, R> | undefined {
  return map.size === 0 ? undefined : Object.fromEntries([...map].map(([key, value]) => [key, render(value)]));
}
