import type { Construct } from "constructs";
import { ConsulConfigEntry } from "../../consul/consul-config-entry";
import type * as consul from "../../consul/generated/config-entries";
import type { HeaderMatch } from "../../consul/http-permission";
import type { LoadBalancer } from "../../consul/load-balancer";
import { renderServiceResolver, type ResolverTarget } from "../../consul/service-resolver";
import {
  fitsAll,
  problemOfRoute,
  renderServiceRouter,
  type RouteChanges,
  type RouteMatch,
  type ServiceRouteProps,
} from "../../consul/service-router";
import { renderServiceSplitter, type SplitChanges } from "../../consul/service-splitter";
import { SubsetFilter } from "../../consul/subset-filter";
import type { Needs } from "../../dependencies";
import type { Override } from "../../core/override";
import { overridden } from "../../consul/override";
import { MeshError } from "../../core/errors";
import type { DurationLike } from "../../core/duration";
import { peerOf, type IMeshMember, type IMeshService } from "../mesh-member";
import type { ServiceMesh } from "../service-mesh";
import { namesOf, serviceOf, type HasSubset, type TrafficDestination } from "./destination";
import { Failover, type FailoverTarget } from "./failover";
import type { Redirect } from "./redirect";
import { Subset, type SubsetOptions } from "./subset";

/**
 * What holds for all who reach a service, without looking into requests.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/service-resolver
 */
export interface ResolveOptions {
  /** Which instances answer where no rule names a subset. @default all, or those of no version once there is a version */
  readonly defaultSubset?: Subset | HasSubset | string;
  /** How long a connection to an instance may take to open. @default "5s" */
  readonly connectTimeout?: DurationLike;
  /** How long a request may take; a route may say otherwise. Only for services that speak http, http2 or gRPC. @default "15s" */
  readonly requestTimeout?: DurationLike;
  /** How an instance is chosen. @default LoadBalancer.roundRobin() */
  readonly loadBalancer?: LoadBalancer;
  /** Sends everything elsewhere. Nothing else of these options holds beside a redirect to another service. @default none */
  readonly redirect?: Redirect;
  /** Where to go when no healthy instance is left; by name of the subset that fails, `*` for all others. @default nowhere */
  readonly failover?: Failover | Readonly<Record<string, Failover>>;
  /** Anything else of Consul's service-resolver. @default none */
  readonly override?: Override<Omit<consul.ServiceResolverConfigEntry, "Kind" | "Name">>;
}

/** A share of a service's requests. */
export interface Split extends SplitChanges {
  readonly to: TrafficDestination;
  /** In percent, as fine as 0.01. The weights of a service sum to 100. */
  readonly weight: number;
}

/** Requests that are treated in a way of their own. */
export interface Route extends RouteChanges {
  /** @default any request */
  readonly match?: RouteMatch;
  /** Where they go. @default the service itself, by its splits */
  readonly to?: TrafficDestination;
}

/** What owns traffic rules: a name in the mesh, with or without instances. */
export interface TrafficOwner extends Construct, IMeshService {
  readonly mesh: ServiceMesh;
  readonly traffic: ServiceTraffic;
  readonly defaults: ConsulConfigEntry;
  /** @internal Picks those of its own instances that Nomad runs as canaries, where they can be told apart. */
  readonly canaryFilter?: string;
  /** @internal The jobs that must be there before something is sent to the subset. */
  instancesBehind(subset: string | undefined): Needs;
}

/** @internal */
export function isTrafficOwner(member: IMeshMember): member is TrafficOwner {
  return "traffic" in member;
}

/** A rule that names a place, and where it stands. */
export interface TrafficReference extends ResolverTarget {
  readonly kind: "default subset" | "failover" | "redirect" | "route" | "split";
  readonly service: string;
  /** The service itself, where it was given and not only named. */
  readonly given?: IMeshService;
}

/** Name of the subset of all instances that are of no version. */
const STABLE = "stable";

/**
 * The traffic rules of one service: its subsets, resolver, splits and routes, and the config entries that follow.
 *
 * @internal
 */
export class ServiceTraffic {
  /** The resolver, splitter and router of Consul, once there is something to say in them. */
  resolver: ConsulConfigEntry<consul.ServiceResolverConfigEntry> | undefined;
  splitter: ConsulConfigEntry<consul.ServiceSplitterConfigEntry> | undefined;
  router: ConsulConfigEntry<consul.ServiceRouterConfigEntry> | undefined;

  private readonly declared = new Map<string, Subset>();
  /** Names of the subsets that are kept apart from the stable instances. */
  private readonly aside = new Set<string>();
  private hasVersions = false;
  private resolution: ResolveOptions = {};
  private shares: readonly Split[] | undefined;
  private readonly routing: Route[] = [];
  private testers: { readonly header: HeaderMatch; readonly to: Subset } | undefined;

  constructor(private readonly owner: TrafficOwner) {}

  get subsets(): ReadonlyMap<string, Subset> {
    return this.declared;
  }

  get options(): ResolveOptions {
    return this.resolution;
  }

  get splits(): readonly Split[] {
    return this.shares ?? [];
  }

  get routes(): readonly Route[] {
    return this.routing;
  }

  /** The instances that are of no version and no canary. */
  stableSubset(): Subset {
    const filter = () => {
      const apart = [...this.aside].map((name) => this.declared.get(name)?.filter?.());
      return SubsetFilter.noneOf(...new Set([...apart, this.owner.canaryFilter].filter((each) => each !== undefined)));
    };
    return this.declared.get(STABLE) ?? this.declare(STABLE, filter);
  }

  addSubset(name: string, filter: string, options?: SubsetOptions): Subset {
    this.refuseStable(name);
    return this.declare(name, () => filter, options);
  }

  /** The subset of a version. From now on what names no subset goes to the instances of no version. */
  addVersion(name: string, filter: string): Subset {
    this.refuseStable(name);
    const subset = this.declare(name, () => filter);
    this.aside.add(name);
    this.hasVersions = true;
    this.stableSubset();
    return subset;
  }

  resolve(options: ResolveOptions): void {
    for (const [key, value] of Object.entries(options)) {
      if (value !== undefined && this.resolution[key as keyof ResolveOptions] !== undefined) {
        throw new MeshError(this.owner, `Its ${key} is already said.`, "Say it in one place.");
      }
    }
    this.resolution = { ...this.resolution, ...options };
    for (const { given } of this.references) {
      if (given?.mesh !== undefined) {
        this.owner.mesh.join(given.mesh);
      }
    }
    this.update();
  }

  split(splits: readonly Split[]): void {
    if (this.shares !== undefined) {
      throw new MeshError(
        this.owner,
        "Its requests are already split.",
        "Say all shares in one place: one split, canary or blueGreen.",
      );
    }
    this.shares = splits;
    this.update();
  }

  route(route: Route): void {
    const problem = problemOfRoute(route);
    if (problem !== undefined) {
      throw new MeshError(this.owner, ...problem);
    }
    this.routing.push(route);
    this.update();
  }

  /** Sends all requests that have a header to a subset, wherever they would have gone by the splits. */
  sendTesters(header: string | HeaderMatch, to: Subset): void {
    const match = typeof header === "string" ? { name: header, present: true } : header;
    const problem = problemOfRoute({ match: { headers: [match] } });
    if (problem !== undefined) {
      throw new MeshError(this.owner, ...problem);
    }
    this.testers = { header: match, to };
    this.update();
  }

  /** Keeps a subset apart from the stable instances. */
  setAside({ name }: Subset): void {
    this.aside.add(name);
  }

  /** All that the rules name, this service's own subsets too. */
  get references(): readonly TrafficReference[] {
    const { serviceName } = this.owner;
    const named = (target: FailoverTarget) => {
      const { to, ...place } = this.placed(target);
      return {
        ...(to === undefined ? { service: serviceName, given: this.owner } : { ...namesOf(to), given: serviceOf(to) }),
        ...place,
      };
    };
    const { defaultSubset, redirect } = this;
    return [
      ...(defaultSubset === undefined
        ? []
        : [{ kind: "default subset" as const, service: serviceName, subset: defaultSubset }]),
      ...(redirect === undefined ? [] : [{ kind: "redirect" as const, ...named(redirect) }]),
      ...[...this.failovers.values()].flatMap((targets) =>
        targets.map((target) => ({ kind: "failover" as const, ...named(target) })),
      ),
      ...this.splits.map(({ to }) => ({ kind: "split" as const, ...named({ to }) })),
      ...this.routing.map(({ to }) => ({ kind: "route" as const, ...named({ to }) })),
    ];
  }

  /** Failovers by subset, `*` for all others. */
  get failovers(): ReadonlyMap<string, readonly FailoverTarget[]> {
    const { failover } = this.resolution;
    const entries = failover instanceof Failover ? [["*", failover] as const] : Object.entries(failover ?? {});
    return new Map(entries.map(([subset, { targets }]) => [subset, targets.map((target) => this.placed(target))]));
  }

  /** Where all that is meant for the service is sent. */
  get redirect(): FailoverTarget | undefined {
    const { redirect } = this.resolution;
    return redirect && this.placed({ to: redirect.destination, ...redirect.options });
  }

  /** Name of the subset that answers where none is named. */
  get defaultSubset(): string | undefined {
    const { defaultSubset, redirect } = this.resolution;
    if (defaultSubset === undefined) {
      return this.hasVersions && redirect === undefined ? STABLE : undefined;
    }
    return typeof defaultSubset === "string" ? defaultSubset : namesOf(defaultSubset).subset;
  }

  private refuseStable(name: string): void {
    if (name === STABLE) {
      throw new MeshError(
        this.owner,
        `The subset "${STABLE}" is that of the instances of no version.`,
        `Give this one another name, or use .${STABLE}.`,
      );
    }
  }

  private declare(name: string, filter: () => string, options?: SubsetOptions): Subset {
    if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) {
      throw new MeshError(
        this.owner,
        `"${name}" cannot be the name of a subset.`,
        "Use lower-case letters, digits and dashes, at most 63, no dash at either end.",
      );
    }
    if (this.declared.has(name)) {
      throw new MeshError(this.owner, `The subset "${name}" is already there.`, "Give one of them another name.");
    }
    const subset = Subset.declare(this.owner, name, filter, options);
    this.declared.set(name, subset);
    this.update();
    return subset;
  }

  /** Makes the entries that are needed by now. Services without rules, which are most, have none. */
  private update(): void {
    const { owner } = this;
    const { serviceName: name } = owner;
    owner.mesh.revision++;
    const hasResolution = Object.values(this.resolution).some((option) => option !== undefined);
    if (this.declared.size > 0 || hasResolution) {
      this.resolver ??= new ConsulConfigEntry<consul.ServiceResolverConfigEntry>(owner, "Resolver", {
        kind: "service-resolver",
        name,
        entry: () => this.renderResolver(),
        dependsOn: () => this.resolverNeeds(),
      });
    }
    if (this.shares !== undefined) {
      this.splitter ??= new ConsulConfigEntry<consul.ServiceSplitterConfigEntry>(owner, "Splitter", {
        kind: "service-splitter",
        name,
        entry: () => renderServiceSplitter(this.splits.map(({ to, ...split }) => ({ ...split, ...this.foreign(to) }))),
        dependsOn: () => this.chainNeeds(this.splits.map(({ to }) => to)),
      });
    }
    if (this.renderedRoutes.length > 0) {
      this.router ??= new ConsulConfigEntry<consul.ServiceRouterConfigEntry>(owner, "Router", {
        kind: "service-router",
        name,
        entry: () => renderServiceRouter(this.renderedRoutes),
        dependsOn: () => {
          const destinations = [
            ...this.routing.flatMap(({ to }) => to ?? []),
            ...(this.testers ? [this.testers.to] : []),
          ];
          return this.chainNeeds(destinations, this.splitter);
        },
      });
    }
  }

  private renderResolver(): Omit<consul.ServiceResolverConfigEntry, "Kind" | "Name"> {
    const { connectTimeout, requestTimeout, loadBalancer, override } = this.resolution;
    const { redirect } = this;
    const failovers = [...this.failovers].map(([subset, targets]): [string, ResolverTarget[]] => [
      subset,
      targets.map(({ to, ...place }) => ({ ...this.foreign(to), ...place })),
    ]);
    return overridden(
      renderServiceResolver({
        subsets: new Map(
          [...this.declared].map(([name, { filter, options }]) => [name, { filter: filter?.() ?? "", ...options }]),
        ),
        defaultSubset: this.defaultSubset,
        connectTimeout,
        requestTimeout,
        loadBalancer,
        // Consul takes a subset or a peer only together with the name of the service, even its own.
        redirect: redirect && {
          ...(redirect.to === undefined ? { service: this.owner.serviceName } : namesOf(redirect.to)),
          datacenter: redirect.datacenter,
          peer: redirect.peer,
        },
        failover: new Map(failovers),
      }),
      override,
    );
  }

  /**
   * The routes as Consul gets them. Testers' requests go their way wherever others would have gone by the splits, with all
   * that a route changes; and the resolver's timeout, which Consul leaves out behind a splitter, is said at each route.
   */
  private get renderedRoutes(): readonly ServiceRouteProps[] {
    const { testers } = this;
    const { requestTimeout } = this.resolution;
    const forTesters = (route: ServiceRouteProps): ServiceRouteProps[] =>
      testers === undefined || route.service !== undefined || route.subset !== undefined
        ? []
        : [
            {
              ...route,
              match: { ...route.match, headers: [...(route.match?.headers ?? []), testers.header] },
              ...this.foreign(testers.to),
            },
          ];
    const routes = this.routing.flatMap(({ to, ...changes }): ServiceRouteProps[] => {
      const route = { requestTimeout, ...changes, ...this.foreign(to) };
      return [...forTesters(route), route];
    });
    if (this.routing.some(({ match }) => fitsAll(match))) {
      return routes;
    }
    const rest = { requestTimeout };
    const isRestNeeded = requestTimeout !== undefined && (this.shares !== undefined || routes.length > 0);
    return [...routes, ...forTesters(rest), ...(isRestNeeded ? [rest] : [])];
  }

  /** The names of a destination, as far as they differ from this service. */
  private foreign(to: TrafficDestination | undefined): { service?: string; subset?: string } {
    const { service, subset } = to === undefined ? { service: this.owner.serviceName } : namesOf(to);
    return { service: service === this.owner.serviceName ? undefined : service, subset };
  }

  /** With its cluster peer, if it is of another datacenter's mesh. Whoever says a datacenter means one of a WAN federation. */
  private placed({ to, datacenter, peer }: FailoverTarget): FailoverTarget {
    const abroad = to === undefined ? undefined : serviceOf(to)?.mesh;
    return { to, datacenter, peer: peer ?? (datacenter === undefined ? peerOf(abroad, this.owner.mesh) : undefined) };
  }

  /** Consul judges a resolver by the protocols of those to which it leads, and by their subsets if it names one. */
  private resolverNeeds(): Needs {
    const targets = [...(this.redirect ? [this.redirect] : []), ...[...this.failovers.values()].flat()];
    return [
      this.owner.defaults,
      this.owner.mesh.proxyDefaults,
      ...targets
        .flatMap(({ to, peer }) => (to === undefined || peer !== undefined ? [] : [to]))
        .filter((to) => namesOf(to).service !== this.owner.serviceName)
        .flatMap((to): Needs => {
          const target = this.find(to);
          return [target?.defaults, namesOf(to).subset === undefined ? undefined : target?.traffic?.resolver];
        }),
    ];
  }

  /** A share is sent to a place only once that place is there. */
  private chainNeeds(destinations: readonly TrafficDestination[], ...earlier: Needs): Needs {
    return [
      this.owner.defaults,
      this.owner.mesh.proxyDefaults,
      this.resolver,
      ...earlier,
      ...destinations.flatMap((to): Needs => {
        const target = this.find(to);
        return [target?.defaults, target?.traffic?.resolver, ...(target?.instancesBehind?.(namesOf(to).subset) ?? [])];
      }),
    ];
  }

  /** The member that a destination names, with what rules can wait for. One outside the mesh has its defaults alone. */
  private find(
    to: TrafficDestination,
  ): (IMeshMember & Partial<Pick<TrafficOwner, "defaults" | "traffic" | "instancesBehind">>) | undefined {
    return serviceOf(to) ?? this.owner.mesh.find(namesOf(to).service);
  }
}
