import { mergeMaps } from "../../core/collections";
import { SubsetFilter } from "../../consul/subset-filter";
import type { ServiceJobProps } from "../../nomad/service-job";
import { LocalBinds } from "../local-ports";
import { MeshJob } from "../mesh-job";
import type { MeshService } from "../mesh-service";
import { ServiceJob } from "../service-job";
import type { Upstream } from "../upstream";
import type { Subset } from "./subset";

/** What {@link MeshService.addVersion} takes: what differs from the service itself. */
export interface ServiceVersionProps
  extends Partial<Omit<ServiceJobProps, "workload">>, Pick<ServiceJobProps, "workload"> {
  /**
   * Whether its Envoys reach what the service's own do, at the same local ports and by the same variables.
   *
   * @default true
   */
  readonly inheritConnections?: boolean;
  /** Port of the node, see {@link ServiceJobProps.publish}. @default none, whatever the service publishes */
  readonly publish?: number;
}

/**
 * Another version of a service: a job of its own, registered under the service's own name, so with its identity, its
 * intentions and its defaults. Its instances, Nomad's canaries too, carry the metadata `version` in Consul and are a
 * {@link Subset}, to which nothing is sent until a rule says so. Terraform waits until its deployment is healthy, and only
 * then writes such rules.
 *
 * @example
 * const next = api.addVersion("v2", { workload: Workload.docker({ image: "example/api:2" }) });
 * api.canary(next, { percent: 10, header: "x-canary" });
 */
export class ServiceVersion extends ServiceJob {
  readonly serviceName;
  readonly protocol;
  readonly mesh;
  readonly jobName: string;
  readonly props: ServiceJobProps;
  /** Its instances, as traffic rules name them. */
  readonly subset: Subset;

  protected readonly localBinds: LocalBinds;
  protected readonly meshJob: MeshJob;
  private readonly inheritsConnections: boolean;

  /** @internal Made by {@link MeshService.addVersion}. */
  constructor(
    /** The service that it is a version of. */
    readonly service: MeshService,
    /** Metadata `version` of its instances, and name of their subset. */
    readonly version: string,
    props: ServiceVersionProps,
    localBinds: LocalBinds,
  ) {
    super(service, version);
    const { inheritConnections = true, ...own } = props;
    const { serviceName, protocol, mesh, traffic } = service;
    const { canaryMeta = service.props.canaryMeta } = own;
    this.serviceName = serviceName;
    this.protocol = protocol;
    this.mesh = mesh;
    this.jobName = `${serviceName}-${version}`;
    this.props = {
      ...service.props,
      publish: undefined,
      ...own,
      meta: mergeMaps(service.props.meta, own.meta, { version }),
      // Nomad's canaries have this instead of the other.
      canaryMeta: canaryMeta && mergeMaps(canaryMeta, { version }),
    };
    this.inheritsConnections = inheritConnections;
    this.localBinds = inheritConnections ? localBinds : new LocalBinds();
    this.localBinds.take(this.props.port);
    this.subset = traffic.addVersion(version, SubsetFilter.meta("version", version));
    mesh.registerJob(this);
    // Without its subset, its first instance would answer whoever calls the service.
    this.meshJob = new MeshJob(
      this,
      mesh,
      { ...this.effectiveProps, id: this.jobName },
      () => this.renderAnew(),
      () => [service.defaults, traffic.resolver],
      { detach: false },
    );
  }

  override get upstreams(): readonly Upstream[] {
    const inherited = this.inheritedUpstreams;
    const added = new Map(this.ownUpstreams.map((upstream) => [upstream.id, upstream]));
    const known = new Set(inherited.map(({ id }) => id));
    return [
      ...inherited.map((upstream) => {
        const own = added.get(upstream.id);
        return own === undefined ? upstream : upstream.extendedBy(own);
      }),
      ...this.ownUpstreams.filter(({ id }) => !known.has(id)),
    ];
  }

  /** @internal The service's own, as far as it has them too. */
  get inheritedUpstreams(): readonly Upstream[] {
    return this.inheritsConnections ? this.service.upstreams : [];
  }
}
