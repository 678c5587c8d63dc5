import type * as consul from "../consul/generated/config-entries";
import { areOneCluster, type World } from "./config-entries";
import { fitsRequest, type HttpRequest } from "./http-request";

/** A service at which requests end. */
export interface ChainEnd {
  readonly service: string;
  /** The datacenter of that service: the one where requests began, that of a cluster peer, or one of a WAN federation. */
  readonly datacenter: string;
  /** Whether every request arrives with another path than it began with. */
  readonly isRewritten: boolean;
  /** Whether requests come here only while nothing healthy is left elsewhere. */
  readonly isFailover: boolean;
  /** The rules that lead here, in order, e.g. `the redirect of orders-old`; the first way that was found. */
  readonly by: readonly string[];
}

/** A service in a datacenter. */
export interface ServiceAddress {
  readonly datacenter: string;
  readonly service: string;
}

/** Where a rule leads; what it leaves out stays as it was. */
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
 * The services at which requests for a service end, as Consul compiles its discovery chain: only the router of the very
 * service counts, then splitters, each of which may lead to further splitters, then redirects, then failovers, which lead no
 * further. In a peered cluster requests go by the rules there, which lead to no third one.
 *
 * @param request only where this request ends @default wherever any request may end
 * @param from the datacenter in which requests begin @default that of the start
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
    /** Whether it may lead to cluster peers. What is exported leads no further than the cluster that exports it. */
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

  /** @param role a failover leads no further, save by the redirect and the default subset of its service */
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

  /** A target that names another service names none of the subsets of the former one. */
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
    // The sidecars over there go by the chain over there.
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

/** Where a failover leads, its older forms included: the first that is set counts. */
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
