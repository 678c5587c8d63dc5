import type * as consul from "../consul/generated/config-entries";
import { areOneCluster, type World } from "./config-entries";
import { fitsRequest, type HttpRequest } from "./http-request";

/** A service that receives requests at the end of a discovery chain. */
export interface ChainEnd {
  /** Name in Consul. */
  readonly service: string;
  /** The datacenter of this service: the one where requests start, that of a cluster peer, or one of a WAN federation. */
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
  readonly datacenter: string;
  readonly service: string;
}

/** The target of a rule. Omitted fields are not changed. */
interface Target {
  readonly Service?: string;
  readonly ServiceSubset?: string;
  readonly Datacenter?: string;
  readonly Peer?: string;
}

interface Place {
  readonly service: string;
  readonly subset: string;
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

  constructor(
    private readonly world: World,
    private readonly home: string,
    /** Whether it may lead to cluster peers. An exported service leads no further than the cluster that exports it. */
    private readonly mayLeave: boolean,
  ) {}

  compile(service: string, request: HttpRequest | undefined): readonly ChainEnd[] {
    const routes = this.entries?.find("service-router", service)?.Routes ?? [];
    let isDecided = false;
    for (const { Match, Destination } of routes) {
      if (request !== undefined && (isDecided || !fitsRequest(Match?.HTTP, request))) {
        continue;
      }
      isDecided = true;
      const isRewritten = Boolean(Destination?.PrefixRewrite);
      const place = { service: Destination?.Service || service, subset: Destination?.ServiceSubset ?? "" };
      this.follow(place, [`a route of ${service}`], isRewritten);
    }
    if (request === undefined || !isDecided) {
      this.follow({ service, subset: "" }, [], false);
    }
    return [...this.ends.values()];
  }

  private get entries() {
    return this.world.entries.get(this.home);
  }

  private follow({ service, subset }: Place, by: readonly string[], isRewritten: boolean): void {
    this.split.clear();
    this.followSplits({ service, subset }, by, isRewritten);
  }

  private followSplits({ service, subset }: Place, by: readonly string[], isRewritten: boolean): void {
    const splits = subset === "" ? (this.entries?.find("service-splitter", service)?.Splits ?? []) : [];
    if (splits.length === 0) {
      this.resolve({ service, subset }, by, isRewritten, "node");
      return;
    }
    if (this.split.has(service)) {
      return;
    }
    this.split.add(service);
    for (const { Service, ServiceSubset = "" } of splits) {
      const next = { service: Service || service, subset: ServiceSubset };
      const way = [...by, `a split of ${service}`];
      if (next.service === service) {
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
    let { service, subset } = start;
    const way = [...by];
    const redirected = new Set<string>();
    let resolver = this.entries?.find("service-resolver", service);
    for (;;) {
      const redirect = resolver?.Redirect;
      const next = redirect && this.rewritten({ service, subset }, redirect);
      if (redirect === undefined || next === undefined || redirected.has(service)) {
        break;
      }
      redirected.add(service);
      const { Datacenter, Peer } = redirect;
      way.push(`the redirect of ${service}`);
      if (Peer || (Datacenter && Datacenter !== this.home)) {
        this.leave(next, redirect, { isRewritten, isFailover: role === "failover", by: way });
        return;
      }
      if (next.service === service && next.subset === subset) {
        break;
      }
      ({ service, subset } = next);
      resolver = this.entries?.find("service-resolver", service);
    }
    if (subset === "") {
      subset = resolver?.DefaultSubset ?? "";
    }
    this.add({ service, datacenter: this.home, isRewritten, isFailover: role === "failover", by: way });
    const failover = role === "node" ? (resolver?.Failover?.[subset] ?? resolver?.Failover?.["*"]) : undefined;
    for (const target of failover === undefined ? [] : failoverTargets(failover)) {
      const next = this.rewritten({ service, subset }, target);
      const onward = [...way, `the failover of ${service}`];
      if (target.Peer || (target.Datacenter && target.Datacenter !== this.home)) {
        this.leave(next, target, { isRewritten, isFailover: true, by: onward });
      } else if (next.service !== service || next.subset !== subset) {
        this.resolve(next, onward, isRewritten, "failover");
      }
    }
  }

  /** A target in another service has no subset of the previous service. */
  private rewritten({ service, subset }: Place, { Service, ServiceSubset }: Target): Place {
    return Service && Service !== service
      ? { service: Service, subset: ServiceSubset ?? "" }
      : { service, subset: ServiceSubset || subset };
  }

  private leave(
    { service }: Place,
    { Peer, Datacenter = "" }: Target,
    way: Omit<ChainEnd, keyof ServiceAddress>,
  ): void {
    if (!Peer || areOneCluster(this.world, Peer, this.home)) {
      this.add({ service, datacenter: Peer || Datacenter, ...way });
      return;
    }
    if (!this.mayLeave) {
      return;
    }
    if (!this.world.entries.has(Peer)) {
      this.add({ service, datacenter: Peer, ...way });
      return;
    }
    // In the peer, its own discovery chain applies.
    for (const end of new Chain(this.world, Peer, false).compile(service, undefined)) {
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

/** Returns the targets of a failover, including its older forms. The first form that is set applies. */
export function failoverTargets(failover: consul.ServiceResolverFailover): readonly FailoverPlace[] {
  const { Service, ServiceSubset, Datacenters, Targets, SamenessGroup } = failover;
  if (Datacenters?.length) {
    return Datacenters.map((Datacenter) => ({ Service, ServiceSubset, Datacenter }));
  }
  return Targets?.length ? Targets : [{ Service, ServiceSubset, SamenessGroup }];
}

interface FailoverPlace extends Target {
  readonly SamenessGroup?: string;
}
