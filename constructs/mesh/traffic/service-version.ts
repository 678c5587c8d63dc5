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

/** Props of {@link MeshService.addVersion}. Props that are omitted have the values of the service itself. */
export interface ServiceVersionProps
  extends Partial<Omit<ServiceJobProps, "workload">>, Pick<ServiceJobProps, "workload"> {
  /**
   * Whether the version has the upstreams of the service, on the same local ports and with the same environment variables.
   *
   * @default true
   */
  readonly inheritConnections?: boolean;
  /** Port of the node, see {@link ServiceJobProps.publish}. @default none, even if the service sets one */
  readonly publish?: number;
}

/** The parts of a service that its versions use. */
interface ServiceParts {
  readonly props: ServiceJobProps;
  readonly localBinds: LocalBinds;
}

/**
 * Another version of a service. It is a separate job that registers under the name of the service, so it has the same identity,
 * intentions and `service-defaults`. In Consul, its instances, including Nomad's canaries, have the metadata `version`, whatever `meta`
 * contains. They form a {@link Subset}, which gets no requests until a traffic rule sends some to it. Terraform writes such rules only
 * after the deployment of the version is healthy.
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
  /** ID of the job in Nomad. */
  readonly jobName: string;
  /** The subset of the instances of this version, for traffic rules. */
  readonly subset: Subset;

  /** @internal Made by {@link MeshService.addVersion}. */
  constructor(
    /** The service of this version. */
    readonly service: TrafficOwner,
    /** Metadata `version` of the instances, and name of their subset. */
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
      // Nomad's canaries have this metadata instead of `meta`.
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
      // If the subset did not exist yet, the first instance would get requests of all clients of the service.
      needs: () => [
        { entry: { kind: "service-defaults", name: serviceName } },
        { entry: { kind: "service-resolver", name: serviceName } },
      ],
    });
  }
}
