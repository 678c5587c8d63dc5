import { namesOf, type NamedDestination } from "./destination";
import { isTrafficOwner, type TrafficOwner } from "./service-traffic";

/** A service at which requests end. */
export interface ChainDestination {
  readonly service: string;
  /** Whether all requests come with another path than they began with. */
  readonly isRewritten: boolean;
}

/**
 * The services of the same cluster at which requests for a service end, as Consul compiles its discovery chain: only the
 * routes of the very service count, then splits, each of which may lead to further splits, then redirects, then failovers,
 * which lead no further.
 *
 * @see https://developer.hashicorp.com/consul/docs/manage-traffic/discovery-chain
 */
export function destinationsOf(owner: TrafficOwner): readonly ChainDestination[] {
  const { mesh, serviceName, traffic } = owner;
  const found = new Map<string, boolean>();
  for (const { to, prefixRewrite } of traffic.routes) {
    const destination = to === undefined ? { service: serviceName } : namesOf(to);
    for (const service of endsOf(mesh, destination)) {
      found.set(service, (found.get(service) ?? true) && prefixRewrite !== undefined);
    }
  }
  for (const service of endsOf(mesh, { service: serviceName })) {
    found.set(service, false);
  }
  return [...found].map(([service, isRewritten]) => ({ service, isRewritten }));
}

type Mesh = TrafficOwner["mesh"];

function endsOf(mesh: Mesh, start: NamedDestination): ReadonlySet<string> {
  const trafficOf = (name: string) => {
    const member = mesh.find(name);
    return member !== undefined && isTrafficOwner(member) ? member.traffic : undefined;
  };
  const ends = new Set<string>();
  const seen = new Set<string>();

  const follow = ({ service, subset }: NamedDestination): void => {
    const splits = subset === undefined ? (trafficOf(service)?.splits ?? []) : [];
    if (splits.length === 0 || seen.has(`split ${service}`)) {
      resolve({ service, subset }, true);
      return;
    }
    seen.add(`split ${service}`);
    for (const { to } of splits) {
      const next = namesOf(to);
      if (next.service === service) {
        resolve(next, true);
      } else {
        follow(next);
      }
    }
  };

  const resolve = ({ service, subset }: NamedDestination, failsOver: boolean): void => {
    const traffic = trafficOf(service);
    const redirect = traffic?.options.redirect;
    if (redirect?.options.peer !== undefined) {
      return; // Another cluster, with intentions of its own.
    }
    const elsewhere = redirect?.destination === undefined ? undefined : namesOf(redirect.destination);
    if (elsewhere !== undefined && elsewhere.service !== service) {
      if (!seen.has(`redirect ${service}`)) {
        seen.add(`redirect ${service}`);
        resolve(elsewhere, failsOver);
      }
      return;
    }
    ends.add(service);
    const failovers = traffic?.failovers;
    const targets = failovers?.get(subset ?? traffic?.defaultSubset ?? "") ?? failovers?.get("*") ?? [];
    for (const { to, peer } of failsOver ? targets : []) {
      if (to !== undefined && peer === undefined) {
        resolve(namesOf(to), false);
      }
    }
  };

  follow(start);
  return ends;
}
