import type { Job } from "@cdktf/provider-nomad/lib/job";
import { Construct } from "constructs";
import type * as consul from "../consul/generated/config-entries";
import { JWT_REQUIREMENTS, renderJwtRequirement, type JwtRequirement } from "../consul/jwt-requirement";
import { Protocol } from "../consul/protocol";
import { knownEntries, knownItems } from "../core/collections";
import { MeshError } from "../core/errors";
import type { Override } from "../core/override";
import { SubsetFilter } from "../consul/subset-filter";
import { withEjection } from "../consul/upstream-config";
import { Graph } from "../model/graph";
import { AllocationPorts, LocalBinds } from "../model/local-ports";
import type { ServiceRecord } from "../model/records";
import type { Snapshot } from "../model/snapshot";
import { upstreamKey } from "../model/upstream";
import type * as nomad from "../nomad/generated/job";
import type { ConnectServiceOptions } from "../nomad/service";
import { renderServiceJob, tasksOf, type ServiceJobProps } from "../nomad/service-job";
import { withoutUndefined } from "../core/without-undefined";
import type { ConsulConfigEntry } from "./config-entry";
import { ImportedService, type ImportedMeshServiceOptions } from "./imported-service";
import { allow, refuseWrongDenial, type DenialOptions, type Intention, type IntentionOptions } from "./intention";
import type { Mesh } from "./mesh";
import { refuseUnknownName, type IMeshMember, type IMeshService } from "./mesh-member";
import { declareJob } from "./jobs/declare-job";
import { connectionsOf, renderUpstreamDefaults } from "./render-upstream";
import {
  addServiceEntries,
  renderServiceDefaults,
  type ServiceDefaults,
  type ServiceDefaultsOptions,
} from "./service-entries";
import { instancesParts, ServiceInstances } from "./service-instances";
import { planBlueGreen, type BlueGreenOptions } from "./traffic/blue-green";
import { planCanary, type CanaryOptions } from "./traffic/canary";
import type { HasSubset } from "./traffic/destination";
import {
  ServiceTraffic,
  type ResolveOptions,
  type Route,
  type Split,
  type TrafficOwner,
} from "./traffic/service-traffic";
import { ServiceVersion, type ServiceVersionProps } from "./traffic/service-version";
import type { Subset, SubsetOptions } from "./traffic/subset";
import * as is from "../core/shape";
import { sharedClass } from "../core/shared-class";
import { GROUP_SERVICE_SHAPE, SERVICE_SHAPE } from "./shapes";

/** Props of {@link ServiceMesh.addService}. */
export interface MeshServiceBaseProps extends ServiceJobProps, ServiceDefaultsOptions {
  /** Name of the service in Consul and of the job in Nomad. A DNS label. @default the construct's id */
  readonly serviceName?: string;
  /** Protocol of the service. @default Protocol.TCP */
  readonly protocol?: Protocol;
}

/** Props of {@link MeshService}. */
export interface MeshServiceProps extends MeshServiceBaseProps {
  /** The mesh of the service, in this stack or another one. */
  readonly mesh: Mesh;
}

/** Props of {@link JobGroup.addService}. */
export interface GroupServiceProps extends ConnectServiceOptions, ServiceDefaultsOptions {
  /** Name of the service in Consul. A DNS label. @default the construct's id */
  readonly serviceName?: string;
  /**
   * Port on which the service listens inside the allocation. A number is part of Envoy's configuration, so it must be a literal. A
   * string is the label of a port of the group with `to`: the service listens on `to`, and the catalog contains the port of the
   * node, so that clients outside the mesh can use it too.
   *
   * @default none: the service only connects to other services
   */
  readonly port?: number | string;
  /** Protocol of the service. @default Protocol.TCP */
  readonly protocol?: Protocol;
  /**
   * Name of the group's task that implements the service. Script checks run in this task, it speaks mutual TLS if the service is
   * Connect native, and the environment variables of the service's connections are set only in it.
   *
   * @default none: the variables are set in all tasks of the group
   */
  readonly task?: string;
  /** Other fields of Nomad's service block. @default none */
  readonly override?: Override<nomad.Service>;
}

/** A service in a group of a job. */
interface InGroup extends GroupServiceProps {
  readonly group: {
    readonly mesh: Mesh;
    readonly job: Job;
    /** Key of the record of the job. */
    readonly key: string;
    readonly name: string;
    /** Names of its tasks. */
    readonly tasks: readonly string[];
    readonly ports: AllocationPorts;
  };
}

/**
 * A service with its job, its Envoy, its `service-defaults`, and its `service-intentions`, which contain all sources that can reach it.
 *
 * @example
 * const dashboard = mesh.addService("count-dashboard", { port: 9002, publish: 9002, workload });
 * dashboard.connectTo(api, { localBindPort: 8080, env: "COUNTING_SERVICE_URL" });
 */
export class MeshService extends ServiceInstances implements TrafficOwner {
  static {
    sharedClass(this, "MeshService");
  }

  /**
   * References a service that another team owns. No resources are emitted for it; its owner decides which services can reach it.
   *
   * @param serviceName name of the service in Consul
   */
  static fromServiceName(
    scope: Construct,
    id: string,
    serviceName: string,
    options: ImportedMeshServiceOptions = {},
  ): IMeshService {
    return new ImportedService(scope, id, serviceName, options);
  }

  readonly serviceName: string;
  readonly protocol: Protocol;
  readonly mesh: Mesh;
  readonly job: Job;
  /** The config entry `service-defaults` of the service. */
  readonly defaults: ConsulConfigEntry<consul.ServiceConfigEntry>;
  /** @internal */
  readonly traffic: ServiceTraffic;

  private readonly props: MeshServiceProps | InGroup;
  private readonly localBinds: LocalBinds;

  /** Creates a service with its own job. For a service in a group of a job, use {@link JobGroup.addService}. */
  constructor(scope: Construct, id: string, props: MeshServiceProps);
  /** @internal */
  // eslint-disable-next-line @typescript-eslint/unified-signatures -- only the first one is public
  constructor(scope: Construct, id: string, props: InGroup);
  constructor(scope: Construct, id: string, given: MeshServiceProps | InGroup) {
    super(scope, id);
    if (is.has(given, "group")) {
      is.refuseWrongValues(this, given, GROUP_SERVICE_SHAPE);
    } else {
      is.refuseWrongValues(this, given, SERVICE_SHAPE);
    }
    const { serviceName = id, protocol = Protocol.TCP, serviceDefaults } = given;
    const mesh = "group" in given ? given.group.mesh : given.mesh;
    refuseUnknownName(this, "service", serviceName);
    this.serviceName = serviceName;
    this.protocol = protocol;
    this.mesh = mesh;
    this.props = "group" in given ? given : { ...mesh.memberDefaults, ...withoutUndefined(given) };
    this.traffic = new ServiceTraffic(this, this.canaryFilter);
    mesh.addMember<ServiceRecord>(this, {
      kind: "service",
      name: serviceName,
      protocol,
      upstreamConfig: serviceDefaults?.UpstreamConfig,
    });
    this.defaults = addServiceEntries(this, (graph) => this.renderDefaults(graph));
    const { props } = this;
    if ("group" in props) {
      const { job, key, name, tasks, ports } = props.group;
      this.localBinds = new LocalBinds(ports);
      this.addInstances({ ...instancesParts(this, key, name, props, tasks), localBinds: this.localBinds });
      this.job = job;
    } else {
      this.localBinds = new LocalBinds(new AllocationPorts());
      const key = this.node.path;
      this.addInstances({
        ...instancesParts(this, key, serviceName, props, tasksOf(serviceName, props)),
        localBinds: this.localBinds,
      });
      const { region, namespace, waitUntilHealthy } = props;
      this.job = declareJob(this, {
        ...{ mesh, region, namespace, id: serviceName, owner: key, waitUntilHealthy },
        render: (graph) => renderServiceJob(props, { serviceName, ...connectionsOf(graph, key) }),
        needs: () => [this.defaults, { entry: { kind: "service-resolver", name: serviceName } }],
      });
    }
  }

  /**
   * The subset `stable`: all instances except those of versions and canaries. It contains the instances of the service's own job,
   * without Nomad's canaries if `canaryTags` or `canaryMeta` distinguish them.
   *
   * If you may add a version later, call `api.resolve({ defaultSubset: api.stable })` from the start. When the default subset changes
   * its name, Consul removes the old name from Envoy a moment before it adds the new one, and requests in between are lost.
   */
  get stable(): Subset {
    return this.traffic.stableSubset();
  }

  /**
   * Allows another service to reach this one (an intention). It adds no upstream: call `addUpstream` of the other service.
   *
   * @param source the service or gateway, its name in this mesh, or `"*"` for any service
   */
  allowFrom(source: IMeshMember | string, options: IntentionOptions = {}): Intention {
    return allow(this, this.mesh, source, this, options);
  }

  /**
   * Denies everything to another service. It is needed only if an intention for any service allows it: with `allowFrom("*")` and
   * `denyFrom(x)`, all services but x can reach this one. An exact source takes precedence over `"*"`, so with `denyFrom("*")` in a cluster
   * that allows by default, only the services of `allowFrom` and `connectTo` can reach it.
   *
   * @param source the service or gateway, its name in this mesh, or `"*"` for any service
   */
  denyFrom(source: IMeshMember | string, options: DenialOptions = {}): Intention {
    refuseWrongDenial(this, options);
    return allow(this, this.mesh, source, this, options, true);
  }

  /**
   * Requires one of these tokens of every request to this service, from every source of its intentions. Its Envoy responds with status 403 to
   * a request without one. The protocol of the service must be http, http2 or grpc: Envoy does not read requests of others, and would let all in.
   *
   * To require a token only for some requests, use {@link HttpPermission.requireJwt}. A request for which both apply needs both.
   *
   * @example
   * api.requireJwt({ provider: login, claims: [{ path: ["team"], value: "shop" }] });
   * @throws MeshError if a token is already required
   * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/service-intentions#jwt
   */
  requireJwt(...tokens: readonly [JwtRequirement, ...JwtRequirement[]]): void {
    is.refuseWrongArgument(this, "tokens", tokens, JWT_REQUIREMENTS);
    const key = this.node.path;
    if (Graph.of(this).read((data) => data.tokens.has(key))) {
      throw new MeshError(
        this,
        "requireJwt is called twice.",
        "Pass all tokens to one call: a request then needs one of them.",
      );
    }
    Graph.of(this).write(this, (data) => data.tokens.set(key, renderJwtRequirement(tokens)));
  }

  /**
   * Adds a subset of the instances, which routes, splits and failovers can refer to.
   *
   * @param filter a filter expression of Consul, such as `SubsetFilter.tag("eu")` or `Service.Meta.version == "v2"`
   * @throws MeshError if the name is taken, or is not a DNS label
   */
  addSubset(name: string, filter: string, options: SubsetOptions = {}): Subset {
    return this.traffic.addSubset(name, filter, options);
  }

  /**
   * Adds a job that runs another version of this service. The version gets no requests until a traffic rule sends some to it.
   *
   * @param version metadata `version` of the instances, and name of their subset
   * @throws MeshError for a service in a group of a job
   */
  addVersion(version: string, props: ServiceVersionProps): ServiceVersion {
    if ("group" in this.props) {
      throw new MeshError(
        this,
        `addVersion("${version}"): Only services with their own job can have versions, but this one shares the group "${this.props.group.name}" with others.`,
        `Create it with mesh.addService("${this.serviceName}", { workload, … }), and connect it to the other services of the group with connectTo.`,
      );
    }
    return new ServiceVersion(this, version, props, { props: this.props, localBinds: this.localBinds });
  }

  /**
   * Sets how the instances of this service are found (the config entry `service-resolver`): default subset, timeouts, load balancing,
   * redirect and failover. It can be called several times, with different options.
   *
   * @throws MeshError if an option was set before
   */
  resolve(options: ResolveOptions): void {
    this.traffic.resolve(options);
  }

  /**
   * Splits the requests by weight (the config entry `service-splitter`). The protocol of the service must be http, http2 or grpc.
   *
   * @throws MeshError if the requests are already split, by this method, `canary` or `blueGreen`
   */
  split(splits: readonly Split[]): void {
    this.traffic.split(splits);
  }

  /**
   * Adds a route for some of the requests (the config entry `service-router`). The first route that matches a request applies, in the
   * order of the calls. Splits apply to requests that match no route. The protocol of the service must be http, http2 or grpc.
   *
   * @throws MeshError if Consul would refuse the route
   */
  route(route: Route): void {
    this.traffic.route(route);
  }

  /**
   * Sends a percentage of the requests to a canary, and all requests that have the header of testers. To continue the rollout, raise
   * the percentage; no requests are lost.
   *
   * @param canary a version of this service, or a subset, such as the subset of Nomad's canaries
   * @throws MeshError if the canary belongs to another service, or if the requests are already split
   */
  canary(canary: Subset | HasSubset, options: CanaryOptions): void {
    planCanary(this, canary, options);
  }

  /**
   * Sends all requests to one of two versions, except requests that have the header of testers, which go to the other version. To
   * switch, change `live`; no requests are lost.
   */
  blueGreen(options: BlueGreenOptions): void {
    planBlueGreen(this, options);
  }

  /** Fields of the options, with the upstream settings of all connections, including those of versions. */
  private renderDefaults(graph: Snapshot): ServiceDefaults {
    const serviceDefaults = renderServiceDefaults(this.props);
    const { connectNative } = this.props;
    const upstreams = graph.instancesOf(this.node.path).flatMap((instances) => graph.upstreamsOf(instances));
    if (upstreams.length === 0 || connectNative === true) {
      return serviceDefaults;
    }
    const said = new Map<string, consul.UpstreamConfig>();
    for (const upstream of upstreams) {
      const defaults = renderUpstreamDefaults(upstream);
      if (defaults !== undefined) {
        said.set(upstreamKey(upstream), defaults);
      }
    }
    const { UpstreamConfig } = serviceDefaults;
    // A passive health check of an override replaces the whole check of the defaults.
    const given = (UpstreamConfig?.Overrides ?? []).map((it) => (it.PassiveHealthCheck ? withEjection(it) : it));
    const Overrides = [...given, ...said.values()];
    return {
      ...serviceDefaults,
      UpstreamConfig: {
        Defaults: withEjection(UpstreamConfig?.Defaults),
        ...(Overrides.length > 0 && { Overrides }),
      },
    };
  }

  /** Filter for Nomad's canaries among the service's own instances: a tag, or metadata, that only canaries have. */
  private get canaryFilter(): string | undefined {
    const { tags, canaryTags, meta = {}, canaryMeta } = this.props;
    const tag = knownItems(canaryTags).find((each) => !knownItems(tags).includes(each));
    const entry = knownEntries(canaryMeta).find(([key, value]) => meta[key] !== value);
    return tag === undefined ? entry && SubsetFilter.meta(...entry) : SubsetFilter.tag(tag);
  }
}
