import type { Job } from "@cdktf/provider-nomad/lib/job";
import type { Protocol } from "../../consul/protocol";
import { mergeMaps } from "../../core/collections";
import { SubsetFilter } from "../../consul/subset-filter";
import { AllocationPorts, LocalBinds } from "../../model/local-ports";
import { renderServiceJob, tasksOf, type ServiceJobProps } from "../../nomad/service-job";
import { withoutUndefined } from "../../core/without-undefined";
import type { Mesh } from "../mesh";
import { declareJob } from "../jobs/declare-job";
import { connectionsOf } from "../render-upstream";
import { instancesParts, ServiceInstances } from "../service-instances";
import type { TrafficOwner } from "./service-traffic";
import type { Subset } from "./subset";
import { refuseWrongValues } from "../../core/shape";
import { VERSION_SHAPE } from "../shapes";

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

/** What a version takes from its service. */
interface ServiceParts {
  readonly props: ServiceJobProps;
  readonly localBinds: LocalBinds;
}

/**
 * Another version of a service: a job of its own, registered under the service's own name, so with its identity, its
 * intentions and its defaults. Its instances, Nomad's canaries too, carry the metadata `version` in Consul, whatever `meta` says, and are a
 * {@link Subset}, to which nothing is sent until a rule says so. Terraform waits until its deployment is healthy, and only
 * then writes such rules.
 *
 * @example
 * const next = api.addVersion("v2", { workload: Workload.docker({ image: "example/api:2" }) });
 * api.canary(next, { percent: 10, header: "x-canary" });
 */
export class ServiceVersion extends ServiceInstances {
  readonly serviceName: string;
  readonly protocol: Protocol;
  readonly mesh: Mesh;
  readonly job: Job;
  /** Id of its job in Nomad. */
  readonly jobName: string;
  /** Its instances, as traffic rules name them. */
  readonly subset: Subset;

  /** @internal Made by {@link MeshService.addVersion}. */
  constructor(
    /** The service that it is a version of. */
    readonly service: TrafficOwner,
    /** Metadata `version` of its instances, and name of their subset. */
    readonly version: string,
    given: ServiceVersionProps,
    of: ServiceParts,
  ) {
    super(service, version);
    refuseWrongValues(this, given, VERSION_SHAPE);
    const { inheritConnections = true, ...own } = given;
    const { serviceName, protocol, mesh, traffic } = service;
    const { canaryMeta = of.props.canaryMeta } = own;
    const jobName = `${serviceName}-${version}`;
    const props: ServiceJobProps = {
      ...of.props,
      publish: undefined,
      ...withoutUndefined(own),
      meta: mergeMaps(of.props.meta, own.meta, { version }),
      // Nomad's canaries have this instead of the other.
      canaryMeta: canaryMeta && mergeMaps(canaryMeta, { version }),
    };
    this.serviceName = serviceName;
    this.protocol = protocol;
    this.mesh = mesh;
    this.jobName = jobName;
    this.subset = traffic.addVersion(version, SubsetFilter.meta("version", version));
    this.addInstances({
      ...instancesParts(service, this.node.path, jobName, props, tasksOf(serviceName, props)),
      ...{ version, inherits: inheritConnections ? service.node.path : undefined },
      localBinds: inheritConnections ? of.localBinds : new LocalBinds(new AllocationPorts()),
    });
    const { region, namespace } = props;
    this.job = declareJob(this, {
      ...{ mesh, region, namespace, id: jobName, owner: service.node.path, version, waitUntilHealthy: true },
      render: (graph) => renderServiceJob(props, { serviceName, jobName, ...connectionsOf(graph, this.node.path) }),
      // Without its subset, its first instance would answer whatever calls the service.
      needs: () => [
        { entry: { kind: "service-defaults", name: serviceName } },
        { entry: { kind: "service-resolver", name: serviceName } },
      ],
    });
  }
}
