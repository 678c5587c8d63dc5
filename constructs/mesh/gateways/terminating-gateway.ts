import type { AclBindingRule } from "@cdktf/provider-consul/lib/acl-binding-rule";
import type { Construct } from "constructs";
import type * as consul from "../../consul/generated/config-entries";
import type { WorkloadAuthMethod } from "../../access/workload-auth-method";
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
import { ConsulConfigEntry } from "../config-entry";
import type { ExternalService } from "./external-service";
import { like, refuseWrongArgument } from "../../core/shape";
import { TERMINATING_GATEWAY_SHAPE } from "../shapes";
import { Gateway, type GatewayBaseProps, type InMesh } from "./gateway";

/** What {@link ServiceMesh.addTerminatingGateway} takes. */
export interface TerminatingGatewayBaseProps extends GatewayBaseProps, GatewayBlockProps {}

/** Props of {@link TerminatingGateway}. */
export interface TerminatingGatewayProps extends TerminatingGatewayBaseProps, InMesh {}

/**
 * The gateway out of the mesh: services reach it by mutual TLS like any other, it asks the intentions of the service outside, and
 * speaks TLS with that service's own authority.
 *
 * Its config entry is a resource, so that it goes with the gateway. Nomad writes the same entry from the job, and never removes it.
 *
 * @see https://developer.hashicorp.com/consul/docs/north-south/terminating-gateway
 */
export class TerminatingGateway extends Gateway<TerminatingGatewayBaseProps> {
  constructor(scope: Construct, id: string, props: TerminatingGatewayProps) {
    super(scope, id, props, "terminating gateway", TERMINATING_GATEWAY_SHAPE);
    const entry = new ConsulConfigEntry<consul.TerminatingGatewayConfigEntry>(this, "Entry", {
      kind: "terminating-gateway",
      name: this.serviceName,
      entry: (graph) => {
        const Services = this.linkedServices(graph);
        return Services.length > 0 ? { Services } : undefined;
      },
    });
    this.declare({ hostPorts: [], render: (graph) => this.renderWith(graph), needs: () => [entry] });
  }

  /** Leads to a service outside. What may go there is said at that service: `connectTo`, `allowFrom`. */
  addService(service: ExternalService): void {
    refuseWrongArgument(this, "service", service, like("an ExternalService", "nodeName"));
    const key = this.node.path;
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
      runtime: { ...this.envoyRuntime, ...this.normalizingRuntime(graph) },
      gateway: {
        Terminating: {
          Services: this.linkedServices(graph),
        },
      },
      ports: [],
      service: {
        // Without a port of its own Nomad gives it a dynamic one, where its Envoy listens; the check is of that port.
        Checks: [listeningCheck(`${serviceName} listens`)],
      },
    });
  }

  private linkedServices(graph: Snapshot): consul.LinkedService[] {
    const task = gatewayTaskName("terminating", this.serviceName);
    const pathOf = (file: string | undefined) =>
      file === undefined ? undefined : sidecarOf(this.props).pathOf(task, file);
    return graph.outsideServicesOf(this.node.path).map(({ name, tls }) => ({
      Name: name,
      CAFile: pathOf(tls?.caFile),
      CertFile: pathOf(tls?.certFile),
      KeyFile: pathOf(tls?.keyFile),
      SNI: tls?.sni,
    }));
  }

  /** Its Envoy decides on requests for services outside, as sidecars do on those for theirs. */
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
