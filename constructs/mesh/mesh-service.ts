import type { Job } from "@cdktf/provider-nomad/lib/job";
import { Construct } from "constructs";
import type * as consul from "../consul/generated/config-entries";
import { Protocol } from "../consul/protocol";
import { knownEntries, knownItems } from "../core/collections";
import { MeshError } from "../core/errors";
import type { Override } from "../core/override";
import { SubsetFilter } from "../consul/subset-filter";
import { withEjection } from "../consul/upstream-config";
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
import { allow, type Intention, type IntentionOptions } from "./intention";
import type { Mesh } from "./mesh";
import { refuseUnknownName, type IMeshMember, type IMeshService } from "./mesh-member";
import { declareJob } from "./jobs/declare-job";
import { connectionsOf, renderUpstreamDefaults } from "./render-upstream";
import { addServiceEntries, type ServiceDefaults } from "./service-entries";
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

/** What {@link ServiceMesh.addService} takes. */
export interface MeshServiceBaseProps extends ServiceJobProps {
  /** Name in Consul, and of the job. A DNS label. @default the construct's id */
  readonly serviceName?: string;
  /** What it speaks. @default Protocol.TCP */
  readonly protocol?: Protocol;
  /** Further fields of its service-defaults. @default none */
  readonly serviceDefaults?: ServiceDefaults;
}

/** Props of {@link MeshService}. */
export interface MeshServiceProps extends MeshServiceBaseProps {
  /** The mesh that it belongs to, in this stack or another one. */
  readonly mesh: Mesh;
}

/** What {@link JobGroup.addService} takes. */
export interface GroupServiceProps extends ConnectServiceOptions {
  /** Name in Consul. A DNS label. @default the construct's id */
  readonly serviceName?: string;
  /**
   * Where it listens inside its allocation: a number, since Envoy is told it literally; or the label of a port of the group that
   * leads `to` one, at which it is then in the catalog, for those outside the mesh too.
   *
   * @default nowhere: it only reaches others
   */
  readonly port?: number | string;
  /** What it speaks. @default Protocol.TCP */
  readonly protocol?: Protocol;
  /** Name of the task that it is, where scripts run, native mutual TLS is spoken, and variables of connections are set. @default all */
  readonly task?: string;
  /** Further fields of its service-defaults. @default none */
  readonly serviceDefaults?: ServiceDefaults;
  /** Anything else of Nomad's service block. @default none */
  readonly override?: Override<nomad.Service>;
}

/** A service in a group of a job. */
interface InGroup extends GroupServiceProps {
  readonly group: {
    readonly mesh: Mesh;
    readonly job: Job;
    /** Key of the job. */
    readonly key: string;
    readonly name: string;
    /** Names of its tasks. */
    readonly tasks: readonly string[];
    readonly ports: AllocationPorts;
  };
}

/**
 * A service with its job, its Envoy, its defaults in Consul, and the one entry that says who may reach it.
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
   * A service that another team owns. Nothing is emitted for it: who may reach it is for its owner to say.
   *
   * @param serviceName its name in Consul
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
  /** Its service-defaults. */
  readonly defaults: ConsulConfigEntry<consul.ServiceConfigEntry>;
  /** @internal */
  readonly traffic: ServiceTraffic;

  private readonly props: MeshServiceProps | InGroup;
  private readonly localBinds: LocalBinds;

  /** In a job of its own; one in a group of a job is made by {@link JobGroup.addService}. */
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
   * Its instances that are of no version and no canary: those of its own job, without Nomad's canaries where `canaryTags` or
   * `canaryMeta` tell them apart. Where a first version is to come later, have them answer by this name from the start,
   * `api.resolve({ defaultSubset: api.stable })`: Consul drops what Envoy knows under one name a moment before it names
   * another, and requests in between are lost.
   */
  get stable(): Subset {
    return this.traffic.stableSubset();
  }

  /**
   * Lets another service reach this one. Adds no upstream: the other one says `addUpstream`.
   *
   * @param source the service or gateway, its name in this mesh, or `"*"` for any
   */
  allowFrom(source: IMeshMember | string, options: IntentionOptions = {}): Intention {
    return allow(this, this.mesh, source, this, options);
  }

  /**
   * Names a part of the instances, which routes, splits and failovers can point to.
   *
   * @param filter e.g. `SubsetFilter.tag("eu")`, or any expression such as `Service.Meta.version == "v2"`
   * @throws MeshError if the name is taken, or is no DNS label
   */
  addSubset(name: string, filter: string, options: SubsetOptions = {}): Subset {
    return this.traffic.addSubset(name, filter, options);
  }

  /**
   * Adds a job that runs another version of this service next to it. It gets nothing until a rule sends it something.
   *
   * @param version metadata `version` of its instances, and name of their subset
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
   * Says how those who reach this service find an instance.
   *
   * @throws MeshError if an option is given twice
   */
  resolve(options: ResolveOptions): void {
    this.traffic.resolve(options);
  }

  /**
   * Splits the requests by weight. The service must have the protocol http, http2 or grpc.
   *
   * @throws MeshError if they are split already
   */
  split(splits: readonly Split[]): void {
    this.traffic.split(splits);
  }

  /**
   * Treats some requests in a way of their own. The first route that fits a request decides; what fits none goes by the
   * splits. The service must have the protocol http, http2 or grpc.
   *
   * @throws MeshError for what Consul would refuse
   */
  route(route: Route): void {
    this.traffic.route(route);
  }

  /**
   * Sends a part of the requests to a canary, and those of testers, who have a header, every time. To go on, raise the
   * percentage; no request is lost on the way.
   *
   * @param canary a version of this service, or a subset, such as that of Nomad's own canaries
   */
  canary(canary: Subset | HasSubset, options: CanaryOptions): void {
    planCanary(this, canary, options);
  }

  /**
   * Sends all requests to one of two versions, and to the other one only those of testers, who have a header. To switch,
   * change `live`; no request is lost on the way.
   */
  blueGreen(options: BlueGreenOptions): void {
    planBlueGreen(this, options);
  }

  /** The defaults that were given, and what connections say of their upstreams, those of versions too. */
  private renderDefaults(graph: Snapshot): ServiceDefaults {
    const { serviceDefaults = {}, connectNative } = this.props;
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
    // A check of an override replaces the one of the defaults as a whole.
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

  /** Picks those of its own instances that Nomad runs as canaries: by a tag, or by metadata, that only they have. */
  private get canaryFilter(): string | undefined {
    const { tags, canaryTags, meta = {}, canaryMeta } = this.props;
    const tag = knownItems(canaryTags).find((each) => !knownItems(tags).includes(each));
    const entry = knownEntries(canaryMeta).find(([key, value]) => meta[key] !== value);
    return tag === undefined ? entry && SubsetFilter.meta(...entry) : SubsetFilter.tag(tag);
  }
}
