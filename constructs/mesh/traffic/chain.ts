import { peerOf } from "../mesh-member";
import type { ServiceMesh } from "../service-mesh";
import { namesOf, serviceOf, type NamedDestination, type TrafficDestination } from "./destination";
import { isTrafficOwner, type TrafficOwner } from "./service-traffic";

/** A service at which requests end. */
export interface ChainDestination {
  /** The mesh of the service: the one where requests began, or that of a peered cluster. */
  readonly mesh: ServiceMesh;
  readonly service: string;
  /** Whether all requests come with another path than they began with. */
  readonly isRewritten: boolean;
}

/**
 * The services at which requests for a service end, as Consul compiles its discovery chain: only the routes of the very
 * service count, then splits, each of which may lead to further splits, then redirects, then failovers, which lead no
 * further. In a peered cluster requests go by the rules there.
 *
 * @see https://developer.hashicorp.com/consul/docs/manage-traffic/discovery-chain
 */
export function destinationsOf(owner: TrafficOwner): readonly ChainDestination[] {
  const { mesh, serviceName, traffic } = owner;
  const found = new Map<string, ChainDestination>();
  const add = (start: NamedDestination, isRewritten: boolean) => {
    for (const [key, end] of endsOf(mesh, start)) {
      found.set(key, { ...end, isRewritten: (found.get(key)?.isRewritten ?? true) && isRewritten });
    }
  };
  for (const { to, prefixRewrite } of traffic.routes) {
    add(to === undefined ? { service: serviceName } : namesOf(to), prefixRewrite !== undefined);
  }
  add({ service: serviceName }, false);
  return [...found.values()];
}

type End = Omit<ChainDestination, "isRewritten">;

/** @param goesAbroad whether other clusters count */
function endsOf(mesh: ServiceMesh, start: NamedDestination, goesAbroad = true): ReadonlyMap<string, End> {
  const trafficOf = (name: string) => {
    const member = mesh.find(name);
    return member !== undefined && isTrafficOwner(member) ? member.traffic : undefined;
  };
  const ends = new Map<string, End>();
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

  /** Of other clusters only those are known that belong to this app; what they lead on to elsewhere is theirs. */
  const leave = (to: TrafficDestination | undefined): void => {
    const abroad = to === undefined ? undefined : serviceOf(to)?.mesh;
    const peer = peerOf(abroad, mesh);
    if (to !== undefined && abroad !== undefined && peer !== undefined && goesAbroad) {
      for (const [key, end] of endsOf(abroad, namesOf(to), false)) {
        ends.set(`${peer}/${key}`, end);
      }
    }
  };

  const resolve = ({ service, subset }: NamedDestination, failsOver: boolean): void => {
    const traffic = trafficOf(service);
    const redirect = traffic?.redirect;
    if (redirect?.peer !== undefined) {
      leave(redirect.to);
      return;
    }
    const elsewhere = redirect?.to === undefined ? undefined : namesOf(redirect.to);
    if (elsewhere !== undefined && elsewhere.service !== service) {
      if (!seen.has(`redirect ${service}`)) {
        seen.add(`redirect ${service}`);
        resolve(elsewhere, failsOver);
      }
      return;
    }
    ends.set(service, { mesh, service });
    const failovers = traffic?.failovers;
    const targets = failovers?.get(subset ?? traffic?.defaultSubset ?? "") ?? failovers?.get("*") ?? [];
    for (const { to, peer } of failsOver ? targets : []) {
      if (peer !== undefined) {
        leave(to);
      } else if (to !== undefined) {
        resolve(namesOf(to), false);
      }
    }
  };

  follow(start);
  return ends;
}
