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
import { ConsulConfigEntry } from "../config-entry";
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
 * What holds for all who reach a service, without looking into requests.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/service-resolver
 */
export interface ResolveOptions {
  /** Which instances answer where no rule names a subset. @default all, or those of no version once there is a version */
  readonly defaultSubset?: Subset | HasSubset | string;
  /** How long a connection to an instance may take to open. @default "5s" */
  readonly connectTimeout?: DurationLike;
  /** How long a request may take; a route may say otherwise. Only for services with the protocol http, http2 or grpc. @default "15s" */
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
  /** Where the share goes. */
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
  readonly mesh: Mesh;
  /** @internal */
  readonly traffic: ServiceTraffic;
}

/**
 * The traffic rules of one service: what states them, and the config entries that follow.
 *
 * @internal
 */
export class ServiceTraffic {
  /** @param canaryFilter picks those of its own instances that Nomad runs as canaries, where they can be told outsideStable */
  constructor(
    private readonly owner: TrafficOwner,
    private readonly canaryFilter?: string,
  ) {}

  /** The instances that are of no version and no canary. */
  stableSubset(): Subset {
    this.change((traffic) => {
      if (!traffic.subsets.has(STABLE)) {
        traffic.subsets.set(STABLE, { canaryFilter: this.canaryFilter, isVersion: false });
      }
    });
    return Subset.of(this.owner, STABLE);
  }

  /** @throws MeshError if the name is taken, or is no DNS label */
  addSubset(name: string, filter: string, options: SubsetOptions = {}): Subset {
    is.refuseWrongArgument(this.owner, "name", name, is.text);
    is.refuseWrongArgument(this.owner, "filter", filter, is.name);
    is.refuseWrongValues(this.owner, options, SUBSET_SHAPE, "subset", name);
    const { onlyPassing } = options;
    return this.declare(name, { filter, onlyPassing, isVersion: false });
  }

  /** The subset of a version. From now on what names no subset goes to the instances of no version. */
  addVersion(name: string, filter: string): Subset {
    const subset = this.declare(name, { filter, isVersion: true });
    this.excludeFromStable(subset);
    this.stableSubset();
    return subset;
  }

  /** @throws MeshError if an option is given twice */
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

  /** @throws MeshError if requests are split already */
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

  /** @throws MeshError for what Consul would refuse */
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

  /** Sends all requests that have a header to a subset, wherever they would have gone by the splits. */
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

  /** Keeps a subset outsideStable from the stable instances. */
  excludeFromStable({ name }: Subset): void {
    this.change(({ outsideStable }) => outsideStable.add(name));
  }

  /** Whether it is stated which instances answer where no subset is named. */
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

  /** Changes the record, and declares the entries that are needed by then. Services without rules, which are most, have none. */
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
    new ConsulConfigEntry(owner, id, {
      kind,
      name: owner.serviceName,
      entry: (graph) => render(graph, recordOf(graph)),
      dependsOn: (graph) => needs(graph, recordOf(graph)),
      // Others name its subsets; where it leads to others itself, all of them must speak one protocol.
      isRemovedLast: (graph) => kind === "service-resolver" && !leadsElsewhere(graph, recordOf(graph)),
      renewedBy: { protocol: owner.protocol },
    });
  }
}
