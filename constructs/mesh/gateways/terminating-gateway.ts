import type { AclBindingRule } from "@cdktf/provider-consul/lib/acl-binding-rule";
import type { Construct } from "constructs";
import type * as consul from "../../consul/generated/config-entries";
import type { WorkloadAuthMethod } from "../../access/workload-auth-method";
import { isSameTenancy, namespaceOf, partitionOf } from "../../consul/tenancy";
import { MeshError } from "../../core/errors";
import { placeSeenFrom } from "../../model/cluster";
import { normalizingRuntime } from "../../nomad/envoy-normalization";
import {
  gatewayTaskName,
  listeningCheck,
  renderGatewayBlockJob,
  sidecarOf,
  type GatewayBlockProps,
} from "../../nomad/gateway-job";
import type * as nomad from "../../nomad/generated/job";
import { Graph } from "../../model/graph";
import type { Snapshot } from "../../model/snapshot";
import { DerivedConfigEntry } from "../config-entry";
import type { ExternalService } from "./external-service";
import { like, refuseWrongArgument } from "../../core/shape";
import { TERMINATING_GATEWAY_SHAPE } from "../shapes";
import { Gateway, type GatewayBaseProps, type InMesh } from "./gateway";

/** Props of {@link ServiceMesh.addTerminatingGateway}. */
export interface TerminatingGatewayBaseProps extends GatewayBaseProps, GatewayBlockProps {}

/** Props of {@link TerminatingGateway}. */
export interface TerminatingGatewayProps extends TerminatingGatewayBaseProps, InMesh {}

/**
 * Without it, Envoy would send requests to all instances, with failing health checks too, once fewer than half of them are healthy. Consul
 * configures this for the Envoys of services, but not for those of terminating gateways.
 *
 * @see https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/panic_threshold
 */
const ONLY_HEALTHY: Readonly<Record<string, number>> = { "upstream.healthy_panic_threshold": 0 };

/**
 * A gateway to services outside the mesh. Services connect to it with mutual TLS, as to any other service. It enforces the intentions of
 * the external service, and connects to that service with the service's own TLS settings.
 *
 * Its config entry is also a Terraform resource, so that it is deleted with the gateway: Nomad writes the same entry from the job, but
 * never deletes it.
 *
 * @see https://developer.hashicorp.com/consul/docs/north-south/terminating-gateway
 */
export class TerminatingGateway extends Gateway<TerminatingGatewayBaseProps> {
  constructor(scope: Construct, id: string, props: TerminatingGatewayProps) {
    super(scope, id, props, "terminating gateway", TERMINATING_GATEWAY_SHAPE);
    const entry = new DerivedConfigEntry<consul.TerminatingGatewayConfigEntry>(this, "Entry", {
      kind: "terminating-gateway",
      name: this.serviceName,
      entry: (graph) => {
        const Services = this.linkedServices(graph);
        return Services.length > 0 ? { Services } : undefined;
      },
    });
    this.declare({ hostPorts: [], render: (graph) => this.renderWith(graph), needs: () => [entry] });
  }

  /** Makes the gateway route to an external service. To allow sources, call `connectTo` of the source, or `allowFrom` of the service. */
  addService(service: ExternalService): void {
    refuseWrongArgument(this, "service", service, like("an ExternalService", "nodeNames"));
    const key = this.node.path;
    const { tenancy: { partition } = {} } = placeSeenFrom(this.mesh, service.mesh);
    if (partition !== undefined && partition !== partitionOf(this.mesh.tenancy ?? {})) {
      throw new MeshError(
        this,
        `The external service ${service.serviceName} is in the partition ${partition}, and a terminating gateway routes only to services of its own one.`,
        "Add a terminating gateway to that partition.",
      );
    }
    Graph.of(this).write(this, ({ outside }) =>
      outside.set(key, (outside.get(key) ?? new Set()).add(service.node.path)),
    );
  }

  protected override addRule(access: WorkloadAuthMethod): AclBindingRule {
    const services = () => {
      const { snapshot } = Graph.of(this);
      return snapshot.outsideServicesOf(this.node.path).map(({ name }) => name);
    };
    return access.allowTerminatingGateway(this.serviceName, services, this.workload);
  }

  private renderWith(graph: Snapshot): nomad.Job {
    const { serviceName, props } = this;
    return renderGatewayBlockJob(props, {
      serviceName,
      kind: "terminating",
      runtime: { ...ONLY_HEALTHY, ...this.envoyRuntime, ...this.normalizingRuntime(graph) },
      gateway: {
        Terminating: {
          Services: this.linkedServices(graph),
        },
      },
      ports: [],
      service: {
        // Nomad gives a gateway without ports a dynamic one, on which Envoy listens. The check uses that port.
        Checks: [listeningCheck(`${serviceName} listens`)],
      },
    });
  }

  private linkedServices(graph: Snapshot): consul.LinkedService[] {
    const task = gatewayTaskName("terminating", this.serviceName);
    const pathOf = (file: string | undefined) =>
      file === undefined ? undefined : sidecarOf(this.props).pathOf(task, file);
    const own = graph.clusterOf(this.mesh.node.path);
    return graph.outsideServicesOf(this.node.path).map(({ name, tls, mesh }) => ({
      Name: name,
      ...(!isSameTenancy(graph.clusterOf(mesh).tenancy, own.tenancy) && {
        Namespace: namespaceOf(graph.clusterOf(mesh).tenancy),
      }),
      CAFile: pathOf(tls?.caFile),
      CertFile: pathOf(tls?.certFile),
      KeyFile: pathOf(tls?.keyFile),
      SNI: tls?.sni,
    }));
  }

  /** Envoy of the gateway evaluates permissions for external services, as sidecars do for their services. */
  private normalizingRuntime(graph: Snapshot): Readonly<Record<string, number>> | undefined {
    const mesh = this.mesh.node.path;
    const cluster = graph.clusterOf(mesh);
    const normalization = graph.requestNormalizationOf(mesh);
    const intentions = graph.outsideServicesOf(this.node.path).flatMap(({ name }) => cluster.intentionsFor(name));
    return normalization !== undefined && intentions.some(({ permissions }) => permissions !== undefined)
      ? normalizingRuntime(normalization)
      : undefined;
  }
}
