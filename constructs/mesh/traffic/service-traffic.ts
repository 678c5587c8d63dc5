import type { Construct } from "constructs";
import { optionalConsulDuration } from "../../core/duration";
import type * as consul from "../../consul/generated/config-entries";
import { renderHeaderMatch, type HeaderMatch } from "../../consul/http-permission";
import type { LoadBalancer } from "../../consul/load-balancer";
import { problemOfRoute, renderRoute, type RouteChanges, type RouteMatch } from "../../consul/service-router";
import { renderSplitChanges, type SplitChanges } from "../../consul/service-splitter";
import type { Override } from "../../core/override";
import { MeshError } from "../../core/errors";
import { Graph } from "../../model/graph";
import type { Need } from "../../model/needs";
import type { Reference, ResolveRecord, SubsetRecord, TrafficOwnerRecord, TrafficRecord } from "../../model/records";
import type { Snapshot } from "../../model/snapshot";
import { defaultSubsetOf, noTraffic, STABLE } from "../../model/traffic";
import type { DurationLike } from "../../core/duration";
import { withoutUndefined } from "../../core/without-undefined";
import { DerivedConfigEntry } from "../config-entry";
import type { IMeshService } from "../mesh-member";
import type { Mesh } from "../mesh";
import { referenceToDestination, subsetOf, type HasSubset, type TrafficDestination } from "./destination";
import { Failover } from "./failover";
import type { Redirect } from "./redirect";
import {
  leadsElsewhere,
  needsOfResolver,
  needsOfRouter,
  needsOfSplitter,
  renderResolver,
  renderRouter,
  renderSplitter,
} from "./render-traffic";
import { Subset, SUBSET_SHAPE, type SubsetOptions } from "./subset";
import * as is from "../../core/shape";
import { RESOLVE_SHAPE, ROUTE_SHAPE, SPLIT_SHAPE } from "../shapes";

/**
 * Options of a service that apply to all its clients, to connections as well as requests.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/service-resolver
 */
export interface ResolveOptions {
  /**
   * Subset that gets the requests for which no rule sets a subset: a version, a subset, or the name of one.
   *
   * @default all instances; if the service has a version, `stable`, the instances without a version
   */
  readonly defaultSubset?: Subset | HasSubset | string;
  /** Maximum time to open a connection to an instance. @default "5s" */
  readonly connectTimeout?: DurationLike;
  /** Maximum duration of a request. A route can override it. Only for services with the protocol http, http2 or grpc. @default "15s" */
  readonly requestTimeout?: DurationLike;
  /** How Envoy chooses an instance. @default LoadBalancer.roundRobin() */
  readonly loadBalancer?: LoadBalancer;
  /** Sends everything to another destination. With a redirect to another service, the other options have no effect. @default none */
  readonly redirect?: Redirect;
  /**
   * Where requests go if there is no healthy instance. In a map, each key is the name of the subset that fails; `*` applies to all other
   * subsets.
   *
   * @default none: such requests fail
   */
  readonly failover?: Failover | Readonly<Record<string, Failover>>;
  /** Other fields of the config entry `service-resolver`. @default none */
  readonly override?: Override<Omit<consul.ServiceResolverConfigEntry, "Kind" | "Name">>;
}

/** A share of a service's requests. */
export interface Split extends SplitChanges {
  /** The destination of this share. */
  readonly to: TrafficDestination;
  /** Percentage of the requests: from 0 to 100, in steps of 0.01. All weights of a service must sum to 100. */
  readonly weight: number;
}

/** A route: a condition for requests, and what happens to the requests that match. */
export interface Route extends RouteChanges {
  /** Which requests the route applies to. @default all requests */
  readonly match?: RouteMatch;
  /** Destination of the requests. @default the service itself, with its splits */
  readonly to?: TrafficDestination;
}

/** A service or virtual service, which can have traffic rules. */
export interface TrafficOwner extends Construct, IMeshService {
  readonly mesh: Mesh;
  /** @internal */
  readonly traffic: ServiceTraffic;
}

/**
 * The traffic rules of one service, and the config entries that are generated from them.
 *
 * @internal
 */
export class ServiceTraffic {
  /** @param canaryFilter filter for Nomad's canaries among the service's own instances, if they can be distinguished */
  constructor(
    private readonly owner: TrafficOwner,
    private readonly canaryFilter?: string,
  ) {}

  /** The subset of all instances except those of versions and canaries. */
  stableSubset(): Subset {
    this.change((traffic) => {
      if (!traffic.subsets.has(STABLE)) {
        traffic.subsets.set(STABLE, { canaryFilter: this.canaryFilter, isVersion: false });
      }
    });
    return Subset.of(this.owner, STABLE);
  }

  /** @throws MeshError if the name is taken, or is not a DNS label */
  addSubset(name: string, filter: string, options: SubsetOptions = {}): Subset {
    is.refuseWrongArgument(this.owner, "name", name, is.text);
    is.refuseWrongArgument(this.owner, "filter", filter, is.name);
    is.refuseWrongValues(this.owner, options, SUBSET_SHAPE, "subset", name);
    const { onlyPassing } = options;
    return this.declare(name, { filter, onlyPassing, isVersion: false });
  }

  /** Adds the subset of a version. From then on, requests for which no rule sets a subset go to the instances without a version. */
  addVersion(name: string, filter: string): Subset {
    const subset = this.declare(name, { filter, isVersion: true });
    this.excludeFromStable(subset);
    this.stableSubset();
    return subset;
  }

  /** @throws MeshError if an option was set before */
  resolve(options: ResolveOptions): void {
    is.refuseWrongValues(this.owner, options, RESOLVE_SHAPE, "resolve");
    this.change((traffic) => {
      const { resolve } = traffic;
      const given = Object.entries(options).flatMap(([key, value]) => (value === undefined ? [] : [key]));
      const twice = given.find((key) => resolve.given.includes(key));
      if (twice !== undefined) {
        throw new MeshError(this.owner, `Its ${twice} is already set.`, "Set it in one place.");
      }
      const { fields, ...stated } = this.resolveRecord(options);
      traffic.resolve = {
        ...{ ...resolve, ...stated, given: [...resolve.given, ...given] },
        fields: { ...resolve.fields, ...fields },
      };
    });
  }

  /** @throws MeshError if the requests are already split */
  split(splits: readonly Split[]): void {
    is.refuseWrongArgument(this.owner, "splits", splits, is.list(is.anything));
    splits.forEach((split, index) => {
      is.refuseWrongValues(this.owner, split, SPLIT_SHAPE, `split[${index}]`);
    });
    this.change((traffic) => {
      if (traffic.splits !== undefined) {
        throw new MeshError(
          this.owner,
          "Its requests are already split.",
          "Set all weights in one call of split, canary or blueGreen.",
        );
      }
      traffic.splits = splits.map(({ to, weight, ...changes }) => ({
        ...{ to: this.reference(to), weight, fields: renderSplitChanges(changes) },
      }));
    });
  }

  /** @throws MeshError if Consul would refuse the route */
  route(given: Route): void {
    is.refuseWrongValues(this.owner, given, ROUTE_SHAPE, "route");
    const { to, ...route } = given;
    const problem = problemOfRoute(route);
    if (problem !== undefined) {
      throw new MeshError(this.owner, ...problem);
    }
    this.change(({ routes }) => {
      routes.push({ to: to === undefined ? undefined : this.reference(to), ...renderRoute(route) });
    });
  }

  /** Sends all requests with a header to a subset, in place of the destination that the splits would choose. */
  sendTesters(header: string | HeaderMatch, to: Subset): void {
    const match = typeof header === "string" ? { name: header, present: true } : header;
    const problem = problemOfRoute({ match: { headers: [match] } });
    if (problem !== undefined) {
      throw new MeshError(this.owner, ...problem);
    }
    this.change((traffic) => {
      traffic.testers = { header: renderHeaderMatch(match), to: this.reference(to) };
    });
  }

  /** Excludes the instances of a subset from the subset `stable`. */
  excludeFromStable({ name }: Subset): void {
    this.change(({ outsideStable }) => outsideStable.add(name));
  }

  /** Whether the service has a default subset. */
  get hasDefaultSubset(): boolean {
    return defaultSubsetOf(this.record) !== undefined;
  }

  private get record(): TrafficRecord {
    return Graph.of(this.owner).read(({ traffic }) => traffic.get(this.owner.node.path)) ?? noTraffic();
  }

  private reference(to: TrafficDestination): Reference {
    return referenceToDestination(to, this.owner.mesh);
  }

  private resolveRecord(options: ResolveOptions): Omit<ResolveRecord, "given"> {
    const { defaultSubset, connectTimeout, requestTimeout, loadBalancer, redirect, failover, override } = options;
    const self = this.owner.serviceName;
    const { mesh } = this.owner;
    const targetsOf = ({ targets }: Failover) =>
      targets.map(({ to = self, ...place }) => referenceToDestination(to, mesh, place));
    const record: Omit<ResolveRecord, "given"> = {
      defaultSubset: typeof defaultSubset === "object" ? subsetOf(defaultSubset).name : defaultSubset,
      redirect: redirect && referenceToDestination(redirect.destination ?? self, mesh, redirect.options),
      failover:
        failover instanceof Failover
          ? { "*": targetsOf(failover) }
          : failover && Object.fromEntries(Object.entries(failover).map(([name, each]) => [name, targetsOf(each)])),
      fields: withoutUndefined({
        ConnectTimeout: optionalConsulDuration(connectTimeout),
        RequestTimeout: optionalConsulDuration(requestTimeout),
        LoadBalancer: loadBalancer?.render(),
      }),
      override,
    };
    return withoutUndefined(record);
  }

  private declare(name: string, record: SubsetRecord): Subset {
    if (name === STABLE) {
      throw new MeshError(
        this.owner,
        `The subset "${STABLE}" is reserved for the instances without a version.`,
        `Rename this one, or use .${STABLE}.`,
      );
    }
    if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) {
      throw new MeshError(
        this.owner,
        `"${name}" cannot be the name of a subset.`,
        "Use lower-case letters, digits and dashes, at most 63 characters, no dash at either end.",
      );
    }
    this.change(({ subsets }) => {
      if (subsets.has(name)) {
        throw new MeshError(this.owner, `The subset "${name}" already exists.`, "Change one of the names.");
      }
      subsets.set(name, record);
    });
    return Subset.of(this.owner, name);
  }

  /** Changes the record, and declares the config entries that it then requires. Most services have no rules, and so no such entries. */
  private change(change: (traffic: TrafficRecord) => unknown): void {
    const key = this.owner.node.path;
    const traffic = Graph.of(this.owner).write(this.owner, (data) => {
      const record = data.traffic.get(key) ?? noTraffic();
      change(record);
      data.traffic.set(key, record);
      return record;
    });
    if (traffic.subsets.size > 0 || traffic.resolve.given.length > 0) {
      this.declareEntry("Resolver", "service-resolver", renderResolver, needsOfResolver);
    }
    if (traffic.splits !== undefined) {
      this.declareEntry("Splitter", "service-splitter", renderSplitter, needsOfSplitter);
    }
    const { routes, testers, splits, resolve } = traffic;
    if (
      routes.length > 0 ||
      testers !== undefined ||
      (splits !== undefined && resolve.fields.RequestTimeout !== undefined)
    ) {
      this.declareEntry("Router", "service-router", renderRouter, needsOfRouter);
    }
  }

  private declareEntry(
    id: string,
    kind: "service-resolver" | "service-splitter" | "service-router",
    render: (graph: Snapshot, owner: TrafficOwnerRecord) => object | undefined,
    needs: (graph: Snapshot, owner: TrafficOwnerRecord) => readonly Need[],
  ): void {
    const { owner } = this;
    if (owner.node.tryFindChild(id) !== undefined) {
      return;
    }
    const recordOf = (graph: Snapshot) => graph.data.members.get(owner.node.path) as TrafficOwnerRecord;
    new DerivedConfigEntry(owner, id, {
      kind,
      name: owner.serviceName,
      entry: (graph) => render(graph, recordOf(graph)),
      dependsOn: (graph) => needs(graph, recordOf(graph)),
      // Other entries refer to the subsets of a resolver, so it is deleted last. If it refers to other services itself, all of them must
      // have the same protocol, so it must be deleted before their protocols change.
      isRemovedLast: (graph) => kind === "service-resolver" && !leadsElsewhere(graph, recordOf(graph)),
      renewedBy: { protocol: owner.protocol },
    });
  }
}
