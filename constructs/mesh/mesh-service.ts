import type { Job } from "@cdktf/provider-nomad/lib/job";
import { Token } from "cdktf";
import { Construct } from "constructs";
import type { ConsulConfigEntry } from "../consul/consul-config-entry";
import type * as consul from "../consul/generated/config-entries";
import { Protocol } from "../consul/protocol";
import { SubsetFilter } from "../consul/subset-filter";
import { withEjection } from "../consul/upstream-config";
import { knownEntries, knownItems } from "../core/collections";
import { MeshError } from "../core/errors";
import type { ServiceJobProps } from "../nomad/service-job";
import { Intention, type IntentionOptions } from "./intention";
import { LocalBinds } from "./local-ports";
import { MeshJob } from "./mesh-job";
import type { IMeshMember, IMeshService } from "./mesh-member";
import { addServiceEntries, type ServiceDefaults } from "./service-entries";
import { ServiceJob } from "./service-job";
import type { ServiceMesh } from "./service-mesh";
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
  readonly mesh: ServiceMesh;
}

/** What is known of a service that another team owns. */
export interface ImportedMeshServiceOptions {
  /** What it speaks. @default Protocol.TCP */
  readonly protocol?: Protocol;
}

/**
 * A service with its job, its Envoy, its defaults in Consul, and the one entry that says who may reach it.
 *
 * @example
 * const dashboard = mesh.addService("count-dashboard", { port: 9002, publish: 9002, workload });
 * dashboard.connectTo(api, { localBindPort: 8080, env: "COUNTING_SERVICE_URL" });
 */
export class MeshService extends ServiceJob implements TrafficOwner {
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
    return new ImportedMeshService(scope, id, serviceName, options);
  }

  readonly serviceName: string;
  readonly protocol: Protocol;
  readonly mesh: ServiceMesh;
  readonly props: MeshServiceProps;
  /** Its service-defaults. */
  readonly defaults: ConsulConfigEntry<consul.ServiceConfigEntry>;
  /** @internal */
  readonly traffic: ServiceTraffic = new ServiceTraffic(this);

  protected readonly localBinds: LocalBinds;
  protected readonly meshJob: MeshJob;
  private readonly ownVersions: ServiceVersion[] = [];

  constructor(scope: Construct, id: string, props: MeshServiceProps) {
    super(scope, id);
    this.serviceName = props.serviceName ?? id;
    this.protocol = props.protocol ?? Protocol.TCP;
    this.mesh = props.mesh;
    this.props = props;
    this.localBinds = new LocalBinds(props.port);
    if (Token.isUnresolved(this.serviceName)) {
      throw new MeshError(
        this,
        "The name of the service is only known to Terraform.",
        "Give it literally: the graph is built on names.",
      );
    }
    props.mesh.registerService(this);

    this.defaults = addServiceEntries(this, () => this.renderDefaults());
    this.meshJob = new MeshJob(
      this,
      props.mesh,
      { ...this.effectiveProps, id: this.jobName },
      () => this.renderAnew(),
      () => [this.defaults, this.traffic.resolver],
    );
  }

  /** @internal */
  get jobName(): string {
    return this.serviceName;
  }

  /** Its versions, see {@link addVersion}. */
  get versions(): readonly ServiceVersion[] {
    return this.ownVersions;
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
    return this.mesh.addIntention(new Intention(this, source, this.serviceName, options));
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
   * Adds a job that runs another version of this service beside it. It gets nothing until a rule sends it something.
   *
   * @param version metadata `version` of its instances, and name of their subset
   */
  addVersion(version: string, props: ServiceVersionProps): ServiceVersion {
    const added = new ServiceVersion(this, version, props, this.localBinds);
    this.ownVersions.push(added);
    return added;
  }

  /**
   * Says how those who reach this service find an instance.
   *
   * @throws MeshError if something is said twice
   */
  resolve(options: ResolveOptions): void {
    this.traffic.resolve(options);
  }

  /**
   * Splits the requests by weight. The service must speak http, http2 or gRPC.
   *
   * @throws MeshError if they are split already
   */
  split(splits: readonly Split[]): void {
    this.traffic.split(splits);
  }

  /**
   * Treats some requests in a way of their own. The first route that fits a request decides; what fits none goes by the
   * splits. The service must speak http, http2 or gRPC.
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
  private renderDefaults(): ServiceDefaults {
    const { serviceDefaults = {}, connectNative } = this.props;
    const upstreams = [this, ...this.ownVersions].flatMap((job) => job.upstreams);
    if (upstreams.length === 0 || connectNative === true) {
      return serviceDefaults;
    }
    const said = new Map<string, consul.UpstreamConfig>();
    for (const upstream of upstreams) {
      const defaults = upstream.renderDefaults();
      if (defaults !== undefined) {
        said.set(upstream.key, defaults);
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

  /** @internal By a tag, or by metadata, that only its canaries have. */
  get canaryFilter(): string | undefined {
    const { tags, canaryTags, meta = {}, canaryMeta } = this.props;
    const tag = knownItems(canaryTags).find((each) => !knownItems(tags).includes(each));
    const entry = knownEntries(canaryMeta).find(([key, value]) => meta[key] !== value);
    return tag === undefined ? entry && SubsetFilter.meta(...entry) : SubsetFilter.tag(tag);
  }

  /** @internal */
  instancesBehind(subset: string | undefined): readonly Job[] {
    const versions = this.ownVersions.filter(({ version }) => subset === undefined || version === subset);
    return [this, ...versions].map(({ job }) => job);
  }
}

class ImportedMeshService extends Construct implements IMeshService {
  readonly protocol: Protocol;
  readonly mesh = undefined;

  constructor(
    scope: Construct,
    id: string,
    readonly serviceName: string,
    options: ImportedMeshServiceOptions,
  ) {
    super(scope, id);
    this.protocol = options.protocol ?? Protocol.TCP;
  }
}
