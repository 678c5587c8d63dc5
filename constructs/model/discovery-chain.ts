import type * as consul from "../consul/generated/config-entries";
import { tenancyIn, tenancyText, type Tenancy } from "../consul/tenancy";
import { areOneCluster, type World } from "./config-entries";
import { fitsRequest, type HttpRequest } from "./http-request";
import { placeName, placeOfName, type NamedPlace } from "./place-name";

/** A service that receives requests at the end of a discovery chain. */
export interface ChainEnd {
  /** Name in Consul. */
  readonly service: string;
  /**
   * The datacenter of this service: the one where requests start, that of a cluster peer, or one of a WAN federation. With Consul
   * Enterprise, the name of the place: see {@link placeName}.
   */
  readonly datacenter: string;
  /** Whether all requests arrive with a rewritten path. */
  readonly isRewritten: boolean;
  /** Whether it receives requests only if no other instances are healthy. */
  readonly isFailover: boolean;
  /**
   * The rules that send requests to it, in order, e.g. `the redirect of orders-old`. If there are several paths, this is the
   * first one that was found.
   */
  readonly by: readonly string[];
}

/** A service in a datacenter. */
export interface ServiceAddress {
  /** With Consul Enterprise, the name of the place: see {@link placeName}. */
  readonly datacenter: string;
  readonly service: string;
}

/** The target of a rule. Omitted fields are not changed. */
interface Target {
  readonly Service?: string;
  readonly ServiceSubset?: string;
  readonly Datacenter?: string;
  readonly Peer?: string;
  readonly Namespace?: string;
  readonly Partition?: string;
}

interface Place {
  readonly service: string;
  readonly subset: string;
  /** Partition and namespace, in the datacenter where the chain starts. */
  readonly at: Tenancy;
}

/**
 * Returns the services that receive requests for a service, as Consul compiles its discovery chain. Only the router of the
 * service itself applies. Then splitters apply, which can lead to further splitters, then redirects, and then failovers, whose
 * targets have no further failovers. In a peered cluster, the rules of that cluster apply; they cannot lead to a third cluster.
 *
 * @param request return only the service that receives this request
 * @default all services that can receive a request
 * @param from the datacenter in which requests start
 * @default that of `start`
 * @see https://developer.hashicorp.com/consul/docs/manage-traffic/discovery-chain
 */
export function discoveryChain(
  world: World,
  start: ServiceAddress,
  request?: HttpRequest,
  from = start.datacenter,
): readonly ChainEnd[] {
  return new Chain(world, start.datacenter, areOneCluster(world, from, start.datacenter)).compile(
    start.service,
    request,
  );
}

class Chain {
  private readonly ends = new Map<string, ChainEnd>();
  private readonly split = new Set<string>();
  private readonly home: NamedPlace;

  constructor(
    private readonly world: World,
    private readonly start: string,
    /** Whether it may lead to cluster peers. An exported service leads no further than the cluster that exports it. */
    private readonly mayLeave: boolean,
  ) {
    this.home = placeOfName(start);
  }

  compile(service: string, request: HttpRequest | undefined): readonly ChainEnd[] {
    const at = this.home.tenancy;
    const routes = this.entriesAt(at)?.find("service-router", service)?.Routes ?? [];
    let isDecided = false;
    for (const { Match, Destination } of routes) {
      if (request !== undefined && (isDecided || !fitsRequest(Match?.HTTP, request))) {
        continue;
      }
      isDecided = true;
      const isRewritten = Boolean(Destination?.PrefixRewrite);
      const place = {
        service: Destination?.Service || service,
        subset: Destination?.ServiceSubset ?? "",
        at: tenancyIn(Destination ?? {}, at),
      };
      this.follow(place, [`a route of ${service}`], isRewritten);
    }
    if (request === undefined || !isDecided) {
      this.follow({ service, subset: "", at }, [], false);
    }
    return [...this.ends.values()];
  }

  private entriesAt(tenancy: Tenancy) {
    return this.world.entries.get(this.nameOf(tenancy));
  }

  /** The name of another place in the datacenter where the chain starts. */
  private nameOf(tenancy: Tenancy, datacenter = this.home.datacenter): string {
    return tenancy === this.home.tenancy && datacenter === this.home.datacenter
      ? this.start
      : placeName(datacenter, tenancy);
  }

  private follow(place: Place, by: readonly string[], isRewritten: boolean): void {
    this.split.clear();
    this.followSplits(place, by, isRewritten);
  }

  private followSplits(place: Place, by: readonly string[], isRewritten: boolean): void {
    const { service, subset, at } = place;
    const splits = subset === "" ? (this.entriesAt(at)?.find("service-splitter", service)?.Splits ?? []) : [];
    if (splits.length === 0) {
      this.resolve(place, by, isRewritten, "node");
      return;
    }
    if (this.split.has(keyOf(place))) {
      return;
    }
    this.split.add(keyOf(place));
    for (const { Service, ServiceSubset = "", Namespace, Partition } of splits) {
      const next = {
        service: Service || service,
        subset: ServiceSubset,
        at: tenancyIn({ Namespace, Partition }, at),
      };
      const way = [...by, `a split of ${service}`];
      if (keyOf(next) === keyOf(place)) {
        this.resolve(next, way, isRewritten, "node");
      } else {
        this.followSplits(next, way, isRewritten);
      }
    }
  }

  /**
   * @param role the target of a failover has no further failovers, only the redirect and the default subset of its service
   */
  private resolve(start: Place, by: readonly string[], isRewritten: boolean, role: "node" | "failover"): void {
    let place = start;
    const way = [...by];
    const redirected = new Set<string>();
    let resolver = this.entriesAt(place.at)?.find("service-resolver", place.service);
    for (;;) {
      const redirect = resolver?.Redirect;
      const next = redirect && this.rewritten(place, redirect);
      if (redirect === undefined || next === undefined || redirected.has(keyOf(place))) {
        break;
      }
      redirected.add(keyOf(place));
      const { Datacenter, Peer } = redirect;
      way.push(`the redirect of ${place.service}`);
      if (Peer || (Datacenter && Datacenter !== this.home.datacenter)) {
        this.leave(next, redirect, { isRewritten, isFailover: role === "failover", by: way });
        return;
      }
      if (keyOf(next) === keyOf(place) && next.subset === place.subset) {
        break;
      }
      place = next;
      resolver = this.entriesAt(place.at)?.find("service-resolver", place.service);
    }
    const { service, at } = place;
    const subset = place.subset === "" ? (resolver?.DefaultSubset ?? "") : place.subset;
    this.add({ service, datacenter: this.nameOf(at), isRewritten, isFailover: role === "failover", by: way });
    const failover = role === "node" ? (resolver?.Failover?.[subset] ?? resolver?.Failover?.["*"]) : undefined;
    for (const target of failover === undefined ? [] : failoverTargets(failover)) {
      const next = this.rewritten({ service, subset, at }, target);
      const onward = [...way, `the failover of ${service}`];
      if (target.Peer || (target.Datacenter && target.Datacenter !== this.home.datacenter)) {
        this.leave(next, target, { isRewritten, isFailover: true, by: onward });
      } else if (keyOf(next) !== keyOf(place) || next.subset !== subset) {
        this.resolve(next, onward, isRewritten, "failover");
      }
    }
  }

  /** A target in another service has no subset of the previous service. */
  private rewritten({ service, subset, at }: Place, target: Target): Place {
    const { Service, ServiceSubset, Namespace, Peer } = target;
    // The own namespace is none of a peer, whose default one applies.
    const there = Peer ? { namespace: Namespace || undefined } : tenancyIn(target, at);
    return Service && Service !== service
      ? { service: Service, subset: ServiceSubset ?? "", at: there }
      : { service, subset: ServiceSubset || subset, at: there };
  }

  private leave(
    { service, at }: Place,
    { Peer, Datacenter = "" }: Target,
    way: Omit<ChainEnd, keyof ServiceAddress>,
  ): void {
    const place = this.nameOf(at, Peer || Datacenter);
    if (!Peer || areOneCluster(this.world, Peer, this.start)) {
      this.add({ service, datacenter: place, ...way });
      return;
    }
    if (!this.mayLeave) {
      return;
    }
    if (!this.world.entries.has(place)) {
      this.add({ service, datacenter: place, ...way });
      return;
    }
    // In the peer, its own discovery chain applies.
    for (const end of new Chain(this.world, place, false).compile(service, undefined)) {
      const isRewritten = way.isRewritten || end.isRewritten;
      this.add({ ...end, isRewritten, isFailover: way.isFailover || end.isFailover, by: [...way.by, ...end.by] });
    }
  }

  private add(end: ChainEnd): void {
    const key = `${end.datacenter}/${end.service}`;
    const known = this.ends.get(key);
    this.ends.set(key, {
      ...(known ?? end),
      isRewritten: (known?.isRewritten ?? true) && end.isRewritten,
      isFailover: (known?.isFailover ?? true) && end.isFailover,
    });
  }
}

/** Identifies a service in the datacenter where a chain starts. */
function keyOf({ service, at }: Place): string {
  return `${tenancyText(at)}/${service}`;
}

/** Returns the targets of a failover, including its older forms. The first form that is set applies. */
export function failoverTargets(failover: consul.ServiceResolverFailover): readonly FailoverPlace[] {
  const { Service, ServiceSubset, Namespace, Datacenters, Targets, SamenessGroup } = failover;
  if (Datacenters?.length) {
    return Datacenters.map((Datacenter) => ({ Service, ServiceSubset, Namespace, Datacenter }));
  }
  return Targets?.length ? Targets : [{ Service, ServiceSubset, Namespace, SamenessGroup }];
}

interface FailoverPlace extends Target {
  readonly SamenessGroup?: string;
}
